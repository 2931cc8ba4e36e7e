"""CoreDNS as an EKS add-on.

It comes after the managed nodes: before there is a node it hangs DEGRADED for 20 minutes. EKS updates no add-on by
itself, so its version is the one that belongs to the cluster's Kubernetes version, and follows it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.cluster import HybridCluster
from infra.managed_nodes import ManagedNodes

_ADDON = "coredns"


@dataclass(frozen=True, kw_only=True)
class CoreDnsArgs:
    """`cluster` is what CoreDNS goes down with on destroy; `nodes` is what it waits for."""

    account: Account
    cluster: HybridCluster
    nodes: ManagedNodes


class CoreDns(pulumi.ComponentResource):
    """The add-on.

    A plain aws.eks.Addon: pulumi_eks's own re-parents itself under the cluster and hides its inputs from mocks.
    """

    def __init__(self, name: str, args: CoreDnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:core_dns:CoreDns", name, {}, opts)
        aws.eks.Addon(
            name,
            addon_name=_ADDON,
            # AWS's default for this Kubernetes version, which has been tried longer than the newest one.
            addon_version=aws.eks.get_addon_version_output(
                addon_name=_ADDON, kubernetes_version=args.cluster.kubernetes_version
            ).version,
            cluster_name=args.cluster.name,
            configuration_values=json.dumps(configuration()),
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=args.account.tags,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[args.nodes.node_group], deleted_with=args.cluster.control_plane
            ),
        )
        self.register_outputs({})


def configuration() -> dict[str, Any]:
    """The add-on's configuration: replicas on different hosts where there are several.

    Soft, because a hard rule would leave a replica Pending, and the add-on DEGRADED, while there is only one
    node.
    """
    return {
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            }
        ]
    }
