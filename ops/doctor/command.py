"""The command line of `ops doctor`. Imports of the work itself are inside the function: `ops --help` stays fast."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ops import options
from ops.checks.terminal import coloured, refusals


def doctor(
    stack: options.Stack = None,
    saved: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Explain this saved text instead, and ask nobody: a console, the output of a failed pulumi up, "
            "kubectl describe or events, JSON of the AWS CLI. Repeatable; -: standard input.",
        ),
    ] = None,
    outputs: options.Outputs = None,
    profile: options.Profile = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            metavar="FILE.tgz",
            help="Write a support bundle too: redacted, readable by you alone.",
        ),
    ] = None,
    output_format: options.OutputFormat = options.Format.PRETTY,
    no_color: options.NoColor = False,
) -> None:
    """Say why a deployment stopped half way, or why a node never joined. Reads only.

    It claims a cause only where a text proves it, and otherwise quotes the text. With -o json: causes (id, seen, why,
    fix), quoted (what no row of its table knows), consequences, gaps.

    Exit codes: 0 nothing found wrong, 1 findings, 2 could not run, or could not look at everything.
    """
    if saved and (stack or outputs or profile or bundle):
        raise typer.BadParameter(
            "--from asks nobody: --stack, --outputs, --profile and --bundle do not go with it"
        )
    from ops.doctor import report

    with refusals("doctor", as_json=output_format is options.Format.JSON):
        if saved:
            from ops.doctor.saved import explain

            diagnosis = explain(saved)
        else:
            from ops.doctor import session

            diagnosis = session.run(stack=stack, outputs=outputs, profile=profile, bundle_path=bundle)
    if output_format is options.Format.JSON:
        report.write_json(diagnosis, sys.stdout)
    else:
        report.write_pretty(diagnosis, sys.stdout, color=coloured(no_color=no_color))
    if bundle is not None:
        typer.echo(f"wrote {bundle}: look through it before you publish it", err=True)
    raise typer.Exit(diagnosis.exit_code)
