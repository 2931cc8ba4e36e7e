"""Calico's manifests for the tests: a small one, and the real ones where CALICO_MANIFEST names them."""

import hashlib
import os
from pathlib import Path

import pytest

from infra import versions

_MANIFEST = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: calico-kube-controllers, namespace: kube-system}
spec: {maxUnavailable: 1, selector: {matchLabels: {k8s-app: calico-kube-controllers}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: calico-node, namespace: kube-system}
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


def real_manifest(version: str) -> Path:
    """Return a release's own manifest: the file that CALICO_MANIFEST names, or calico-vxlan-vX.Y.Z.yaml beside it.

    Without it the test is skipped. A CALICO_MANIFEST that names no file fails the test: somebody wants it to run.
    """
    named = os.environ.get("CALICO_MANIFEST")
    if not named:
        pytest.skip("for Calico's own manifests: export CALICO_MANIFEST=$(.ci/calico-manifests)")
    file = Path(named)
    if not file.is_file():
        pytest.fail(f"CALICO_MANIFEST={named} is not a file")
    for candidate in (file, file.with_name(f"calico-vxlan-v{version}.yaml")):
        if candidate.is_file() and _sha256(candidate) == versions.CALICO_SHA256[version]:
            return candidate
    pytest.skip(f"beside CALICO_MANIFEST={named} there is no calico-vxlan-v{version}.yaml")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def small_manifest(folder: Path) -> tuple[Path, str]:
    """Write it; return where, and its SHA-256."""
    path = folder / "calico.yaml"
    path.write_text(_MANIFEST, encoding="utf-8")
    return path, _sha256(path)
