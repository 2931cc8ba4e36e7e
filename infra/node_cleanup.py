"""Removes what a terminated hybrid node leaves behind: its Kubernetes Node and its mi-* registration.

Nothing in AWS or Kubernetes does it: the registration stays for ever, and a hybrid node is billed until its
Node object is deleted (https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-remove.html). The work is
done on delete; creating this resource calls nothing.

On delete the engine starts a process of its own, which unpickles the provider *by reference*: what is in the
state is only "infra.node_cleanup.NodeCleanupProvider". So that name must stay importable, and nothing may be
stored in the instance. Credentials are looked up again at that moment.
"""

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ResourceProvider, UpdateResult
from pulumi.output import Unknown

from infra.credentials import Identity
from infra.stored_provider import changed

if TYPE_CHECKING:
    from infra.leaving import Machine

# Together they say which machine of which cluster is meant. `profile` only says how to sign in.
_IDENTITY = ("activation_id", "cluster_name", "region")
# The SSM API's own pattern for ActivationId.
_ACTIVATION_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class OnDeleteProvider(ResourceProvider, ABC):
    """What the engine calls, out of process: it stores its inputs, and does its work on delete.

    Holds no state: it is pickled by reference. `work` is what there is to do for one activation.
    """

    # By reference means no secret inside: readable in the state, so that a reviewer sees what will run.
    serialize_as_secret_always = False

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse at creation what would only fail at the destroy, or match the wrong machines."""
        # In a preview an output that does not exist yet comes as Unknown; it is checked when it is known.
        known = {key: news.get(key) for key in _IDENTITY if not isinstance(news.get(key), Unknown)}
        failures = [
            CheckFailure(key, f"{key} {value!r} must not be empty")
            for key, value in known.items()
            if not isinstance(value, str) or not value
        ]
        activation_id = known.get("activation_id")
        if not failures and activation_id is not None and not _ACTIVATION_ID.fullmatch(activation_id):
            reason = f"activation_id {news['activation_id']!r} is not the id of an SSM activation (a UUID)"
            failures.append(CheckFailure("activation_id", reason))
        return CheckResult(news, failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Replace when something else is meant; store all other changes, such as a moved class, in place."""
        differing = changed(_olds, _news, (*_IDENTITY, "profile", "roles", "node_name", "address"))
        return DiffResult(
            changes=bool(differing),
            replaces=[key for key in differing if key in _IDENTITY],
            delete_before_replace=False,
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Store the inputs; the id is the activation's, as the AWS commands want it."""
        return CreateResult(props["activation_id"], dict(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Store the new inputs."""
        return UpdateResult(dict(_news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Do the work, reporting each step.

        Errors: CleanupError (the resource stays in the state, and the next run goes on where this one stopped).
        """
        # Imported here: boto3 takes a quarter of a second, and only a delete needs it.
        from infra.eks_api import CleanupError
        from infra.leaving import Machine

        try:
            self.work(Machine.from_state(_props))
        except CleanupError as error:
            # The engine prints the whole traceback with the message at its end: keep it short.
            raise error.with_traceback(None) from None

    @abstractmethod
    def work(self, machine: "Machine") -> None:
        """Do what a delete is for."""


class NodeCleanupProvider(OnDeleteProvider):
    """Removes Node and registration on delete, and on creation the Node of a dead machine of the same name."""

    own_machine = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make way for the new machine, and store the inputs."""
        from infra import leaving

        leaving.make_way(props["node_name"], leaving.Machine.from_state(props))
        return super().create(props)

    def work(self, machine: "Machine") -> None:
        """Remove what the machine of this activation has left behind."""
        from infra import leaving

        api = machine.sign_in(f"clean-up of activation {machine.activation_id}")
        leaving.clean_up(machine.activation_id, api, own_machine=self.own_machine)


class OwnMachineCleanupProvider(NodeCleanupProvider):
    """The same for a machine of one's own, which may still run: it is told how to leave, and is not fought."""

    own_machine = True


class NodeCleanup(pulumi.dynamic.Resource, module="ekshybrid", name="NodeCleanup"):
    """Stands between a hybrid node's activation and its instance, so that on destroy the instance goes first.

    The instance must consume the output `activation_id` (a live kubelet would put its Node back). `node_name` is that
    in the settings; `own_machine` says that there is no instance. A change of name, profile or roles is stored; a
    change of any other input replaces.
    """

    activation_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        node_name: str,
        activation_id: pulumi.Input[str],
        cluster_name: pulumi.Input[str],
        identity: Identity,
        own_machine: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {
            "node_name": node_name,
            "activation_id": activation_id,
            "cluster_name": cluster_name,
            **identity.stored,
        }
        provider = OwnMachineCleanupProvider() if own_machine else NodeCleanupProvider()
        super().__init__(provider, name, props, opts)
