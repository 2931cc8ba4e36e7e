"""A cluster with nodes and this program's workloads, and what a test asks of it."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from infra import core_dns
from infra.names import CHECK_NAMESPACE, SAMPLE_NAMESPACE
from k8s import calico_manifest, hybrid_dns, nw_check, sample_app
from tests.cluster import machines
from tests.cluster.api import Object, wait_for
from tests.cluster.control_plane import ControlPlane
from tests.manifest import real_manifest

POD_CIDR = "192.168.0.0/16"
NODE_PORT = 30080
# What Amazon's add-on makes of CoreDNS: its Deployment, budget, configuration and Service. Left out is its own soft
# anti-affinity between hosts: what is judged here is the configuration that this program sends.
_CORE_DNS = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: coredns, namespace: kube-system}
spec: {maxUnavailable: 1, selector: {matchLabels: {eks.amazonaws.com/component: coredns, k8s-app: kube-dns}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: coredns, namespace: kube-system}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: coredns, namespace: kube-system}
data: {Corefile: ".:53 {}"}
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  clusterIP: 172.16.0.10
  selector: {k8s-app: kube-dns}
  ports:
    - {name: dns, port: 53, protocol: UDP}
    - {name: dns-tcp, port: 53, protocol: TCP}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: coredns
  namespace: kube-system
  labels: {eks.amazonaws.com/component: coredns, k8s-app: kube-dns, kubernetes.io/name: CoreDNS}
spec:
  replicas: 2
  selector: {matchLabels: {eks.amazonaws.com/component: coredns, k8s-app: kube-dns}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}
  template:
    metadata: {labels: {eks.amazonaws.com/component: coredns, k8s-app: kube-dns}}
    spec:
      serviceAccountName: coredns
      priorityClassName: system-cluster-critical
      tolerations:
        - {key: node-role.kubernetes.io/control-plane, effect: NoSchedule}
        - {key: CriticalAddonsOnly, operator: Exists}
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
              - matchExpressions:
                  - {key: kubernetes.io/os, operator: In, values: [linux]}
                  - {key: kubernetes.io/arch, operator: In, values: [amd64, arm64]}
      containers:
        - name: coredns
          image: 602401143452.dkr.ecr.eu-central-1.amazonaws.com/eks/coredns:v1.13.2
          resources: {requests: {cpu: 100m, memory: 70Mi}, limits: {memory: 170Mi}}
"""


def calico(version: str) -> list[Object]:
    """Return Calico's objects as the program sends them, in its order."""
    manifest = calico_manifest.prepare(
        source=str(real_manifest(version)),
        version=version,
        sha256=None,
        pod_cidr=POD_CIDR,
        cache_dir=Path("/nowhere"),
    )
    return [*manifest.before_nodes, *manifest.after_nodes]


def core_dns_objects(*, zones: int = 2, most_nodes: int = 4) -> list[Object]:
    """Return CoreDNS as the add-on makes it with the configuration that this program sends."""
    objects = list(yaml.safe_load_all(_CORE_DNS))
    deployment = objects[-1]
    pod = deployment["spec"]["template"]["spec"]
    configuration = dict(core_dns.configuration(zones=zones, most_nodes=most_nodes))
    # Where EKS's autoscaler leaves it while there are few nodes.
    deployment["spec"]["replicas"] = configuration.pop("autoScaling")["minReplicas"]
    taken = {"affinity", "nodeSelector", "tolerations", "topologySpreadConstraints"}
    assert configuration.keys() <= taken, (
        f"teach this test what the add-on does with {configuration.keys() - taken}"
    )
    pod.update(configuration)
    return objects


_VERSIONS = {
    "APIService": "apiregistration.k8s.io/v1",
    "Deployment": "apps/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
}


def workload(kind: str, parts: Object) -> Object:
    """Return a whole object for what the functions of k8s return: metadata and spec."""
    return {"apiVersion": _VERSIONS.get(kind, "v1"), "kind": kind, **parts}


def hybrid_dns_objects(nodes: int) -> list[Object]:
    """Return CoreDNS of the hybrid side, as the program sends it beside the add-on."""
    return [
        workload("Deployment", hybrid_dns.deployment(nodes)),
        workload("PodDisruptionBudget", hybrid_dns.budget()),
    ]


