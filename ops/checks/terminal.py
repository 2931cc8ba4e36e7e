"""What every command with checks does on a terminal: its options, its list of checks, its report, its refusal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from ops.checks.model import Check, Run


class Format(StrEnum):
    """How a report is written."""

    PRETTY = "pretty"
    JSON = "json"
    JUNIT = "junit"


def expression(text: str | None) -> str | None:
    """Refuse what is not a regular expression."""
    if text is None:
        return None
    try:
        re.compile(text)
    except re.error as error:
        raise typer.BadParameter(f"{text!r} is not a regular expression: {error}") from None
    return text


def in_a_folder(path: Path | None) -> Path | None:
    """Refuse a file in a folder that is not there: better now than after minutes of checks."""
    if path is not None and not path.parent.is_dir():
        raise typer.BadParameter(f"--output: there is no folder {path.parent}")
    return path


Only = Annotated[
    str | None, typer.Option(callback=expression, metavar="RE", help="Only checks whose id matches.")
]
Skip = Annotated[
    str | None, typer.Option(callback=expression, metavar="RE", help="No checks whose id matches.")
]
List = Annotated[bool, typer.Option("--list", help="List the checks and end.")]
OutputFormat = Annotated[Format, typer.Option("--format", "-o", help="How to write the report.")]
Output = Annotated[
    Path | None,
    typer.Option(
        dir_okay=False,
        callback=in_a_folder,
        help="Write the report to this file; the terminal then gets the pretty one.",
    ),
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR=1 does the same.")]


def choose(
    command: str, offered: Sequence[Check], *, only: str | None, skip: str | None, list_: bool
) -> Sequence[Check]:
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


def report(run: Run, output_format: Format, output: Path | None, *, no_color: bool, strict: bool) -> NoReturn:
    """Write the report to the terminal, or to a file and the pretty one to the terminal; end as it ended."""
    if output is not None:
        with output.open("w", encoding="utf-8") as file:
            _write(run, file, output_format, color=False, strict=strict, width=100)
    shown = Format.PRETTY if output is not None else output_format
    _write(run, sys.stdout, shown, color=coloured(no_color=no_color), strict=strict, width=None)
    raise typer.Exit(run.exit_code(strict=strict))


def coloured(*, no_color: bool) -> bool:
    """Tell whether standard output gets colours."""
    return not no_color and not os.environ.get("NO_COLOR") and sys.stdout.isatty()


def _write(
    run: Run, file: IO[str], output_format: Format, *, color: bool, strict: bool, width: int | None
) -> None:
    from ops.checks.report import plain, pretty

    if output_format is Format.PRETTY:
        pretty.write(run, file, color=color, width=width)
    elif output_format is Format.JSON:
        plain.write_json(run, file, strict=strict)
    else:
        plain.write_junit(run, file)


@contextmanager
def refusals(command: str) -> Generator[None]:
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
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
