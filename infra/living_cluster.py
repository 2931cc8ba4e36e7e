"""Asks EKS whether a stack has its control plane, when a change of something fixed is about to be refused."""

from __future__ import annotations

from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from infra.credentials import Role
from infra.node_registration import CLIENT_CONFIG, CleanupError, open_session


def kubernetes_version(
    *,
    name: str,
    region: str,
    profile: str | None,
    roles: Sequence[Role],
    tag: tuple[str, str],
    unknown: str,
) -> str | None:
    """Return the Kubernetes version of the stack's control plane; None when it has none.

    A cluster of that name without the stack's tag is somebody else's: the stack's own was never made.

    Args:
        name: of the cluster.
        region: where to ask.
        profile: `aws:profile`, or None.
        roles: those to take on top of it.
        tag: key and value that everything of the stack carries.
        unknown: what to return when EKS does not answer. Whoever cannot ask must take it that there is one.

    """
    try:
        session = open_session(region=region, profile=profile, roles=roles)
        cluster = session.client("eks", config=CLIENT_CONFIG).describe_cluster(name=name)["cluster"]
    except ClientError as error:
        return None if error.response["Error"]["Code"] == "ResourceNotFoundException" else unknown
    except (BotoCoreError, CleanupError):
        return unknown
    key, value = tag
    return cluster["version"] if cluster.get("tags", {}).get(key) == value else None
