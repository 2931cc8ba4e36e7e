"""Hybrid nodes: EC2 instances in the "on-premises" VPC that join as a machine in a rack would.

Each node is four resources named with the node's generation, a digest of all that shapes it. Another OS, size,
Kubernetes version or join script is another generation: a new activation and a new instance are made first and
the old ones are removed after the workloads have moved. (Replacing in place would not do:
`ignore_changes=["ami"]`, which keeps a node when AWS publishes a new image, would also keep the old image when
the OS changes.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.activation import new_activation
from infra.cluster import HybridCluster
from infra.network import Network
from infra.networks import Networks
from infra.node_cleanup import NodeCleanup
from infra.node_drain import NodeDrain
from infra.own_machine import OwnMachine, OwnMachineArgs
from infra.shapes import HybridNodeSettings, Nodeadm
from infra.systems import SYSTEMS
from userdata.cloud_config import JoinConfig, generation, render


@dataclass(frozen=True, kw_only=True)
class HybridNodesArgs:
    """Where the nodes are, what they join, and what they are; an activation admits its machine for so many hours."""

    account: Account
    networks: Networks
    cluster: HybridCluster
    nodes: Sequence[HybridNodeSettings]
    nodeadm: Nodeadm
    activation_hours: int


def _image_parameter(node: HybridNodeSettings) -> str:
    return SYSTEMS[node.os].images[node.architecture]


class HybridNodes(pulumi.ComponentResource):
    """All hybrid nodes; each image is looked up once, however many nodes use it.

    `awaited` says whether the program makes them: nobody waits for a machine that a person has to start. `joins` has
    what each machine of one's own needs to join, by name: secrets. `known_addresses` has those that the settings say.
    """

    def __init__(self, name: str, args: HybridNodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:hybrid_nodes:HybridNodes", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        to_make = [node for node in args.nodes if node.address is None]
        images = {
            parameter: aws.ssm.get_parameter_output(name=parameter).insecure_value
            for parameter in sorted({_image_parameter(node) for node in to_make})
        }
        instances = [
            HybridNode(node.name, args, node, images[_image_parameter(node)], opts=child) for node in to_make
        ]
        machines = [
            OwnMachine(
                node.name,
                OwnMachineArgs(
                    account=args.account,
                    cluster=args.cluster,
                    config=_join_config(args, node),
                    address=node.address,
                    activation_hours=args.activation_hours,
                ),
                child,
            )
            for node in args.nodes
            if node.address is not None
        ]
        self.nodes: list[HybridNode | OwnMachine] = [*instances, *machines]
        self.activation_ids = [node.activation_id for node in self.nodes]
        self.instances: list[pulumi.Resource] = [node.instance for node in instances]
        self.awaited = not machines
        self.taints: Sequence[str] = [taint for node in args.nodes for taint in node.taints]
        self.joins = {machine.name: machine.join for machine in machines}
        self.addresses = {node.name: node.address for node in self.nodes}
        self.known_addresses = {node.name: node.address for node in args.nodes if node.address}
        self.outputs = [node.output for node in self.nodes]
        self.register_outputs({})


def _join_config(args: HybridNodesArgs, node: HybridNodeSettings) -> JoinConfig:
    return JoinConfig(
        cluster_name=args.cluster.cluster_name,
        region=args.account.region,
        kubernetes_version=args.cluster.kubernetes_version,
        nodeadm_version=args.nodeadm.version,
        nodeadm_sha256=args.nodeadm.sha256.get(node.architecture),
        architecture=node.architecture,
        os=node.os,
        node_name=node.name,
        proxy=args.networks.site.proxy,
        address=node.address,
        zone=node.zone,
        labels=node.labels,
        taints=node.taints,
    )


class HybridNode(pulumi.ComponentResource):
    """One node: its own activation (one registration, within its hours), its clean-up, its instance, its drain.

    They go in the opposite order. On destroy of the whole stack there is nowhere to move pods to: no drain.
    """

    def __init__(
        self,
        name: str,
        args: HybridNodesArgs,
        node: HybridNodeSettings,
        image_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ekshybrid:hybrid_nodes:HybridNode", name, {"os": node.os}, opts)
        account, cluster = args.account, args.cluster
        child = pulumi.ResourceOptions(parent=self)
        config = _join_config(args, node)
        digest = generation(config, instance_type=node.instance_type, disk_gib=node.disk_gib)
        # No node's name holds a dot, so that `--replace` or `--target` of edge.* never means edge-2's.
        full_name = f"{name}.{digest}"
        self.name = name
        activation = new_activation(
            full_name,
            node_name=name,
            account=account,
            cluster=cluster,
            hours=args.activation_hours,
            parent=self,
        )
        cleanup = NodeCleanup(
            full_name,
            node_name=name,
            activation_id=activation.id,
            cluster_name=cluster.hybrid_cluster_name,
            identity=account.identity,
            opts=child,
        )
        self.activation_id = cleanup.activation_id
        if args.networks.site.vpc is None:
            raise ValueError(f"{name}: an instance needs the VPC that plays the data centre")
        self.instance = self._instance(
            full_name, args, node, args.networks.site.vpc, image_id, config, activation.activation_code
        )
        drain = NodeDrain(
            full_name,
            activation_id=self.activation_id,
            address=self.instance.private_ip,
            cluster_name=cluster.hybrid_cluster_name,
            identity=account.identity,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=cluster.control_plane),
        )
        # From the drain, so that the load balancer's target goes before it.
        self.address = drain.address
        self.output = {
            "name": name,
            "instanceId": self.instance.id,
            "privateIp": self.instance.private_ip,
            "activationId": self.activation_id,
            "zone": node.zone,
        }
        self.register_outputs(self.output)

    def _instance(
        self,
        full_name: str,
        args: HybridNodesArgs,
        node: HybridNodeSettings,
        vpc: Network,
        image_id: pulumi.Input[str],
        config: JoinConfig,
        activation_code: pulumi.Output[str],
    ) -> aws.ec2.Instance:
        tags = args.account.named(node.name)
        user_data = pulumi.Output.all(self.activation_id, activation_code).apply(
            lambda values: render(config, activation_id=values[0], activation_code=values[1])
        )
        return aws.ec2.Instance(
            full_name,
            ami=image_id,
            instance_type=node.instance_type,
            subnet_id=vpc.private_subnet_ids[0],
            vpc_security_group_ids=[group] if (group := args.networks.firewall.hybrid_nodes_id) else None,
            associate_public_ip_address=False,
            # An instance profile could be picked up instead of the hybrid node's credentials, so there is none;
            # and no key.
            metadata_options=aws.ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            root_block_device=aws.ec2.InstanceRootBlockDeviceArgs(
                encrypted=True,
                volume_type="gp3",
                volume_size=node.disk_gib,
                delete_on_termination=True,
            ),
            # The tags of root_block_device come after the start (terraform-provider-aws, ec2_instance.go); a policy
            # that demands tags looks at RunInstances, which has these.
            volume_tags=tags,
            user_data=pulumi.Output.secret(user_data),
            # An activation admits one machine, so a new activation means a new machine.
            user_data_replace_on_change=True,
            tags=tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                # A newer image is no reason to replace a node.
                ignore_changes=["ami"],
                # What it needs at its first boot: permissions, and routes to the internet and to the cluster.
                depends_on=[*args.cluster.hybrid_policies, *args.networks.site.ready],
            ),
        )
