"""The smallest manifest that the program takes for Calico's, for machines that cannot fetch the real one."""

from __future__ import annotations

import hashlib
from pathlib import Path

_MANIFEST = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: calico-kube-controllers, namespace: kube-system}
spec: {maxUnavailable: 1, selector: {matchLabels: {k8s-app: calico-kube-controllers}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: calico-config, namespace: kube-system}
data:
  calico_backend: vxlan
  veth_mtu: "0"
  cni_network_config: |-
    {
      "plugins": [
        {
          "type": "calico",
          "mtu": __CNI_MTU__,
          "ipam": {
              "type": "calico-ipam"
          }
        },
        {
          "type": "portmap"
        }
      ]
    }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ippools.crd.projectcalico.org}
spec:
  group: crd.projectcalico.org
  names: {kind: IPPool, listKind: IPPoolList, plural: ippools, singular: ippool}
  scope: Cluster
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      initContainers:
        - name: install-cni
          image: quay.io/calico/cni:v3.32.1
          env:
            - name: CNI_NETWORK_CONFIG
              valueFrom: {configMapKeyRef: {name: calico-config, key: cni_network_config}}
      containers:
        - name: calico-node
          image: quay.io/calico/node:v3.32.1
          env:
            - name: CALICO_NETWORKING_BACKEND
              valueFrom: {configMapKeyRef: {name: calico-config, key: calico_backend}}
            - {name: CALICO_IPV4POOL_VXLAN, value: CrossSubnet}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: calico-kube-controllers, namespace: kube-system}
spec:
  replicas: 1
  selector: {matchLabels: {k8s-app: calico-kube-controllers}}
  template:
    metadata: {labels: {k8s-app: calico-kube-controllers}}
    spec: {containers: [{name: calico-kube-controllers, image: quay.io/calico/kube-controllers:v3.32.1}]}
"""


def small_manifest(folder: Path) -> tuple[Path, str]:
    """Write it; return where, and its SHA-256."""
    path = folder / "calico.yaml"
    path.write_text(_MANIFEST, encoding="utf-8")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()
