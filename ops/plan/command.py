"""The command: `ops plan`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops import options
from ops.checks.terminal import could_not_run

if TYPE_CHECKING:
    from ops.plan.evaluation import Plan


def plan(
    stack: options.Stack = None,
    config: Annotated[
        list[str] | None,
        typer.Option(
            "--config", "-c", metavar="KEY=VALUE", help="A setting to try, by name or path; repeatable."
        ),
    ] = None,
    output_format: options.OutputFormat = options.Format.PRETTY,
    json_: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Show every flow, the longest wait and all outputs as well.")
    ] = False,
    flows: Annotated[
        bool, typer.Option("--flows", help="Show the proof of the network flows alone.")
    ] = False,
    waits: Annotated[bool, typer.Option("--waits", help="Show the longest chain of waits, alone.")] = False,
    images: Annotated[
        bool,
        typer.Option("--images", help="Show, alone, which images run and how to copy them to a registry."),
    ] = False,
    network: Annotated[
        Path | None,
        typer.Option(
            "--network", metavar="FILE", help="What AWS has of network.vpcId; ops plan prints the commands."
        ),
    ] = None,
    firewall: Annotated[
        Path | None,
        typer.Option(
            "--firewall", metavar="FILE", help="Also write what your data centre must open, as a .csv file."
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Also draw the stack, as an .svg file.")
    ] = None,
) -> None:
    """Show what the program would build: no account, no Pulumi CLI. The verdict comes first.

    Exit codes: 0 fine, 1 a flow that must be open is closed or too much is open to the internet, 2 the settings, the
    stack or the Calico manifest cannot be used.
    """
    # Imported here: the other commands need no pulumi, and `ops --help` nothing at all.
    from pulumi import RunError
    from rich.console import Console

    from k8s.calico_source import CalicoManifestError
    from ops.clients import tools
    from ops.clients.stack_file import StackFileError
    from ops.plan import report
    from ops.plan.evaluation import plan_stack
    from ops.plan.images import copy_commands
    from ops.program.existing_vpc import DescriptionError
    from ops.program.running import PROJECT_DIR, UnknownStackError
    from settings import SettingsError

    stack = stack or tools.selected_stack(PROJECT_DIR) or "dev"
    json_ = json_ or output_format is options.Format.JSON
    try:
        # Pulumi is large: this takes seconds. Nothing is written where standard error is no terminal.
        with Console(stderr=True, force_terminal=sys.stderr.isatty()).status(
            f"Evaluating the program for stack {stack} ..."
        ):
            given = overrides(config or [])
            found = plan_stack(stack, given, network=network)
            public = (
                plan_stack(stack, {**given, "imageRegistry": ""}, network=network)
                if images and found.registry
                else found
            )
    except (
        CalicoManifestError,
        DescriptionError,
        RunError,  # what the program finds wrong with a VPC that exists
        SettingsError,
        StackFileError,
        UnknownStackError,
    ) as error:
        typer.echo(str(error), err=True)
        if isinstance(error, SettingsError):
            typer.echo("To try a value: ops plan --config NAME=VALUE", err=True)
        if json_:
            said = error.problems if isinstance(error, SettingsError) else [str(error)]
            typer.echo(could_not_run("plan", [{"seen": text} for text in said]))
        raise typer.Exit(2) from None
    if images:
        typer.echo(found.concealed(copy_commands(public, found.registry)), nl=False)
        return
    sections = ((full, report.show_full), (flows, report.show_flows), (waits, report.show_waits))
    if json_:
        typer.echo(report.to_json(found))
    else:
        for show in [show for wanted, show in sections if wanted] or [report.show]:
            report.written(found, show)
    if firewall:
        _open(found, firewall)
    if picture:
        _draw(found, picture)
    raise typer.Exit(found.exit_code)


def _open(found: "Plan", path: Path) -> None:
    from ops.plan.firewall import to_csv

    try:
        path.write_text(to_csv(found), encoding="utf-8")
    except (ValueError, OSError) as error:
        typer.echo(f"--firewall {path}: {error}", err=True)
        raise typer.Exit(2) from None


def _draw(found: "Plan", path: Path) -> None:
    from ops.plan.picture import draw

    try:
        if path.suffix != ".svg":
            raise ValueError("a picture is an SVG, its name ends in .svg: --picture stack.svg")
        path.write_text(found.concealed(draw(found.recording, found.flows)), encoding="utf-8")
    except (ValueError, OSError) as error:
        typer.echo(f"--picture {path}: {error}", err=True)
        raise typer.Exit(2) from None


def overrides(pairs: list[str]) -> dict[str, str]:
    """The settings of --config options, by name or path.

    Errors: typer.BadParameter for one that is not KEY=VALUE.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (equals and key):
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE, e.g. --config sampleNodePort=30081")
        found[key] = value
    return found
