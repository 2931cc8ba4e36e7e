"""The managed node groups, in the cluster's own VPC.

It must come after Calico's objects: a node group without a CNI never becomes Ready and fails after 15 to 30
minutes. A node group is a plain aws.eks.NodeGroup rather than pulumi_eks's component, because a `depends_on`
a plain resource also orders deletion, and its inputs can be seen in a plan.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.active_node_group import ActiveNodeGroup
from infra.cluster import HybridCluster
from infra.iam import MANAGED_NODE_POLICIES, ec2_trust
from infra.instances import Architecture
from infra.networks import Networks
from infra.shapes import Ami, ManagedGroup

# AL2 images ended 2025-11-26. https://docs.aws.amazon.com/eks/latest/APIReference/API_Nodegroup.html
_AMI_TYPES: dict[tuple[Ami, Architecture], str] = {
    ("standard", "arm64"): "AL2023_ARM_64_STANDARD",
    ("standard", "amd64"): "AL2023_x86_64_STANDARD",
    ("nvidia", "arm64"): "AL2023_ARM_64_NVIDIA",
    ("nvidia", "amd64"): "AL2023_x86_64_NVIDIA",
    ("neuron", "amd64"): "AL2023_x86_64_NEURON",
}
_EFFECTS = {
    "NoSchedule": "NO_SCHEDULE",
    "PreferNoSchedule": "PREFER_NO_SCHEDULE",
    "NoExecute": "NO_EXECUTE",
}
_TAGGED = ("instance", "volume", "network-interface")


@dataclass(frozen=True, kw_only=True)
class ManagedNodesArgs:
    """Where the nodes live and what they look like, group by group; `calico` must be there before them."""

    account: Account
    networks: Networks
    cluster: HybridCluster
    calico: pulumi.Resource
    groups: Sequence[ManagedGroup]


class ManagedNodes(pulumi.ComponentResource):
    """AL2023 nodes with an encrypted gp3 disk and IMDSv2, without SSH.

    `node_group` is the first group, on which CoreDNS and Calico's controllers find room; `node_groups` are all. `names`
    and `auto_scaling_groups` have one for each, in the order of the settings; the sizes are those of all together.
    """

    def __init__(self, name: str, args: ManagedNodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:managed_nodes:ManagedNodes", name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        role, policies = self._role()
        self.node_groups: list[aws.eks.NodeGroup] = []
        self.auto_scaling_groups: dict[str, pulumi.Output[str]] = {}
        for group in args.groups:
            # The names of the first group's resources are those of a time when there was one.
            full_name = f"{name}-{group.name}" if group.name else name
            template = self._launch_template(full_name, group)
            node_group = self._node_group(full_name, group, template, role, policies)
            self.node_groups.append(node_group)
            self.auto_scaling_groups[full_name] = self._auto_scaling_group(full_name, node_group, template)
        self.node_group = self.node_groups[0]
        self.desired = sum(group.desired for group in args.groups)
        self.min = sum(group.min for group in args.groups)
        self.max = sum(group.max for group in args.groups)
        self.taints: Sequence[str] = [taint for group in args.groups for taint in group.taints]
        self.names = [group.node_group_name for group in self.node_groups]
        self.register_outputs({"name": self.names[0]})

    def _node_group(
        self,
        name: str,
        group: ManagedGroup,
        template: aws.ec2.LaunchTemplate,
        role: aws.iam.Role,
        policies: Sequence[pulumi.Resource],
    ) -> aws.eks.NodeGroup:
        args = self._args
        return aws.eks.NodeGroup(
            name,
            cluster_name=args.cluster.name,
            node_role_arn=role.arn,
            subnet_ids=args.networks.vpc.private_subnet_ids,
            ami_type=_AMI_TYPES[group.ami, group.architecture],
            # Named, so that a change of the setting upgrades the nodes after the control plane.
            version=args.cluster.kubernetes_version,
            instance_types=list(group.instance_types),
            capacity_type="SPOT" if group.spot else "ON_DEMAND",
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=group.min, max_size=group.max, desired_size=group.desired
            ),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            labels=dict(group.labels) or None,
            taints=[_taint(text) for text in group.taints] or None,
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            # By its Name the one that takes its place is known: see active_node_group.py.
            tags=args.account.named(name) if group.name else args.account.tags,
            opts=pulumi.ResourceOptions.merge(
                self._child,
                pulumi.ResourceOptions(depends_on=[*policies, args.calico, *args.networks.vpc.egress]),
            ),
        )

    def _auto_scaling_group(
        self, name: str, group: aws.eks.NodeGroup, template: aws.ec2.LaunchTemplate
    ) -> pulumi.Output[str]:
        active = ActiveNodeGroup(
            name,
            account=self._args.account,
            group_id=group.id,
            urn=group.urn,
            version=self._args.cluster.kubernetes_version,
            template_version=template.latest_version.apply(str),
            opts=self._child,
        )
        # After that: a group that failed has no auto-scaling group.
        return active.id.apply(lambda _: group.resources[0].autoscaling_groups[0].name)

    def _role(self) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
        account = self._args.account
        role = aws.iam.Role(
            "managed-node",
            assume_role_policy=json.dumps(ec2_trust(dns_suffix=account.dns_suffix)),
            description="Taken by managed nodes",
            permissions_boundary=account.permissions_boundary,
            tags=account.tags,
            opts=self._child,
        )
        return role, [
            aws.iam.RolePolicyAttachment(
                f"managed-node-{policy}",
                role=role.name,
                policy_arn=account.managed_policy(policy),
                opts=self._child,
            )
            for policy in MANAGED_NODE_POLICIES
        ]

    def _launch_template(self, name: str, group: ManagedGroup) -> aws.ec2.LaunchTemplate:
        args = self._args
        return aws.ec2.LaunchTemplate(
            name,
            update_default_version=True,
            # When a template names security groups, EKS adds none of its own.
            vpc_security_group_ids=[args.networks.firewall.managed_nodes.id],
            block_device_mappings=[
                aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name="/dev/xvda",
                    ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        encrypted="true",
                        volume_type="gp3",
                        volume_size=group.disk_gib,
                        delete_on_termination="true",
                    ),
                )
            ],
            # Hop limit 1 keeps pods, which are one hop further, away from the node's credentials.
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            # Neither the node group's tags nor aws:defaultTags reach what its auto-scaling group launches.
            tag_specifications=[
                aws.ec2.LaunchTemplateTagSpecificationArgs(
                    resource_type=kind, tags=args.account.launched("managed-node")
                )
                for kind in _TAGGED
            ],
            tags=args.account.tags,
            opts=self._child,
        )


def _taint(text: str) -> aws.eks.NodeGroupTaintArgs:
    """A taint as EKS takes it."""
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    return aws.eks.NodeGroupTaintArgs(key=key, value=value, effect=_EFFECTS[effect])
