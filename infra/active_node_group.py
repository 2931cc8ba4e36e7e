"""Stops an `up` while the managed node group is not ACTIVE, before the one that it replaces is deleted.

For the engine a group that EKS reports as CREATE_FAILED is made, because it has an id (`Create` of
pulumi-terraform-bridge). The next `pulumi up` has nothing to change about it, and then deletes the healthy group that
it replaces. It deletes last, and only when nothing has failed: so it is enough that what stands behind the group fails.
The same can be true of an update that EKS gives up: the state has the new version, and the nodes stay as they were.

The engine unpickles the provider *by reference*: its name must stay importable (see node_cleanup.py).
"""

from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ResourceProvider, UpdateResult
from pulumi.output import Unknown

from infra.account import Account
from infra.credentials import Identity
from infra.names import STACK_TAG
from infra.stored_provider import changed

_INPUTS = ("group_id", "urn", "version", "template_version", "stack", "region", "profile", "roles")


class NotUpdatedError(Exception):
    """EKS has not changed the group to what it was told."""


class ActiveNodeGroupProvider(ResourceProvider):
    """What the engine calls, out of process. Holds no state: it is pickled by reference."""

    serialize_as_secret_always = False

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Ask EKS in every preview and every up, once there is a group."""
        if isinstance(news["group_id"], Unknown):
            return CheckResult(news, [])
        # Imported here: boto3 takes a quarter of a second.
        from infra.eks_api import CleanupError, eks_client, explained

        try:
            eks = eks_client(Identity.from_state(news))
            with explained("eks:DescribeNodegroup and eks:ListNodegroups"):
                reason = _why_not(eks, news)
        except CleanupError as error:
            reason = str(error)
        return CheckResult(news, [CheckFailure("group_id", reason)] if reason else [])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Follow in place."""
        return DiffResult(changes=bool(changed(_olds, _news, _INPUTS)), replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Store the inputs."""
        return CreateResult(props["stack"], dict(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Store the new inputs, once EKS has what they say.

        Errors: NotUpdatedError (the last update of the group has failed).
        """
        from infra.eks_api import eks_client, explained

        eks = eks_client(Identity.from_state(_news))
        cluster, name = _news["group_id"].split(":")
        with explained("eks:DescribeNodegroup"):
            group = _described(eks, cluster, name)
        has = (group["version"], group["launchTemplate"]["version"])
        wanted = (_news["version"], _news["template_version"])
        if has != wanted:
            raise NotUpdatedError(
                f"the managed node group {name} of cluster {cluster} has Kubernetes {has[0]} and version {has[1]} of "
                f"its launch template, not {wanted[0]} and {wanted[1]}: EKS gave up the last update of it, which "
                f"Pulumi took for done. Why: aws eks list-updates --name {cluster} --nodegroup-name {name}, then "
                "aws eks describe-update. Fix the cause, then pulumi refresh, then pulumi up"
            )
        return UpdateResult(dict(_news))


def _why_not(eks: Any, props: dict[str, Any]) -> str | None:
    """Tell why nothing may be deleted in favour of this group, with the way out; None when it is as it should be."""
    cluster, name = props["group_id"].split(":")
    subject = f"the managed node group {name} of cluster {cluster}"
    group = _described(eks, cluster, name)
    if group is None:
        return f"{subject} does not exist any more. To have it made again: pulumi up --refresh"
    status = group["status"]
    if status in ("ACTIVE", "UPDATING"):
        return None
    # It has been ACTIVE, and an `up` may be what mends it, unless another group is there to be deleted.
    if status == "DEGRADED" and not _others(eks, cluster, group, props["stack"]):
        return None
    issues = "".join(f" {issue['code']}: {issue['message']}." for issue in group["health"]["issues"])
    return (
        f"{subject} is {status}, not ACTIVE.{issues} Until it is, the node group "
        "that it replaces stays. Either set managedNodes (or the group of moreManagedNodes) back to what it was, then "
        "pulumi up; or wait until the group is ACTIVE, if EKS still works on it; or fix the cause (make doctor names "
        f"it), then have the group made again: pulumi up --replace '{props['urn']}'"
    )


def _described(eks: Any, cluster: str, name: str) -> Any:
    """Give what EKS says of a group; None when there is none."""
    try:
        return eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
    except eks.exceptions.ResourceNotFoundException:
        return None


def _others(eks: Any, cluster: str, group: Any, stack: str) -> list[str]:
    """Names of the groups of the stack that take this one's place, or had it: they have the same Name, or none."""
    pages = eks.get_paginator("list_nodegroups").paginate(clusterName=cluster)
    names = [other for page in pages for other in page["nodegroups"] if other != group["nodegroupName"]]
    groups = [
        eks.describe_nodegroup(clusterName=cluster, nodegroupName=other)["nodegroup"] for other in names
    ]
    place = {STACK_TAG: stack, "Name": group.get("tags", {}).get("Name")}
    return [
        other["nodegroupName"]
        for other in groups
        if {key: other.get("tags", {}).get(key) for key in place} == place
    ]


class ActiveNodeGroup(pulumi.dynamic.Resource, module="ekshybrid", name="ActiveNodeGroup"):
    """The resource itself: it exists when the node group is ACTIVE.

    `group_id` is the group's id, CLUSTER:NAME. Its name would not do: that is known in a preview before there is a
    group. `urn` is the group's, for the way out; `version` is its Kubernetes version and `template_version` the one of
    its launch template.
    """

    def __init__(
        self,
        name: str,
        *,
        account: Account,
        group_id: pulumi.Input[str],
        urn: pulumi.Input[str],
        version: pulumi.Input[str],
        template_version: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        props = {
            "group_id": group_id,
            "urn": urn,
            "version": version,
            "template_version": template_version,
            "stack": account.tags[STACK_TAG],
            **account.identity.stored,
        }
        super().__init__(ActiveNodeGroupProvider(), name, props, opts)
