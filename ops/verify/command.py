"""The command line of `ops verify`. Imports of the work itself are inside the function: `ops --help` stays fast."""

from __future__ import annotations

import os
import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import Outputs, Profile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from ops.clients.errors import Problem
from ops.verify.model import Check, Run

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


class Format(StrEnum):
    """How a report is written."""

    PRETTY = "pretty"
    SHORT = "short"
    JSON = "json"
    JUNIT = "junit"


def seconds(text: str) -> float:
    """Read a duration such as 90, 90s, 15m, 1h."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a duration; write for example 90s, 15m or 1h")
    return float(found[1]) * _UNITS[found[2]]


def duration(text: str) -> str:
    """Refuse what is not a duration."""
    seconds(text)
    return text


def expression(text: str | None) -> str | None:
    """Refuse what is not a regular expression."""
    if text is None:
        return None
    try:
        re.compile(text)
    except re.error as error:
        raise typer.BadParameter(f"{text!r} is not a regular expression: {error}") from None
    return text


def verify(
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", help="Stack to verify; default: the selected one.")
    ] = None,
    outputs: Outputs = None,
    profile: Profile = None,
    only: Annotated[
        str | None, typer.Option(callback=expression, metavar="RE", help="Only checks whose id matches.")
    ] = None,
    skip: Annotated[
        str | None, typer.Option(callback=expression, metavar="RE", help="No checks whose id matches.")
    ] = None,
    list_checks: Annotated[bool, typer.Option("--list", help="List the checks and end.")] = False,
    wait: Annotated[
        str,
        typer.Option(
            callback=duration,
            metavar="TIME",
            help="Ask again until all is well, at most this long, e.g. 15m.",
        ),
    ] = "0s",
    timeout: Annotated[
        str, typer.Option(callback=duration, metavar="TIME", help="Limit for one request or exec.")
    ] = "10s",
    retry: Annotated[
        int, typer.Option(min=0, max=10, help="Ask again this often when a request gets lost on the way.")
    ] = 2,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Checks, and execs, at one time.")] = 16,
    requests: Annotated[int, typer.Option(min=1, max=10000, help="Requests to the load balancer.")] = 20,
    output_format: Annotated[
        Format, typer.Option("--format", "-o", help="How to write the report.")
    ] = Format.PRETTY,
    output: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="Write the report to this file; the terminal then gets the pretty one."
        ),
    ] = None,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours; NO_COLOR=1 does the same.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings end with exit code 3.")] = False,
    destroyed: Annotated[
        bool, typer.Option("--destroyed", help="After pulumi destroy: prove that nothing is left.")
    ] = False,
    region: Annotated[
        str | None, typer.Option(help="With --destroyed: the region, if the stack's settings are gone.")
    ] = None,
    cluster_name: Annotated[
        str | None, typer.Option(help="With --destroyed: the cluster, if the stack's settings are gone.")
    ] = None,
) -> None:
    """Prove that a deployment works, or say what is wrong with it. Reads only.

    Exit codes: 0 pass, 1 a check failed, 2 could not run, 3 warnings under --strict, 130 interrupted.
    """
    from ops.clients.errors import AskError
    from ops.verify.catalogue import CHECKS, LEFTOVERS, select

    checks = select(LEFTOVERS if destroyed else CHECKS, only=only, skip=skip)
    if not checks:
        raise typer.BadParameter("--only and --skip leave no check; ops verify --list shows them all")
    if output is not None and not output.parent.is_dir():
        raise typer.BadParameter(f"--output: there is no folder {output.parent}")
    if list_checks:
        _list(checks)
        return
    try:
        from ops.verify import session
        from ops.verify.context import Limits

        request = session.Request(
            stack=stack,
            outputs=outputs,
            profile=profile,
            region=region,
            cluster_name=cluster_name,
            wait_s=seconds(wait),
            limits=Limits(
                timeout_s=seconds(timeout), retries=retry, concurrency=concurrency, requests=requests
            ),
        )
        run = session.leftovers(request, checks) if destroyed else session.verify(request, checks)
    except AskError as error:
        _refuse(error.problem)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if output is not None:
        with output.open("w", encoding="utf-8") as file:
            _write(run, file, output_format, color=False, strict=strict, width=100)
    shown = Format.PRETTY if output is not None else output_format
    _write(run, sys.stdout, shown, color=_color(no_color), strict=strict, width=None)
    raise typer.Exit(run.exit_code(strict=strict))


def _write(
    run: Run, file: IO[str], output_format: Format, *, color: bool, strict: bool, width: int | None
) -> None:
    from ops.verify.report import plain, pretty

    if output_format is Format.PRETTY:
        pretty.write(run, file, color=color, width=width)
    elif output_format is Format.SHORT:
        plain.write_short(run, file)
    elif output_format is Format.JSON:
        plain.write_json(run, file, strict=strict)
    else:
        plain.write_junit(run, file)


def _color(no_color: bool) -> bool:
    return not no_color and not os.environ.get("NO_COLOR") and sys.stdout.isatty()


def _list(checks: Sequence[Check]) -> None:
    width = max(len(check.id) for check in checks)
    for check in checks:
        typer.echo(f"{check.id:<{width}}  {check.proves}")


def _refuse(problem: Problem) -> None:
    """Say why nothing could be asked, in the words of a check."""
    typer.echo(
        f"ops verify could not run\n  seen {problem.seen}\n  why  {problem.why}\n  fix  {problem.fix}",
        err=True,
    )
