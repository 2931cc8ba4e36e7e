"""The command line of `ops ready`. Imports of the work itself are inside the function: `ops --help` stays fast."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.checks.terminal import (
    Format,
    List,
    NoColor,
    Only,
    Output,
    OutputFormat,
    Skip,
    choose,
    refusals,
    report,
)


def ready(
    stack: Annotated[
        str | None,
        typer.Option("--stack", "-s", help="The stack that is to be built; default: the selected one."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only what needs no account and no network.")
    ] = False,
    down: Annotated[
        bool, typer.Option("--down", help="What a destroy needs, and what would outlive the stack.")
    ] = False,
    only: Only = None,
    skip: Skip = None,
    list_: List = False,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Limit for one request.")] = 10.0,
    output_format: OutputFormat = Format.PRETTY,
    output: Output = None,
    no_color: NoColor = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings end with exit code 3.")] = False,
) -> None:
    """Say what this machine and this account lack for a deployment, before anything is built. Reads only.

    Exit codes: 0 ready, 1 a check failed, 2 could not run, 3 warnings under --strict, 130 interrupted.
    """
    from ops.ready.catalogue import CHECKS, DOWN, OFFLINE

    checks = choose(
        "ready", DOWN if down else OFFLINE if offline else CHECKS, only=only, skip=skip, list_=list_
    )
    with refusals("ready"):
        from ops.ready import session

        run = session.check(stack, checks, timeout_s=timeout, retries=1)
    report(run, output_format, output, no_color=no_color, strict=strict)
