"""A machine of one's own as a hybrid node: its activation, its clean-up, its drain, and what it needs to join.

No instance: a person runs what `ops join` writes. So the activation does not follow from what shapes the machine, as
with an instance: a machine that has joined stays, whatever changes in the settings. `pulumi up --replace` of the
activation alone makes a new one, for a machine that did not join in time or that is set up anew.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.cluster import HybridCluster
from infra.node_cleanup import NodeCleanup
from infra.node_drain import NodeDrain
from userdata.join_files import JoinConfig

# What AWS takes when it is told nothing. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateActivation.html
_DEFAULT_HOURS = 24


@dataclass(frozen=True, kw_only=True)
class OwnMachineArgs:
    """`join` is what the machine must know, `address` its own."""

    account: Account
    cluster: HybridCluster
    join: JoinConfig
    address: str
    activation_hours: int


class OwnMachine(pulumi.ComponentResource):
    """One machine. `join` holds the activation: a secret."""

    def __init__(self, name: str, args: OwnMachineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:own_machine:OwnMachine", name, {"os": args.join.os}, opts)
        account, cluster = args.account, args.cluster
        child = pulumi.ResourceOptions(parent=self)
        self.name = name
        activation = aws.ssm.Activation(
            name,
            name=name,
            description=f"Machine {name} of EKS cluster {cluster.cluster_name}",
            iam_role=cluster.hybrid_role.name,
            registration_limit=1,
            expiration_date=expiry(args.activation_hours, cluster.hybrid_cluster_name),
            # Passed on to the machine it registers; the role's policy asks for it.
            tags={**account.named(name), "EKSClusterARN": cluster.arn},
            opts=pulumi.ResourceOptions.merge(
                child,
                pulumi.ResourceOptions(
                    # Its hours begin when the machine can join.
                    depends_on=[cluster.hybrid_access],
                    additional_secret_outputs=["activation_code"],
                    # The provider would replace the activation for any of these, and the clean-up would remove the
                    # Node of a machine that runs.
                    ignore_changes=["description", "expirationDate", "tags", "tagsAll"],
                ),
            ),
        )
        identity: dict[str, Any] = {
            "cluster_name": cluster.hybrid_cluster_name,
            "region": account.region,
            "profile": account.profile,
            "roles": account.roles,
        }
        cleanup = NodeCleanup(
            name, node_name=name, activation_id=activation.id, own_machine=True, **identity, opts=child
        )
        self.activation_id = cleanup.activation_id
        drain = NodeDrain(
            name,
            activation_id=self.activation_id,
            address=args.address,
            **identity,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=cluster.control_plane),
        )
        # From the drain, so that the load balancer's target goes before it.
        self.address = drain.address
        self.join: dict[str, Any] = {
            "config": asdict(args.join),
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
        }
        self.register_outputs(self.output)


def expiry(hours: int, when: pulumi.Output[str]) -> pulumi.Output[str] | None:
    """When an activation that is made as soon as `when` is known expires; None for what AWS takes by itself.

    Later runs compute a later date, which `ignore_changes` keeps from the activation that is there.
    """
    if hours == _DEFAULT_HOURS:
        return None
    return when.apply(lambda _: (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ"))
