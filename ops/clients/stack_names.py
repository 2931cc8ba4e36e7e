"""What a stack calls its things, when the stack itself may be gone: from its settings files, or from options."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import settings
from ops.clients import stack_outputs, tools
from ops.clients.errors import AskError
from ops.clients.leftovers import Names
from ops.clients.stack_config import defaults, project_name, stack_config
from ops.clients.stack_file import StackFileError


@dataclass(frozen=True, kw_only=True)
class LookedUp:
    """The names, and who to look as: an AWS profile (None: the environment's), and roles to take on top."""

    names: Names
    profile: str | None
    roles: tuple[Mapping[str, Any], ...] = ()


def look_up(
    *, outputs: str | None, stack: str | None, region: str | None, cluster: str | None, profile: str | None
) -> LookedUp:
    """Find out the names: options first, then saved outputs, then Pulumi.yaml and Pulumi.STACK.yaml here.

    Errors: AskError (the region, the cluster or the stack cannot be found).
    """
    if outputs:
        deployed = stack_outputs.deployment(outputs=outputs, stack=None)
        expected = deployed.checks
        names = Names(
            project=expected.project,
            stack=stack or expected.stack,
            region=region or expected.region,
            cluster=cluster or deployed.cluster_name,
        )
        return LookedUp(names=names, profile=profile or expected.profile or None, roles=expected.roles)
    full = stack or tools.selected_stack()
    if not full:
        raise AskError("no stack is selected", code="stack-unselected")
    stack, here = full.rpartition("/")[2], Path.cwd()
    name, values = _project_and_settings(here, full)
    environment = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    region = region or values.get("aws:region") or environment
    cluster = cluster or values.get(f"{name}:clusterName")
    missing = [what for what, value in (("a region", region), ("a cluster", cluster)) if not value]
    if not region or not cluster:
        raise AskError(
            f"Pulumi.yaml and Pulumi.{stack}.yaml in {Path.cwd()} do not name {' and '.join(missing)}",
            code="stack-forgotten",
        )
    names = Names(project=name, stack=stack, region=region, cluster=cluster)
    return LookedUp(
        names=names, profile=profile or values.get("aws:profile") or None, roles=settings.roles(values)
    )


def _project_and_settings(folder: Path, stack: str) -> tuple[str, Mapping[str, str]]:
    """Read the project's name and what the stack's settings say: nothing where there is no project or no stack."""
    try:
        name = project_name(folder)
        try:
            return name, stack_config(folder, stack).values
        except FileNotFoundError:
            return name, defaults(folder) if (folder / "Pulumi.yaml").exists() else {}
    except StackFileError as error:
        raise AskError(str(error), code="settings-unreadable") from None
