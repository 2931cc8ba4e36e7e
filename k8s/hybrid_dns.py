"""CoreDNS on the hybrid side: names are resolved there too, and each pod asks the side that it runs on first.

The add-on's own Deployment stays with the managed nodes (infra/core_dns.py). One Deployment cannot do both: with soft
rules all its replicas land on the nodes that are there first and never move; with hard ones the add-on hangs DEGRADED
while hybrid nodes are late. So the hybrid side has a Deployment of its own, with the add-on's configuration and
account, behind the add-on's Service. Nothing here is awaited: its pods wait for hybrid nodes, `pulumi up` does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import ServicePatch
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from infra import versions
from infra.names import (
    COMPUTE_TYPE_LABEL,
    CORE_DNS,
    DNS_SERVICE,
    HYBRID_COMPUTE,
    HYBRID_CORE_DNS,
    SYSTEM_NAMESPACE,
)
from k8s import children, workloads
from k8s.children import HybridSide

# Service kube-dns selects its pods by the first label alone. The add-on's Deployment and budget ask for a label of
# the add-on as well, which these pods do not have.
LABELS: Final = {"k8s-app": "kube-dns", "eks-hybrid-calico/side": "hybrid"}
# The account and the ConfigMap that come with the add-on.
# As EKS counts for the add-on: https://docs.aws.amazon.com/eks/latest/userguide/coredns-autoscaling.html
_NODES_PER_REPLICA: Final = 16


class Cluster(Protocol):
    """What this asks of a cluster."""

    @property
    def control_plane(self) -> pulumi.Resource:
        """What everything in it goes with."""
        ...

    @property
    def kubernetes_version(self) -> str:
        """Its version, such as 1.36."""
        ...


@dataclass(frozen=True, kw_only=True)
class HybridDnsArgs:
    """`add_on` brings configuration, account and Service; all goes with `cluster`."""

    cluster: Cluster
    add_on: pulumi.Resource
    hybrid: HybridSide


class HybridDns(pulumi.ComponentResource):
    """Deployment and budget coredns-hybrid, and a field of the add-on's Service kube-dns."""

    def __init__(self, name: str, args: HybridDnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:hybrid_dns:HybridDns", name, None, opts)
        after_add_on = children.after(self, args.cluster.control_plane, [args.add_on])
        Deployment(
            HYBRID_CORE_DNS,
            **deployment(len(args.hybrid.activation_ids), args.hybrid.taints),
            opts=after_add_on,
        )
        PodDisruptionBudget(
            HYBRID_CORE_DNS, **budget(), opts=children.first(self, args.cluster.control_plane, opts)
        )
        ServicePatch(DNS_SERVICE, **own_side_first(args.cluster.kubernetes_version), opts=after_add_on)
        self.register_outputs({})


def replicas(hybrid_nodes: int) -> int:
    """Return how many pods serve so many hybrid nodes: two where there are two, and one more for every 16 nodes."""
    return min(hybrid_nodes, max(2, -(-hybrid_nodes // _NODES_PER_REPLICA)))


def deployment(hybrid_nodes: int, taints: Sequence[str] = ()) -> dict[str, Any]:
    """Return `metadata` and `spec` of Deployment coredns-hybrid.

    Each pod has a host of its own and waits for it. The first hybrid node gets one at once and no second one.
    """
    count = replicas(hybrid_nodes)
    pod = {
        "nodeSelector": {COMPUTE_TYPE_LABEL: HYBRID_COMPUTE},
        "topologySpreadConstraints": [
            workloads.spread_over_hosts(HYBRID_CORE_DNS, min_hosts=count, labels=LABELS)
        ],
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            # A node that the control plane does not reach may be a site that is cut off and goes on: its pods stay.
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
            *workloads.tolerations(taints),
        ],
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": CORE_DNS,
        # The resolver of the node, not the cluster's: that would be a circle. Outside names are resolved on site.
        "dnsPolicy": "Default",
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container()],
        "volumes": [
            {
                "name": "config",
                "configMap": {"name": CORE_DNS, "items": [{"key": "Corefile", "path": "Corefile"}]},
            }
        ],
    }
    return {
        "metadata": {
            "name": HYBRID_CORE_DNS,
            "namespace": SYSTEM_NAMESPACE,
            "labels": LABELS,
            "annotations": workloads.NOT_AWAITED,
        },
        "spec": {
            "replicas": count,
            # With one pod per host there is no room for a surge, and one stays.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": pod},
        },
    }


def budget() -> dict[str, Any]:
    """Return `metadata` and `spec` of the budget: a drain takes one pod at a time."""
    return {
        "metadata": {"name": HYBRID_CORE_DNS, "namespace": SYSTEM_NAMESPACE},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": LABELS}},
    }


def own_side_first(kubernetes: str) -> dict[str, Any]:
    """Return the patch of Service kube-dns: a pod asks the CoreDNS pods of its own zone, if there are any.

    Hybrid nodes have the zone `onprem`. EKS applies the Service by server-side apply and puts back only the fields
    that it sets itself, of which this is none. PreferClose is the name up to 1.33, and later ones warn of it.
    https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-field-management.html
    https://kubernetes.io/docs/reference/networking/virtual-ips/#traffic-distribution
    """
    return {
        "metadata": {
            "name": DNS_SERVICE,
            "namespace": SYSTEM_NAMESPACE,
            "annotations": workloads.NOT_AWAITED,
        },
        "spec": {"trafficDistribution": "PreferClose" if kubernetes == "1.33" else "PreferSameZone"},
    }


def _container() -> dict[str, Any]:
    return {
        "name": "coredns",
        "image": versions.COREDNS_IMAGE,
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9153, "protocol": "TCP"},
        ],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
        "securityContext": workloads.confined(add=["NET_BIND_SERVICE"]),
        # As the add-on's.
        "resources": {"requests": {"cpu": "100m", "memory": "70Mi"}, "limits": {"memory": "170Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}},
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": 8080},
            "initialDelaySeconds": 60,
            "timeoutSeconds": 5,
            "failureThreshold": 5,
        },
    }
