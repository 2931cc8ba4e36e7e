"""The command line of `ops acceptance`. Imports of the work itself are inside the function: `ops --help` stays fast."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

_NODE = re.compile(r"hybridNodes\[(\d+)\]\.(\w+)")
# What makes a data centre of one's own: its machines are joined by a person, with what `ops join` writes.
_OWN = re.compile(r"site\b.*|hybridNodes\[\d+\]\.(address|architecture)")


def acceptance(
    region: Annotated[
        str | None, typer.Option(help="The region to build in; default: AWS_REGION, AWS_DEFAULT_REGION.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="AWS profile; default: the environment's.")] = None,
    config: Annotated[
        list[str] | None,
        typer.Option(
            "--config", "-c", metavar="KEY=VALUE", help="A setting of the stack, by name or path; repeatable."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it is built.")] = False,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Begin one Kubernetes minor lower, and upgrade.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Do not remove the stack at the end. It is billed.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="MINUTES", help="Stop, and remove all, after this long.")
    ] = 180,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A new folder for the report; default: named like the stack."),
    ] = None,
) -> None:
    """Build a stack of its own in a real account, prove it, change it, prove it again, and remove it.

    It always removes what it has built: after a failure, after Ctrl-C, when the time is over. What it cannot remove it
    names. Exit codes: 0 all was shown, 1 something was not, 2 it could not begin, 130 it was stopped.
    """
    from ops.acceptance.run import CannotBeginError, Wish, run

    try:
        settings = settings_of(config or [])
        where = region or settings.get("aws:region") or os.environ.get("AWS_REGION")
        where = where or os.environ.get("AWS_DEFAULT_REGION")
        if not where:
            raise typer.BadParameter("no region is named: --region ap-northeast-1")
        code = run(
            Wish(
                settings={
                    **settings,
                    "aws:region": where,
                    **({"aws:profile": profile} if profile else {}),
                },
                upgrade=upgrade,
                keep=keep,
                limit_s=limit * 60,
                folder=folder,
            ),
            say=typer.echo,
            agreed=(lambda: True) if yes else _asked,
        )
    except CannotBeginError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(code)


def _asked() -> bool:
    try:
        return typer.confirm("Build it?")
    except typer.Abort:
        typer.echo("Nobody answered; --yes builds it without a question.", err=True)
        return False


def settings_of(pairs: list[str]) -> dict[str, str]:
    """The settings of --config options, with the first hybrid node in them.

    Errors: typer.BadParameter for one that is not KEY=VALUE, or that sets what a run sets itself.
    """
    settings = {"hybridNodes[0].name": "hybrid-1"}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.removeprefix("eks-hybrid-calico:")
        if not (equals and key):
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE, e.g. --config availabilityZones=3")
        if key == "clusterName":
            raise typer.BadParameter("clusterName: a run names its cluster itself")
        if _OWN.fullmatch(key):
            raise typer.BadParameter(
                f"{key}: a run makes its hybrid nodes itself, it cannot join a machine of your own. Leave site and "
                "hybridNodes[].address out here. A stack with a site of your own: pulumi up, ops join NAME, then "
                "ops verify --wait 15m (docs/data-centre.md)"
            )
        if key.startswith("hybridNodes") and not _NODE.fullmatch(key):
            raise typer.BadParameter(
                f"{pair!r}: set hybrid nodes by path, e.g. --config 'hybridNodes[0].instanceType=t4g.large'"
            )
        settings[key] = value
    return settings


def hybrid_nodes(settings: Mapping[str, str]) -> int:
    """How many hybrid nodes the settings name."""
    return 1 + max(int(found[1]) for key in settings if (found := _NODE.fullmatch(key)))
