"""Drains a hybrid node before its instance goes, in the same way as node_cleanup does its work: on delete.

In an `up` that replaces a node, the engine deletes nothing before all that is new is there: nw-check has seen the new
node, and the sample app has moved. What then still runs on the old node is somebody else's workload.
"""

from typing import TYPE_CHECKING

import pulumi

from infra.credentials import Identity
from infra.node_cleanup import OnDeleteProvider

if TYPE_CHECKING:
    from infra.leaving import Machine


class NodeDrainProvider(OnDeleteProvider):
    """Cordons and drains. Pickled by reference as its base: infra.node_drain.NodeDrainProvider stays importable."""

    def work(self, machine: "Machine") -> None:
        """Move the workloads off the machine of this activation."""
        from infra import leaving

        leaving.drain(machine.activation_id, machine.sign_in(f"drain for activation {machine.activation_id}"))


class NodeDrain(pulumi.dynamic.Resource, module="ekshybrid", name="NodeDrain"):
    """Stands after a hybrid node's instance, so that the node is drained before the instance goes.

    `address` is the instance's. Whoever sends requests to it takes it from here: then it stops first. Give the
    resource `deleted_with` the cluster: a destroy of the whole stack drains nothing. Another address or profile is
    stored; a change of any other input replaces.
    """

    address: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        activation_id: pulumi.Input[str],
        address: pulumi.Input[str],
        cluster_name: pulumi.Input[str],
        identity: Identity,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {
            "activation_id": activation_id,
            "address": address,
            "cluster_name": cluster_name,
            **identity.stored,
        }
        super().__init__(NodeDrainProvider(), name, props, opts)
