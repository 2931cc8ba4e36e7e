"""The managed node group, in the cluster's own VPC.

It must come after Calico's objects: a node group without a CNI never becomes Ready and fails after 15 to 30
minutes. The node group is a plain aws.eks.NodeGroup rather than pulumi_eks's component, because a `depends_on`
a plain resource also orders deletion, and its inputs can be seen in a plan.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.active_node_group import ActiveNodeGroup
from infra.cluster import HybridCluster
from infra.iam import MANAGED_NODE_POLICIES, ec2_trust
from infra.networks import Networks
from infra.shapes import ManagedNodesShape

_AMI_TYPES = {"arm64": "AL2023_ARM_64_STANDARD", "amd64": "AL2023_x86_64_STANDARD"}
_TAGGED = ("instance", "volume", "network-interface")


@dataclass(frozen=True, kw_only=True)
class ManagedNodesArgs:
    """Where the nodes live and what they look like; `calico` is the network that must be there before them."""

    account: Account
    networks: Networks
    cluster: HybridCluster
    calico: pulumi.Resource
    nodes: ManagedNodesShape


class ManagedNodes(pulumi.ComponentResource):
    """AL2023 nodes with an encrypted gp3 disk and IMDSv2, without SSH."""

    def __init__(self, name: str, args: ManagedNodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:managed_nodes:ManagedNodes", name, {}, opts)
        self._args = args
        nodes = args.nodes
        self._child = pulumi.ResourceOptions(parent=self)
        role, policies = self._role()
        template = self._launch_template(name)
        self.node_group = aws.eks.NodeGroup(
            name,
            cluster_name=args.cluster.name,
            node_role_arn=role.arn,
            subnet_ids=args.networks.vpc.private_subnet_ids,
            # AL2 images ended 2025-11-26.
            ami_type=_AMI_TYPES[nodes.architecture],
            # Named, so that a change of the setting upgrades the nodes after the control plane.
            version=args.cluster.kubernetes_version,
            instance_types=list(nodes.instance_types),
            capacity_type="SPOT" if nodes.spot else "ON_DEMAND",
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=nodes.min, max_size=nodes.max, desired_size=nodes.desired
            ),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            tags=args.account.tags,
            opts=pulumi.ResourceOptions.merge(
                self._child,
                pulumi.ResourceOptions(depends_on=[*policies, args.calico, *args.networks.vpc.egress]),
            ),
        )
        self.desired, self.min, self.max = nodes.desired, nodes.min, nodes.max
        self.name = self.node_group.node_group_name
        active = ActiveNodeGroup(
            name,
            account=args.account,
            group_id=self.node_group.id,
            urn=self.node_group.urn,
            version=args.cluster.kubernetes_version,
            template_version=template.latest_version.apply(str),
            opts=self._child,
        )
        # After that: a group that failed has no auto-scaling group.
        self.auto_scaling_group: pulumi.Output[str] = active.id.apply(
            lambda _: self.node_group.resources[0].autoscaling_groups[0].name
        )
        self.register_outputs({"name": self.name})

    def _role(self) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
        account = self._args.account
        role = aws.iam.Role(
            "managed-node",
            assume_role_policy=json.dumps(ec2_trust(dns_suffix=account.dns_suffix)),
            description="Taken by managed nodes",
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

    def _launch_template(self, name: str) -> aws.ec2.LaunchTemplate:
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
                        volume_size=args.nodes.disk_gib,
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
