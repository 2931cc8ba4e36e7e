"""The article's nw-check: a pod with network tools on every node of either kind.

The Deployment on the hybrid nodes is also the gate of `pulumi up`: its await ends when every hybrid node has
joined and a pod on it reaches the API server. Each Deployment waits for its own kind of node only, so that one
late machine holds up one of them and the message names the right one.

Beside these open pods, each side has one that a NetworkPolicy closes to all but the closed pod of the other side.
`ops verify` tries the paths between them. Nothing waits for the closed pods: a machine that
never joins holds up nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.networking.v1 import NetworkPolicy

from infra import versions
from infra.names import (
    ACTIVATION_LABEL,
    CHECK_HYBRID,
    CHECK_MANAGED,
    CHECK_NAMESPACE,
    CLOSED_HYBRID,
    CLOSED_LABELS,
    CLOSED_MANAGED,
    CLOSED_POLICY,
    NODE_GROUP_LABEL,
)
from k8s import children, workloads
from k8s.children import HybridSide, ManagedSide

_NOBODY: Final = 65534

# EKS puts this label on every node of a managed node group, and on no other. (compute-type NotIn [hybrid] would also
# match Fargate, Auto Mode and self-managed nodes, and any node without the label.)
# https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html
_MANAGED_NODE: Final = MappingProxyType({"key": NODE_GROUP_LABEL, "operator": "Exists"})
# Every hybrid node of this stack, whichever it is.
_HYBRID_NODE: Final = MappingProxyType({"key": ACTIVATION_LABEL, "operator": "Exists"})


@dataclass(frozen=True, kw_only=True)
class NwCheckArgs:
    """What NwCheck checks, and what it waits for.

    Only the hybrid Deployment waits for the hybrid nodes, only the managed one for the managed nodes. Everything is
    deleted with `cluster`.
    """

    cluster: pulumi.Resource
    hybrid: HybridSide
    managed: ManagedSide


class NwCheck(pulumi.ComponentResource):
    """Namespace nw-check with Deployments nw-check-managed and nw-check-hybrid, one pod per node, and the closed pods.

    `hybrid` is done when every hybrid node has joined.
    """

    def __init__(self, name: str, args: NwCheckArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:nw_check:NwCheck", name, None, opts)
        namespace = Namespace(
            CHECK_NAMESPACE, metadata={"name": CHECK_NAMESPACE}, opts=children.first(self, args.cluster, opts)
        )
        managed = Deployment(
            CHECK_MANAGED,
            **managed_deployment(args.managed.desired, args.managed.taints),
            opts=children.after(
                self, args.cluster, [namespace, *args.managed.node_groups], nodes_may_boot=True
            ),
        )
        self.hybrid: pulumi.Resource = Deployment(
            CHECK_HYBRID,
            **hybrid_deployment(
                args.hybrid.activation_ids, awaited=args.hybrid.awaited, taints=args.hybrid.taints
            ),
            opts=children.after(self, args.cluster, [namespace, *args.hybrid.instances], nodes_may_boot=True),
        )
        NetworkPolicy(CLOSED_POLICY, **closed_policy(), opts=children.after(self, args.cluster, [namespace]))
        # After the awaited pods, which so never find a small node full because of this one.
        Deployment(CLOSED_MANAGED, **closed_managed(), opts=children.after(self, args.cluster, [managed]))
        Deployment(
            CLOSED_HYBRID,
            **closed_hybrid(args.hybrid.taints),
            opts=children.after(self, args.cluster, [namespace]),
        )
        self.register_outputs({})


def managed_deployment(node_count: int, taints: Sequence[str] = ()) -> dict[str, Any]:
    """Return `metadata` and `spec` of nw-check-managed, for `node_count` managed nodes.

    The node group is complete before its pods come, so maxSkew 1 alone gives each node one. There is no minDomains:
    should the group shrink later, its pods move together instead of waiting for a node that will not come.
    """
    return _deployment(
        CHECK_MANAGED,
        replicas=node_count,
        node=_MANAGED_NODE,
        spread=workloads.spread_over_hosts(CHECK_MANAGED),
        taints=taints,
    )


def hybrid_deployment(
    activation_ids: Sequence[pulumi.Input[str]], *, awaited: bool = True, taints: Sequence[str] = ()
) -> dict[str, Any]:
    """Return `metadata` and `spec` of nw-check-hybrid: one pod for each activation, each on a host of its own.

    Why its await proves that all N nodes are there: eligible for its N pods are only nodes that registered with
    one of the N activations, at most one node each. While there are fewer than minDomains = N such hosts, the
    scheduler takes the global minimum of pods per host as 0, and maxSkew 1 allows no host more than 0 + 1 pod: the
    other pods stay pending. With N hosts a second pod on one of them would need a minimum of 1, that is a pod on
    every host, and then all N pods are placed. Without minDomains the minimum is taken over the hosts there are:
    the first node to join would get all N pods, and the await would end without the others.
    https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/#spread-constraint-definition

    A replaced node has a new activation: the changed affinity rolls the Deployment out anew, on the new node.
    """
    return _deployment(
        CHECK_HYBRID,
        replicas=len(activation_ids),
        node={"key": ACTIVATION_LABEL, "operator": "In", "values": list(activation_ids)},
        spread=workloads.spread_over_hosts(CHECK_HYBRID, min_hosts=len(activation_ids)),
        awaited=awaited,
        taints=taints,
    )


def closed_managed() -> dict[str, Any]:
    """Return `metadata` and `spec` of nw-check-closed-managed: one pod, on any managed node."""
    return _closed(CLOSED_MANAGED, _MANAGED_NODE)


def closed_hybrid(taints: Sequence[str] = ()) -> dict[str, Any]:
    """Return `metadata` and `spec` of nw-check-closed-hybrid: one pod, on any hybrid node; it waits for the first."""
    return _closed(CLOSED_HYBRID, _HYBRID_NODE, taints)


def closed_policy() -> dict[str, Any]:
    """Return `metadata` and `spec` of NetworkPolicy nw-check-closed: to closed pods, from closed pods, and no others.

    Felix on a closed pod's node enforces it, on the side where the packets arrive; it reads policies from the
    API server by itself, without calico-kube-controllers. The kubelet's probes come from the pod's own node, which no
    NetworkPolicy closes and Calico always allows:
    https://kubernetes.io/docs/concepts/services-networking/network-policies/
    https://docs.tigera.io/calico/latest/network-policy/hosts/protect-hosts
    """
    closed = {"matchLabels": dict(CLOSED_LABELS)}
    return {
        "metadata": {"name": CLOSED_POLICY, "namespace": CHECK_NAMESPACE},
        "spec": {
            "podSelector": closed,
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": closed}]}],
        },
    }


def _closed(name: str, node: Mapping[str, Any], taints: Sequence[str] = ()) -> dict[str, Any]:
    """A pod that asks, as an open one does, and that answers: a refused connection would prove nothing."""
    pod = {**_pod(node, taints), "containers": [_container(), workloads.http_echo()]}
    return workloads.deployment(
        name=name,
        namespace=CHECK_NAMESPACE,
        replicas=1,
        pod=pod,
        awaited=False,
        more_labels=CLOSED_LABELS,
    )


def _deployment(
    name: str,
    *,
    replicas: int,
    node: Mapping[str, Any],
    spread: dict[str, Any],
    awaited: bool = True,
    taints: Sequence[str] = (),
) -> dict[str, Any]:
    pod = {**_pod(node, taints), "topologySpreadConstraints": [spread], "containers": [_container()]}
    return workloads.deployment(
        name=name, namespace=CHECK_NAMESPACE, replicas=replicas, pod=pod, awaited=awaited
    )


def _pod(node: Mapping[str, Any], taints: Sequence[str]) -> dict[str, Any]:
    """What the spec of every pod has, on nodes whose labels match one expression."""
    return {
        "affinity": workloads.required_node(node),
        **workloads.tolerating(taints),
        "automountServiceAccountToken": False,
        # As process 1, sleep ignores the request to stop.
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            **workloads.non_root(_NOBODY),
            # Lets every group open ping sockets, which need no capability; one of Kubernetes' safe sysctls.
            # https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls
            "sysctls": [{"name": "net.ipv4.ping_group_range", "value": "0 2147483647"}],
        },
    }


def _container() -> dict[str, Any]:
    return {
        "name": "netshoot",
        "image": versions.NETSHOOT_IMAGE,
        "command": ["sleep", "infinity"],
        # NET_RAW gives the process nothing: it is not root and may gain no rights. It is there for the kernel, which
        # refuses to start a ping that is marked cap_net_raw+ep when the capability is out of reach (seen with
        # Debian's). However an image packages its ping (plain, setuid, +p, +ep), it runs, over a ping socket.
        "securityContext": workloads.confined(add=["NET_RAW"]),
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "500m", "memory": "128Mi"},
        },
        # Ready means that this pod reaches the API server through the service network: kube-proxy, Calico's masquerade
        # and, from a hybrid node, the peering all work. Any HTTP answer will do. The address is from the environment
        # and not from DNS, as CoreDNS may come later than this pod.
        "readinessProbe": {
            "exec": {
                "command": [
                    "sh",
                    "-c",
                    'exec curl -sko /dev/null -m 3 "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/readyz"',
                ]
            },
            "timeoutSeconds": 5,
            "periodSeconds": 10,
        },
    }
