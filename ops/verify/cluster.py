"""Nodes and pods as the checks speak of them, read from the API's objects."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from infra.names import (
    ACTIVATION_LABEL,
    CHECK_HYBRID,
    CHECK_MANAGED,
    CHECK_NAMESPACE,
    CLOSED_HYBRID,
    CLOSED_MANAGED,
    COMPUTE_TYPE_LABEL,
    HYBRID_COMPUTE,
    HYBRID_POD_IDENTITY_AGENT,
    NAME_LABEL,
    POD_IDENTITY_AGENT,
    SAMPLE_APP,
    SAMPLE_NAMESPACE,
    SYSTEM_NAMESPACE,
)
from ops.clients.kube import Kube
from ops.clients.objects import conditions_of, is_ready, labels_of, name_of, namespace_of
from ops.clients.pool import Memo
from ops.clients.stack_outputs import Deployment

Object = dict[str, Any]
CHECK_APPS = (CHECK_MANAGED, CHECK_HYBRID)
# The pods that a NetworkPolicy closes, by side.
CLOSED_APPS = {"managed": CLOSED_MANAGED, "hybrid": CLOSED_HYBRID}


@dataclass(frozen=True, kw_only=True)
class Node:
    """A Kubernetes Node. `alias`: the name in the settings (hybrid), or the host name without its domain."""

    name: str
    alias: str
    hybrid: bool
    ip: str
    provider_id: str
    kubelet: str
    ready: bool
    ready_message: str
    labels: dict[str, str] = field(repr=False)
    annotations: dict[str, str] = field(repr=False)

    @property
    def activation_id(self) -> str:
        """Give the SSM activation the node joined with; empty when its label is missing."""
        return self.labels.get(ACTIVATION_LABEL, "")

    @property
    def instance_id(self) -> str:
        """Give the last part of the provider id: `i-...` for a managed node, `mi-...` for a hybrid one."""
        return self.provider_id.rpartition("/")[2]

    def __str__(self) -> str:
        """Name the node as kubectl does, a hybrid one by its name in the settings as well."""
        return f"{self.alias} ({self.name})" if self.hybrid and self.alias != self.name else self.name


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A Pod and where it runs."""

    name: str
    namespace: str
    app: str
    node: str
    ip: str
    container: str
    phase: str
    ready: bool
    waiting: str


class Cluster:
    """The cluster's objects, each list read at most once per round."""

    def __init__(self, kube: Kube, memo: Memo, deployment: Deployment) -> None:
        self._kube = kube
        self._memo = memo
        self._deployment = deployment

    @property
    def nodes(self) -> list[Node]:
        """List all Nodes, managed ones first, each kind by alias."""
        nodes = [node_of(item) for item in self._memo.get("nodes", self._kube.nodes)]
        return sorted(nodes, key=lambda node: (node.hybrid, node.alias))

    @property
    def hybrid_nodes(self) -> list[Node]:
        """List the Nodes outside the cluster's VPC."""
        return [node for node in self.nodes if node.hybrid]

    def pods(self, namespace: str) -> list[Pod]:
        """List the Pods of a namespace that are not on their way out."""
        found = self._memo.get(f"pods/{namespace}", lambda: self._kube.pods(namespace))
        return [pod_of(item) for item in found if not (item.get("metadata") or {}).get("deletionTimestamp")]

    def calico_pods(self) -> dict[str, Pod]:
        """Map a node's name to its calico-node Pod."""
        return _by_node(pod for pod in self.pods("kube-system") if pod.app == "calico-node")

    def pod_identity_agents(self) -> dict[str, Pod]:
        """Map a node's name to its pod of the EKS Pod Identity agent."""
        names = (POD_IDENTITY_AGENT, HYBRID_POD_IDENTITY_AGENT)
        return _by_node(pod for pod in self.pods(SYSTEM_NAMESPACE) if pod.app in names)

    def check_pods(self) -> dict[str, Pod]:
        """Map a node's name to its running nw-check Pod."""
        return _by_node(pod for pod in self.pods(CHECK_NAMESPACE) if pod.app in CHECK_APPS and pod.ready)

    def closed_pods(self) -> dict[str, Pod]:
        """Map a side (managed, hybrid) to its closed Pod, whether it is ready or not."""
        pods = sorted(self.pods(CHECK_NAMESPACE), key=lambda pod: (pod.ready, pod.name))
        return {side: pod for side, app in CLOSED_APPS.items() for pod in pods if pod.app == app}

    def sample_pods(self) -> list[Pod]:
        """List the sample-app Pods."""
        return [pod for pod in self.pods(SAMPLE_NAMESPACE) if pod.app == SAMPLE_APP]


def _by_node(pods: Iterable[Pod]) -> dict[str, Pod]:
    # A ready pod wins over one that is still starting; then the name decides, so that runs compare.
    return {pod.node: pod for pod in sorted(pods, key=lambda pod: (pod.ready, pod.name)) if pod.node}


def node_of(item: Object) -> Node:
    """Read a Node object; whatever is missing becomes empty."""
    metadata, status = item.get("metadata") or {}, item.get("status") or {}
    labels, name = labels_of(item), name_of(item)
    hybrid = labels.get(COMPUTE_TYPE_LABEL) == HYBRID_COMPUTE or name.startswith("mi-")
    addresses = {part.get("type"): part.get("address", "") for part in status.get("addresses") or []}
    ready = conditions_of(item).get("Ready", {})
    return Node(
        name=name,
        alias=labels.get(NAME_LABEL) or name.partition(".")[0],
        hybrid=hybrid,
        ip=addresses.get("InternalIP", ""),
        provider_id=(item.get("spec") or {}).get("providerID", ""),
        kubelet=(status.get("nodeInfo") or {}).get("kubeletVersion", ""),
        ready=ready.get("status") == "True",
        ready_message=ready.get("message") or ready.get("reason") or "no Ready condition",
        labels=labels,
        annotations=metadata.get("annotations") or {},
    )


def pod_of(item: Object) -> Pod:
    """Read a Pod object; whatever is missing becomes empty."""
    spec, status, labels = item.get("spec") or {}, item.get("status") or {}, labels_of(item)
    containers = status.get("containerStatuses") or []
    waiting = [(part.get("state") or {}).get("waiting") or {} for part in containers]
    reasons = [part.get("reason", "") for part in waiting if part.get("reason")]
    if not reasons and not spec.get("nodeName"):
        reasons = [conditions_of(item).get("PodScheduled", {}).get("message", "not scheduled")]
    return Pod(
        name=name_of(item),
        namespace=namespace_of(item),
        app=labels.get("app") or labels.get("k8s-app") or labels.get("app.kubernetes.io/name", ""),
        node=spec.get("nodeName", ""),
        ip=status.get("podIP", ""),
        container=((spec.get("containers") or [{}])[0]).get("name", ""),
        phase=status.get("phase", ""),
        ready=is_ready(item),
        waiting=", ".join(reasons),
    )
