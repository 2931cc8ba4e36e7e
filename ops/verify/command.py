"""The command line of `ops verify`. Imports of the work itself are inside the function: `ops --help` stays fast."""

from __future__ import annotations

import re
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
from ops.options import Outputs, Profile

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


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


def verify(
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", help="Stack to verify; default: the selected one.")
    ] = None,
    outputs: Outputs = None,
    profile: Profile = None,
    only: Only = None,
    skip: Skip = None,
    list_: List = False,
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
    output_format: OutputFormat = Format.PRETTY,
    output: Output = None,
    no_color: NoColor = False,
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
    from ops.verify.catalogue import CHECKS, LEFTOVERS

    checks = choose("verify", LEFTOVERS if destroyed else CHECKS, only=only, skip=skip, list_=list_)
    with refusals("verify"):
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
    report(run, output_format, output, no_color=no_color, strict=strict)
