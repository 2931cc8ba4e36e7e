"""What every command with checks does on a terminal: its list of checks, its report, its refusal."""

import json
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

import typer

from ops.options import ReportFormat

if TYPE_CHECKING:
    from ops.checks.model import Check, Run


def choose(
    command: str, offered: Sequence["Check"], *, only: str | None, skip: str | None, list_: bool
) -> Sequence["Check"]:
    """Keep the checks that are asked for; with `list_`, write what each proves, and end."""
    from ops.checks.model import select

    checks = select(offered, only=only, skip=skip)
    if not checks:
        raise typer.BadParameter(f"--only and --skip leave no check; ops {command} --list shows them all")
    if list_:
        width = max(len(check.id) for check in checks)
        for check in checks:
            typer.echo(f"{check.id:<{width}}  {check.proves}")
        raise typer.Exit
    return checks


def report(
    run: "Run", output_format: ReportFormat, output: Path | None, *, no_color: bool, strict: bool
) -> NoReturn:
    """Write the report to the terminal, or to a file and the pretty one to the terminal; end as it ended."""
    if output is not None:
        with output.open("w", encoding="utf-8") as file:
            _write(run, file, output_format, color=False, strict=strict)
    shown = ReportFormat.PRETTY if output is not None else output_format
    _write(run, sys.stdout, shown, color=coloured(no_color=no_color), strict=strict)
    raise typer.Exit(run.exit_code(strict=strict))


def coloured(*, no_color: bool) -> bool:
    """Tell whether standard output gets colours."""
    return not no_color and not os.environ.get("NO_COLOR") and sys.stdout.isatty()


def _write(run: "Run", file: IO[str], output_format: ReportFormat, *, color: bool, strict: bool) -> None:
    from ops.checks.report import plain, pretty

    if output_format is ReportFormat.PRETTY:
        pretty.write(run, file, color=color)
    elif output_format is ReportFormat.JSON:
        plain.write_json(run, file, strict=strict)
    else:
        plain.write_junit(run, file)


def could_not_run(command: str, problems: Sequence[dict[str, str]]) -> str:
    """Write for programs that nothing could be asked, in the form of the reports."""
    return json.dumps(
        {
            "schema": 1,
            "command": command,
            "verdict": "could not run",
            "exitCode": 2,
            "problems": list(problems),
        },
        indent=2,
    )


@contextmanager
def refusals(command: str, *, as_json: bool = False) -> Generator[None]:
    """End with 2 where nothing could be asked, and say why in the words of a check; with 130 after Ctrl-C."""
    from ops.causes import problem_of
    from ops.clients.errors import AskError
    from ops.clients.redaction import Redactor

    try:
        yield
    except AskError as error:
        problem = problem_of(error, command)
        text = (
            f"ops {command} could not run\n  seen {problem.seen}\n  why  {problem.why}\n  fix  {problem.fix}"
        )
        typer.echo(Redactor().text(text), err=True)
        if as_json:
            typer.echo(could_not_run(command, [Redactor().data(vars(problem))]))
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
