"""Asks EKS whether a stack has its control plane, when a change of something fixed is about to be refused."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from infra.credentials import Identity
from infra.eks_api import CLIENT_CONFIG, CleanupError, open_session


def kubernetes_version(
    *,
    name: str,
    identity: Identity,
    tag: tuple[str, str],
    unknown: str,
) -> str | None:
    """Return the Kubernetes version of the stack's control plane; None when it has none.

    A cluster of that name without the stack's tag is somebody else's: the stack's own was never made.

    Args:
        name: of the cluster.
        identity: who asks, and where.
        tag: key and value that everything of the stack carries.
        unknown: what to return when EKS does not answer. Whoever cannot ask must take it that there is one.

    """
    try:
        session = open_session(identity)
        cluster = session.client("eks", config=CLIENT_CONFIG).describe_cluster(name=name)["cluster"]
    except ClientError as error:
        return None if error.response["Error"]["Code"] == "ResourceNotFoundException" else unknown
    except (BotoCoreError, CleanupError):
        return unknown
    key, value = tag
    return cluster["version"] if cluster.get("tags", {}).get(key) == value else None
