"""Asks EKS what a stack's control plane has, so that a change that it would refuse is refused in the preview."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.changes import ControlPlane, NoAnswerError
from infra.credentials import Identity
from infra.eks_api import CleanupError, eks_client


def control_plane(*, name: str, identity: Identity, tag: tuple[str, str]) -> ControlPlane | None:
    """Return what the stack's control plane has; None when the stack has none.

    A cluster of that name without the stack's tag is somebody else's: the stack's own was never made.

    Args:
        name: of the cluster.
        identity: who asks, and where.
        tag: key and value that everything of the stack carries.

    Errors: NoAnswerError (EKS could not be asked).

    """
    cluster = _ask(identity, "describe_cluster", "cluster", name=name)
    key, value = tag
    if cluster is None or cluster.get("tags", {}).get(key) != value:
        return None
    return ControlPlane.described(cluster)


def has_foreign_entry(arn: str, *, name: str, identity: Identity, tag: tuple[str, str]) -> bool:
    """Tell whether a cluster has an access entry for an IAM role or user that is not this stack's.

    The rest as for `control_plane`.
    """
    entry = _ask(identity, "describe_access_entry", "accessEntry", clusterName=name, principalArn=arn)
    key, value = tag
    return entry is not None and entry.get("tags", {}).get(key) != value


def _ask(identity: Identity, operation: str, key: str, **arguments: str) -> dict[str, Any] | None:
    try:
        return getattr(eks_client(identity), operation)(**arguments)[key]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise NoAnswerError(str(error)) from None
    except (BotoCoreError, CleanupError) as error:
        raise NoAnswerError(str(error)) from None