def namespace(name: str) -> Object:
    """Return a Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


class World:
    """One test's cluster. What it has made is gone when the test ends."""

    def __init__(self, cluster: ControlPlane) -> None:
        self.cluster, self.api = cluster, cluster.api
        self._made: list[Object] = []

    # --- building --------------------------------------------------------------------------------

    def put(self, *objects: Object) -> list[str]:
        """Apply objects in their order, whoever owns their fields, and return the server's warnings."""
        warnings: list[str] = []
        for obj in objects:
            warnings += self.api.apply(obj, force=True).warnings
            self._made.append(obj)
        return warnings

    def put_as(self, manager: str, *objects: Object) -> None:
        """Apply objects as somebody else does, who takes what he names."""
        for obj in objects:
            self.api.apply(obj, manager=manager, force=True)
            self._made.append(obj)

    def join(self, *nodes: Object) -> None:
        """Let machines register, and wait until they are Ready."""
        for node in nodes:
            self.api.create(node)
        for node in nodes:
            name = node["metadata"]["name"]
            wait_for(f"node {name} is not Ready", lambda node=node: self._takes_pods(node))

    def _takes_pods(self, node: Object) -> bool:
        found = self.api.get(node)
        conditions = {each["type"]: each["status"] for each in found.get("status", {}).get("conditions", [])}
        return conditions.get("Ready") == "True" and not found["spec"].get("taints")

    def managed(self, count: int) -> list[Object]:
        """Let `count` machines of the node group join."""
        nodes = [machines.managed_node(number) for number in range(count)]
        self.join(*nodes)
        return nodes

    def hybrid(self, *activation_ids: str) -> list[Object]:
        """Let a hybrid machine join for each activation."""
        nodes = [hybrid_machine(identity) for identity in activation_ids]
        self.join(*nodes)
        return nodes

    def leave(self, node: Object) -> None:
        """Take a machine away as the clean-up does: the Node object is deleted."""
        self.api.delete(node)

    def deploy(self, managed: int, activation_ids: Sequence[str]) -> list[str]:
        """Apply nw-check, the sample app and CoreDNS for so many nodes; return the server's warnings."""
        return self.put(
            namespace(CHECK_NAMESPACE),
            namespace(SAMPLE_NAMESPACE),
            workload("Deployment", nw_check.managed_deployment(managed)),
            workload("Deployment", nw_check.hybrid_deployment(activation_ids)),
            workload("Deployment", sample_app.app_deployment(activation_ids)),
            workload("Service", sample_app.node_port_service(NODE_PORT)),
            *core_dns_objects(),
            *hybrid_dns_objects(len(activation_ids)),
        )

    # --- looking ---------------------------------------------------------------------------------

    def available(self, name: str, space: str) -> bool:
        """Tell whether a Deployment is rolled out: every pod new, ready and available."""
        found = self.api.find("apps/v1", "Deployment", name, namespace=space)
        assert found is not None, f"there is no Deployment {space}/{name}"
        status, wanted = found.get("status", {}), found["spec"]["replicas"]
        counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
        return status.get("observedGeneration") == found["metadata"]["generation"] and counts == [wanted] * 3

    def wait_available(self, *names: tuple[str, str]) -> None:
        """Wait until Deployments (name, namespace) are rolled out."""
        for name, space in names:
            wait_for(
                lambda n=name, s=space: f"{s}/{n} is not available: {self.why(n, s)}",
                lambda n=name, s=space: self.available(n, s),
            )

    def pods(self, space: str, labels: str = "") -> list[Object]:
        """List the pods of a namespace that are not on their way out."""
        found = self.api.items("v1", "Pod", namespace=space, labels=labels)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def hosts(self, space: str, labels: str) -> dict[str, int]:
        """Return how many pods each node has."""
        return dict(
            Counter(pod["spec"]["nodeName"] for pod in self.pods(space, labels) if "nodeName" in pod["spec"])
        )

    def pending(self, space: str, labels: str) -> list[Object]:
        """List the pods that the scheduler has refused a place."""
        return [pod for pod in self.pods(space, labels) if unschedulable(pod)]

    def why(self, name: str, space: str) -> str:
        """Return what the scheduler says about each pod without a place, or else what the Deployment says."""
        refused = "; ".join(filter(None, map(unschedulable, self.pods(space))))
        found = self.api.find("apps/v1", "Deployment", name, namespace=space)
        return refused or f"the scheduler refused no pod; {(found or {}).get('status')}"

    # --- cleaning --------------------------------------------------------------------------------

    def clear(self) -> None:
        """Remove all that the test has made."""
        at_once: dict[str, Any] = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        for obj in reversed(self._made):
            if obj["kind"] != "Namespace":
                self.api.delete(obj, **at_once)
        for node in self.api.items("v1", "Node"):
            self.api.delete({**node, **_NODE})
        # Pods go when their controller has seen that their ReplicaSets are gone. In between it replaces them, and would
        # wait five minutes for a pod of the next ReplicaSet of that name.
        wait_for("ReplicaSets stay", lambda: not self._remove("apps/v1", "ReplicaSet", at_once))
        time.sleep(_SEEN_S)
        wait_for("pods stay", lambda: not self._remove("v1", "Pod", at_once))

    def _remove(self, version: str, kind: str, options: dict[str, Any]) -> list[Object]:
        for each in self.api.items(version, kind):
            self.api.delete({**each, "apiVersion": version, "kind": kind}, **options)
        return self.api.items(version, kind)


_SEEN_S = 0.3
_NODE = {"apiVersion": "v1", "kind": "Node"}


def hybrid_machine(activation_id: str) -> Object:
    """Return the Node of the machine that registered with an activation."""
    digest = hashlib.sha256(activation_id.encode()).hexdigest()[:17]
    address = f"10.90.1.{10 + int(digest[:2], 16) % 200}"
    return machines.hybrid_node(f"mi-{digest}", activation_id=activation_id, address=address)


def names(nodes: Iterable[Object]) -> set[str]:
    """Return the names of Nodes."""
    return {node["metadata"]["name"] for node in nodes}


def unschedulable(pod: Object) -> str:
    """Return the scheduler's words about a pod that it has refused a place; empty when it has not."""
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return condition["message"]
    return ""
