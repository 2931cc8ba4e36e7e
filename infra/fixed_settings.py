"""Remembers what is fixed once the stack is up, and refuses a change of it in the preview.

All networks, and everything that changes, wait for this resource: nothing has changed when it refuses, not even
with `--skip-preview`. A destroy and a refresh never ask it. A stack that was made before it existed remembers
from its next `pulumi up` on.

The engine calls the provider in a process of its own, which unpickles it *by reference*: its name must stay
importable, and nothing may be stored in the instance (see node_cleanup.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ResourceProvider, UpdateResult

from infra.account import Account
from infra.changes import REMEMBERED, refusals
from infra.credentials import Identity
from infra.names import STACK_TAG
from infra.stored_provider import changed


class FixedSettingsProvider(ResourceProvider):
    """What the engine calls, out of process. Holds no state: it is pickled by reference."""

    serialize_as_secret_always = False

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse what cannot be changed; runs in every preview and every up."""
        # Imported here: boto3 takes a quarter of a second, and hardly any run needs it.
        from infra.living_cluster import kubernetes_version

        def version_of_cluster() -> str | None:
            return kubernetes_version(
                name=_olds["clusterName"],
                # Where the stack is, as whoever runs this signs in.
                identity=Identity.from_state({**news, "region": _olds["region"]}),
                tag=(STACK_TAG, _olds["stack"]),
                unknown=_olds["kubernetesVersion"],
            )

        found = refusals(_olds, news, version_of_cluster)
        project = news["stack"].partition("/")[0]
        return CheckResult(news, [CheckFailure(each.setting, each.text(project)) for each in found])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Remember in place what was allowed to change; replace never."""
        return DiffResult(
            changes=bool(changed(_olds, _news, (*REMEMBERED, "profile", "roles", "stack"))), replaces=[]
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Store the inputs."""
        return CreateResult(props["stack"], dict(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Store the new inputs."""
        return UpdateResult(dict(_news))


class Memory(pulumi.dynamic.Resource, module="ekshybrid", name="FixedSettings"):
    """The resource itself: its inputs are the settings, as they were at the last `pulumi up`."""

    def __init__(self, name: str, *, values: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(FixedSettingsProvider(), name, dict(values), opts)


def _stored(value: Any) -> Any:
    """A text: the engine hands numbers to the provider as floats, and a message would say 2.0.

    Of a map, what is set: a state has no null.
    """
    if isinstance(value, Mapping):
        return {key: each for key, each in value.items() if each is not None}
    return str(value)


@dataclass(frozen=True, kw_only=True)
class FixedSettingsArgs:
    """`values` are the stack's settings by the names that users write; `infra.changes` says which are remembered."""

    account: Account
    values: Mapping[str, Any]


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
                **account.identity.stored,
                "account_id": account.account_id,
                "stack": account.tags[STACK_TAG],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.before_all = pulumi.ResourceOptions(depends_on=[memory])
        self.register_outputs({})
