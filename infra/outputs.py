"""What the stack tells: to people, to the stack's page, and to `ops verify`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import pulumi

from infra.account import Account
from infra.cluster import HybridCluster
from infra.credentials import update_kubeconfig
from infra.hybrid_nodes import HybridNodes
from infra.load_balancer import LoadBalancer
from infra.managed_nodes import ManagedNodes
from infra.network import Network
from infra.networks import Networks
from infra.versions import RELEASE

_README = Path(__file__).resolve().parent.parent / "Pulumi.README.md"


@dataclass(frozen=True, kw_only=True)
class OutputsArgs:
    """The parts of the stack: what they are is what `ops verify` compares the account with."""

    account: Account
    networks: Networks
    cluster: HybridCluster
    managed: ManagedNodes
    hybrid: HybridNodes
    balancer: LoadBalancer


def export(args: OutputsArgs) -> None:
    """Export every stack output. `kubeconfig` and `joins` are secrets; nothing else holds one."""
    for name, value in _outputs(args).items():
        pulumi.export(name, value)


def _outputs(args: OutputsArgs) -> dict[str, Any]:
    account = args.account
    command = args.cluster.name.apply(
        lambda name: update_kubeconfig(account.region, name, account.identity.profile, account.identity.roles)
    )
    groups = [
        {"name": name, "autoScalingGroup": behind}
        for name, behind in zip(args.managed.names, args.managed.auto_scaling_groups.values(), strict=True)
    ]
    shown: dict[str, Any] = {
        "clusterName": args.cluster.name,
        "updateKubeconfig": command,
        **args.balancer.outputs,
        "managedNodeGroup": groups[0],
        "hybridNodes": args.hybrid.outputs,
    }
    return {
        **shown,
        **({"moreManagedNodeGroups": groups[1:]} if groups[1:] else {}),
        **_joins(args.hybrid),
        "kubeconfig": args.cluster.kubeconfig,
        **_interface(args),
        "opsOnly": _checks(args),
        "readme": pulumi.Output.all(**shown, stack=pulumi.get_stack()).apply(
            lambda values: readme(_README.read_text(), values)
        ),
    }


def _interface(args: OutputsArgs) -> dict[str, Any]:
    """What other stacks build on: docs/outputs.md promises these names and types."""
    account, cluster, networks = args.account, args.cluster, args.networks
    return {
        "release": RELEASE,
        "region": account.identity.region,
        "accountId": account.account_id,
        "clusterArn": cluster.arn,
        "apiEndpoint": cluster.control_plane.eks_cluster.endpoint,
        "kubernetesVersion": cluster.kubernetes_version,
        "oidcIssuer": cluster.oidc_issuer,
        "oidcProviderArn": cluster.oidc_provider.arn,
        "vpcId": networks.vpc.id,
        "privateSubnetIds": networks.vpc.private_subnet_ids,
        "nodeSecurityGroupId": networks.firewall.managed_nodes.id,
        "hybridRoleArn": cluster.hybrid_role.arn,
    }


def _joins(hybrid: HybridNodes) -> dict[str, Any]:
    """What machines of one's own still need: `joins` is for `ops join`, `machinesToJoin` for the reader."""
    if not hybrid.joins:
        return {}
    names = list(hybrid.joins)
    one = len(names) == 1
    return {
        "joins": pulumi.Output.secret(hybrid.joins),
        "machinesToJoin": f"{len(hybrid.joins)} {'machine' if one else 'machines'} of your own to join, unless "
        f"{'it has' if one else 'they have'}: "
        + (f"ops join {names[0]}" if one else f"ops join --all --out FOLDER ({', '.join(names)})"),
    }


def _checks(args: OutputsArgs) -> dict[str, Any]:
    """What `ops` needs and cannot read from the cluster; no interface, it may change with any release."""
    account = args.account
    return {
        "project": pulumi.get_project(),
        "stack": pulumi.get_stack(),
        "tags": dict(account.tags),
        "partition": account.partition,
        "region": account.region,
        "accountId": account.account_id,
        "profile": account.identity.profile or "",
        "roles": [dict(role) for role in account.identity.roles],
        "vpcId": args.networks.vpc.id,
        "vpcCidr": ", ".join(args.networks.vpc.cidrs),
        **_somebody_elses(args.networks.vpc),
        **args.networks.site.checks,
        "podCidr": args.networks.pods.cidr,
        "serviceCidr": args.cluster.service_cidr,
        "podMtu": args.networks.pods.mtu,
        "remoteNodeNetworks": list(args.networks.site.node_cidrs),
        "hybridRoleArn": args.cluster.hybrid_role.arn,
        **args.balancer.checks,
        "managedNodes": {"min": args.managed.min, "max": args.managed.max},
    }


def _somebody_elses(vpc: Network) -> dict[str, Any]:
    """Which subnets of a VPC that was there before are the stack's to look at."""
    return {} if vpc.made_here else {"subnetIds": [*vpc.private_subnet_ids, *vpc.public_subnet_ids]}


def _machine(node: Mapping[str, Any]) -> str:
    return f"`{node['instanceId']}`" if "instanceId" in node else "a machine of your own"


def readme(template: str, values: Mapping[str, Any]) -> str:
    """The stack's page: the template with the outputs in place of ${names}; nodes become rows of its table."""
    rows = "\n".join(
        f"| {node['name']} | {_machine(node)} | {node['privateIp']} | `{node['activationId']}` |"
        for node in values["hybridNodes"]
    )
    return Template(template).substitute(
        {
            "stack": values["stack"],
            "clusterName": values["clusterName"],
            "updateKubeconfig": values["updateKubeconfig"],
            "sampleApp": f"<{url}> (a pod on a hybrid node answers)"
            if (url := values.get("albUrl"))
            else "none",
            "managedNodeGroup": values["managedNodeGroup"]["name"],
            "hybridNodes": rows,
        }
    )
