"""The command line of `ops verify`. Imports of the work itself are inside the function: `ops --help` stays fast."""

from typing import Annotated

import typer

from ops import options
from ops.checks.terminal import choose, refusals, report
from ops.options import duration, seconds


def verify(
    stack: options.Stack = None,
    outputs: options.Outputs = None,
    profile: options.Profile = None,
    only: options.Only = None,
    skip: options.Skip = None,
    list_: options.List = False,
    wait: Annotated[
        str,
        typer.Option(
            callback=duration,
            metavar="TIME",
            help="Ask again until all is well, at most this long, e.g. 15m.",
        ),
    ] = "0s",
    timeout: options.Timeout = "10s",
    retry: Annotated[
        int, typer.Option(min=0, max=10, help="Ask again this often when a request gets lost on the way.")
    ] = 2,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Checks, and execs, at one time.")] = 16,
    requests: Annotated[int, typer.Option(min=1, max=10000, help="Requests to the load balancer.")] = 20,
    output_format: options.ReportOutputFormat = options.ReportFormat.PRETTY,
    output: options.Output = None,
    no_color: options.NoColor = False,
    strict: options.Strict = False,
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
    with refusals("verify", as_json=output_format is options.ReportFormat.JSON):
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
