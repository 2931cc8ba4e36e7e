"""Remembers what is fixed once the stack is up, and refuses a change of it in the preview.

All networks, and everything that changes, wait for this resource: nothing has changed when it refuses, not even
with `--skip-preview`. A destroy never asks it; a refresh lets it remember what EKS has. A stack that was made before
it existed remembers from its next `pulumi up` on.

The engine calls the provider in a process of its own, which unpickles it *by reference*: its name must stay
importable, and nothing may be stored in the instance (see node_cleanup.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from infra.account import Account
from infra.changes import REMEMBERED, ControlPlane, NoAnswerError, minor, refusals, refused_admins
from infra.credentials import Identity, is_principal
from infra.names import STACK_TAG
from infra.stored_provider import changed
from infra.versions import RELEASE

# Inputs of `check` that no state holds: which settings the stack leaves to the release, and who runs the program.
UNSET, CALLER = "unset", "caller"


class NotRefreshedError(Exception):
    """The state knows less than EKS has: with it the provider would ask for what is there already."""


class FixedSettingsProvider(ResourceProvider):
    """What the engine calls, out of process. Holds no state: it is pickled by reference."""

    serialize_as_secret_always = False

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse what cannot be changed; runs in every preview and every up."""
        inputs = {key: value for key, value in news.items() if key not in (UNSET, CALLER)}
        unset = news.get(UNSET) or ()
        try:
            present = _ask(_olds or inputs, inputs)
        except NoAnswerError as error:
            if not _olds and unset:
                why = str(error).removesuffix(".")
                reason = (
                    f"EKS could not be asked whether this stack has a control plane already: {why}. Without an answer"
                    f" this release's defaults would change what it has. Repeat it, or set {', '.join(unset)}"
                )
                return CheckResult(inputs, [CheckFailure("clusterName", reason)])
            present = _remembered(_olds, inputs)
        refused = [
            *refusals(_olds, inputs, lambda: present, unset=unset, today=date.today()),
            *refused_admins(inputs.get("clusterAdmins") or (), _has_entry(_olds, news, present)),
        ]
        project = news["stack"].partition("/")[0]
        return CheckResult(inputs, [CheckFailure(each.setting, each.text(project)) for each in refused])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Remember in place what was allowed to change; replace never.

        Errors: NotRefreshedError (EKS has the wanted version already, and the state does not know).
        """
        remembered, wanted = _olds.get("kubernetesVersion"), _news["kubernetesVersion"]
        if remembered and minor(remembered) < minor(wanted) and _has(_news, wanted):
            raise NotRefreshedError(
                f"EKS has Kubernetes {wanted} already, and this stack last knew {remembered}: EKS refuses an upgrade "
                "to the version that it has. First pulumi refresh, then make up"
            )
        return DiffResult(
            changes=bool(changed(_olds, _news, (*REMEMBERED, "profile", "roles", "stack"))), replaces=[]
        )

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Remember what EKS has done by itself; runs in every refresh."""
        try:
            present = _ask(props, props)
        except NoAnswerError:
            present = None
        if present is None:
            return ReadResult(id_, props)
        return ReadResult(id_, {**props, "kubernetesVersion": present.version})

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Store the inputs."""
        return CreateResult(props["stack"], dict(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Store the new inputs."""
        return UpdateResult(dict(_news))


def _ask(place: Mapping[str, Any], sign_in: Mapping[str, Any]) -> ControlPlane | None:
    """Ask EKS about the stack's control plane. Errors: NoAnswerError."""
    # Imported here: boto3 takes a quarter of a second, and the program itself does not need it.
    from infra import living_cluster

    return living_cluster.control_plane(**_question(place, sign_in))


def _question(place: Mapping[str, Any], sign_in: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": place["clusterName"],
        # Where the stack is, as whoever runs this signs in.
        "identity": Identity.from_state({**sign_in, "region": place["region"]}),
        "tag": (STACK_TAG, place["stack"]),
    }


def _has_entry(
    olds: Mapping[str, Any], news: Mapping[str, Any], present: ControlPlane | None
) -> Callable[[str], bool]:
    """Whether an administrator that is new in the settings has an access entry which is not this stack's."""
    from infra import living_cluster

    def has(arn: str) -> bool:
        if arn in (olds.get("clusterAdmins") or ()):
            return False
        if present is None:
            # EKS makes one for whoever makes the cluster.
            return is_principal(arn, news[CALLER])
        try:
            return living_cluster.has_foreign_entry(arn, **_question(olds or news, news))
        except NoAnswerError:
            return False

    return has


def _remembered(olds: Mapping[str, Any], news: Mapping[str, Any]) -> ControlPlane | None:
    """Take what the stack remembers for what EKS has: whoever cannot ask must take it that there is a cluster."""
    if not olds:
        return None
    return ControlPlane(
        version=olds["kubernetesVersion"], support_type=olds.get("supportType", news["supportType"])
    )


def _has(news: Mapping[str, Any], version: str) -> bool:
    try:
        present = _ask(news, news)
    except NoAnswerError:
        return False
    return present is not None and present.version == version


class Memory(pulumi.dynamic.Resource, module="ekshybrid", name="FixedSettings"):
    """The resource itself: its inputs are the settings, as they were at the last `pulumi up`."""

    def __init__(self, name: str, *, values: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(FixedSettingsProvider(), name, dict(values), opts)


def _stored(value: Any) -> Any:
    """A text: the engine hands numbers to the provider as floats, and a message would say 2.0.

    Of a map, what is set: a state has no null.
    """
    if isinstance(value, tuple):
        return [_stored(each) for each in value]
    if isinstance(value, Mapping):
        return {key: each for key, each in value.items() if each is not None}
    return str(value)


@dataclass(frozen=True, kw_only=True)
class FixedSettingsArgs:
    """`values` are the stack's settings by the names that users write; `infra.changes` says which are remembered.

    `unset` names those whose value is this release's default because the stack sets none.
    """

    account: Account
    values: Mapping[str, Any]
    unset: Sequence[str]


class FixedSettings(pulumi.ComponentResource):
    """What the stack was told to be, so that the next run can tell what has changed.

    `before_all` are the options for every component at the top: a component that waits keeps its children waiting.
    """

    def __init__(
        self, name: str, args: FixedSettingsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ekshybrid:fixed_settings:FixedSettings", name, {}, opts)
        account = args.account
        memory = Memory(
            name,
            values={
                **{key: _stored(value) for key, value in args.values.items() if key in REMEMBERED},
                "release": RELEASE,
                UNSET: list(args.unset),
                CALLER: account.caller_arn,
                **account.identity.stored,
                "account_id": account.account_id,
                "stack": account.tags[STACK_TAG],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.before_all = pulumi.ResourceOptions(depends_on=[memory])
        self.register_outputs({})
