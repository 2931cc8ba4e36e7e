"""How what these components create hangs in Pulumi's graph. The one place that says so."""

from collections.abc import Sequence
from typing import Protocol

import pulumi

from k8s.workloads import BOOT_TIMEOUT_MINUTES


class HybridSide(Protocol):
    """The hybrid nodes: the SSM activation's id of each, and the instances that the program makes.

    `awaited` is False where a person brings the machines: `pulumi up` does not wait for a person. `taints` are those of
    all nodes (KEY=VALUE:EFFECT): what the stack itself runs on them tolerates each.
    """

    activation_ids: list[pulumi.Output[str]]
    instances: list[pulumi.Resource]
    awaited: bool
    taints: Sequence[str]


class ManagedSide(Protocol):
    """The managed nodes: how many are wanted, and what makes them. `taints` are those of all groups."""

    desired: int
    taints: Sequence[str]

    @property
    def node_groups(self) -> Sequence[pulumi.Resource]:
        """The node groups: one is there when its nodes are."""
        ...


def first(
    parent: pulumi.ComponentResource, cluster: pulumi.Resource, opts: pulumi.ResourceOptions | None
) -> pulumi.ResourceOptions:
    """Return options for a component's first child; `opts` are the component's own.

    What the component depends on is repeated here: the engine does not record it for a component's children.
    """
    return pulumi.ResourceOptions(
        parent=parent, deleted_with=cluster, depends_on=opts.depends_on if opts else None
    )


def after(
    parent: pulumi.ComponentResource,
    cluster: pulumi.Resource,
    depends_on: Sequence[pulumi.Resource],
    *,
    nodes_may_boot: bool = False,
) -> pulumi.ResourceOptions:
    """Return options for a child that comes after others; with `nodes_may_boot` its await outlasts a slow boot."""
    timeout = f"{BOOT_TIMEOUT_MINUTES}m" if nodes_may_boot else None
    return pulumi.ResourceOptions(
        parent=parent,
        deleted_with=cluster,
        depends_on=list(depends_on),
        custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout) if timeout else None,
    )
