"""The SSM activation of one hybrid node: it admits one machine, once, within its hours."""

from datetime import UTC, datetime, timedelta

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.cluster import HybridCluster
from infra.names import CLUSTER_ARN_TAG

# What AWS takes when it is told nothing. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateActivation.html
_DEFAULT_HOURS = 24


def new_activation(
    name: str,
    *,
    node_name: str,
    account: Account,
    cluster: HybridCluster,
    hours: int,
    parent: pulumi.Resource,
) -> aws.ssm.Activation:
    """Make an activation. `name` is that of the resource, `node_name` the one in the settings.

    It stays as it is: only `pulumi up --replace` or another name makes a new one. Then its hours are those that the
    settings say at that time (the engine does not ignore a change of what it was told to replace).
    """
    return aws.ssm.Activation(
        name,
        name=node_name,
        description=f"Hybrid node {node_name} of EKS cluster {cluster.cluster_name}",
        iam_role=cluster.hybrid_role.name,
        # A code that leaks admits nobody: it has been used.
        registration_limit=1,
        expiration_date=_expiry(hours, cluster.hybrid_cluster_name),
        # Passed on to the machine it registers; the role's policy asks for it.
        tags={**account.named(node_name), CLUSTER_ARN_TAG: cluster.arn},
        opts=pulumi.ResourceOptions(
            parent=parent,
            # Its hours begin when the machine can join: not while the control plane is still being built, which may
            # fail and be continued the next day.
            depends_on=[cluster.hybrid_access],
            additional_secret_outputs=["activation_code"],
            # The provider cannot change an activation, not even its tags: it would replace it, and the clean-up would
            # remove the Node of a machine that runs. What an instance must not outlive is in its generation.
            ignore_changes=["description", "expirationDate", "tags", "tagsAll"],
        ),
    )


def _expiry(hours: int, when: pulumi.Output[str]) -> pulumi.Output[str] | None:
    """When an activation that is made as soon as `when` is known expires; None for what AWS takes by itself.

    Later runs compute a later date, which `ignore_changes` keeps from the activation that is there.
    """
    if hours == _DEFAULT_HOURS:
        return None
    return when.apply(lambda _: (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ"))
