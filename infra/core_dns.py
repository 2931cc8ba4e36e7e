"""CoreDNS as an EKS add-on, on the managed nodes; k8s/hybrid_dns.py has what runs on the hybrid ones.

It comes after the managed nodes: before there is a node it hangs DEGRADED for 20 minutes. EKS updates no add-on by
itself, so its version is the one that belongs to the cluster's Kubernetes version, and follows it.
"""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.cluster import HybridCluster
from infra.hybrid_nodes import HybridNodes
from infra.managed_nodes import ManagedNodes
from infra.names import COMPUTE_TYPE_LABEL, CORE_DNS, ZONE_LABEL

# EKS's formula has one replica for every 16 nodes; the limit is one that its documentation shows.
_NODES_PER_REPLICA = 16
_MOST_REPLICAS = 10


@dataclass(frozen=True, kw_only=True)
class CoreDnsArgs:
    """`cluster` is what CoreDNS goes down with on destroy; `managed` is what it waits for, `hybrid` is only counted."""

    account: Account
    cluster: HybridCluster
    managed: ManagedNodes
    hybrid: HybridNodes


class CoreDns(pulumi.ComponentResource):
    """The add-on, as `addon`.

    A plain aws.eks.Addon: pulumi_eks's own re-parents itself under the cluster and hides its inputs from mocks.
    """

    def __init__(self, name: str, args: CoreDnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:core_dns:CoreDns", name, {}, opts)
        wanted = configuration(
            zones=len(args.account.zones), most_nodes=args.managed.max + len(args.hybrid.nodes)
        )
        self.addon = aws.eks.Addon(
            name,
            addon_name=CORE_DNS,
            # AWS's default for this Kubernetes version, which has been tried longer than the newest one.
            addon_version=aws.eks.get_addon_version_output(
                addon_name=CORE_DNS, kubernetes_version=args.cluster.kubernetes_version
            ).version,
            cluster_name=args.cluster.name,
            configuration_values=json.dumps(wanted),
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=args.account.tags,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[args.managed.node_group], deleted_with=args.cluster.control_plane
            ),
        )
        self.register_outputs({})


def configuration(*, zones: int, most_nodes: int) -> dict[str, Any]:
    """The add-on's configuration: on managed nodes, in different zones and on different hosts where there are several.

    Only keys that AWS documents: a refused configuration would end an `up`.
    https://docs.aws.amazon.com/eks/latest/userguide/coredns-autoscaling.html and
    https://aws.amazon.com/blogs/containers/recent-changes-to-the-coredns-add-on
    """
    return {
        # EKS counts nodes and cores. At least one for each zone, because a pod asks its own zone first.
        "autoScaling": {
            "enabled": True,
            "minReplicas": max(2, zones),
            "maxReplicas": max(_MOST_REPLICAS, -(-most_nodes // _NODES_PER_REPLICA)),
        },
        # Hard, and it never has to wait: the managed nodes are there before the add-on.
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [
                                {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
                                {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]},
                                {
                                    "key": COMPUTE_TYPE_LABEL,
                                    "operator": "NotIn",
                                    "values": ["hybrid"],
                                },
                            ]
                        }
                    ]
                }
            }
        },
        # Soft: a hard rule would leave a replica Pending, and the add-on DEGRADED, while there is only one node.
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                # Else a rollout counts the pods that leave, and puts both new ones on one node.
                "matchLabelKeys": ["pod-template-hash"],
            }
            for key in (ZONE_LABEL, "kubernetes.io/hostname")
        ],
    }
