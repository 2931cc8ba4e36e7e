"""The command line of `ops ready`. Imports of the work itself are inside the function: `ops --help` stays fast."""

from typing import Annotated

import typer

from ops import options
from ops.checks.terminal import choose, refusals, report


def ready(
    stack: options.Stack = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only what needs no account and no network.")
    ] = False,
    down: Annotated[
        bool, typer.Option("--down", help="What a destroy needs, and what would outlive the stack.")
    ] = False,
    only: options.Only = None,
    skip: options.Skip = None,
    list_: options.List = False,
    timeout: options.Timeout = "10s",
    output_format: options.ReportOutputFormat = options.ReportFormat.PRETTY,
    output: options.Output = None,
    no_color: options.NoColor = False,
    strict: options.Strict = False,
) -> None:
    """Say what this machine and this account lack for a deployment, before anything is built. Reads only.

    Exit codes: 0 ready, 1 a check failed, 2 could not run, 3 warnings under --strict, 130 interrupted.
    """
    from ops.ready.catalogue import CHECKS, DOWN, OFFLINE

    checks = choose(
        "ready", DOWN if down else OFFLINE if offline else CHECKS, only=only, skip=skip, list_=list_
    )
    with refusals("ready", as_json=output_format is options.ReportFormat.JSON):
        from ops.ready import session

        run = session.check(stack, checks, timeout_s=options.seconds(timeout), retries=1)
    report(run, output_format, output, no_color=no_color, strict=strict)
