"""A machine of one's own as a hybrid node: its activation, its clean-up, its drain, and what it needs to join.

No instance: a person runs what `ops join` writes. So the activation does not follow from what shapes the machine, as
with an instance: a machine that has joined stays, whatever changes in the settings. `pulumi up --replace` of the
activation alone makes a new one, for a machine that did not join in time or that is set up anew.
"""

from dataclasses import asdict, dataclass
from typing import Any

import pulumi

from infra.account import Account
from infra.activation import new_activation
from infra.cluster import HybridCluster
from infra.node_cleanup import NodeCleanup
from infra.node_drain import NodeDrain
from userdata.join_files import JoinConfig


@dataclass(frozen=True, kw_only=True)
class OwnMachineArgs:
    """`config` is what the machine must know, `address` its own."""

    account: Account
    cluster: HybridCluster
    config: JoinConfig
    address: str
    activation_hours: int


class OwnMachine(pulumi.ComponentResource):
    """One machine. `join` holds the activation: a secret."""

    def __init__(self, name: str, args: OwnMachineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:own_machine:OwnMachine", name, {"os": args.config.os}, opts)
        account, cluster = args.account, args.cluster
        child = pulumi.ResourceOptions(parent=self)
        self.name = name
        activation = new_activation(
            name, node_name=name, account=account, cluster=cluster, hours=args.activation_hours, parent=self
        )
        cleanup = NodeCleanup(
            name,
            node_name=name,
            activation_id=activation.id,
            cluster_name=cluster.hybrid_cluster_name,
            identity=account.identity,
            own_machine=True,
            opts=child,
        )
        self.activation_id = cleanup.activation_id
        drain = NodeDrain(
            name,
            activation_id=self.activation_id,
            address=args.address,
            cluster_name=cluster.hybrid_cluster_name,
            identity=account.identity,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=cluster.control_plane),
        )
        # From the drain, so that the load balancer's target goes before it.
        self.address = drain.address
        self.join: dict[str, Any] = {
            "config": asdict(args.config),
            "address": args.address,
            "activation_id": self.activation_id,
            "activation_code": pulumi.Output.secret(activation.activation_code),
            "expires": activation.expiration_date,
        }
        self.output = {
            "name": name,
            "privateIp": self.address,
            "activationId": self.activation_id,
            "activationExpires": activation.expiration_date,
            "zone": args.config.zone,
        }
        self.register_outputs(self.output)
