"""Options that more than one command takes, so that they mean the same in all of them.

-s is a stack and -o the form of what is written, everywhere.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How an answer is written."""

    PRETTY = "pretty"
    JSON = "json"


class ReportFormat(StrEnum):
    """How a report of checks is written."""

    PRETTY = "pretty"
    JSON = "json"
    JUNIT = "junit"


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


Stack = Annotated[str | None, typer.Option("--stack", "-s", help="The stack; default: the selected one.")]
Outputs = Annotated[
    str | None,
    typer.Option(help="Read the stack's outputs from this JSON file (-: standard input), not from Pulumi."),
]
Profile = Annotated[str | None, typer.Option(help="AWS profile; default: the stack's.")]
OutputFormat = Annotated[Format, typer.Option("--format", "-o", help="How to write the answer.")]
ReportOutputFormat = Annotated[ReportFormat, typer.Option("--format", "-o", help="How to write the report.")]
Output = Annotated[
    Path | None,
    typer.Option(
        dir_okay=False,
        callback=in_a_folder,
        help="Write the report to this file; the terminal then gets the pretty one.",
    ),
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR=1 does the same.")]
Only = Annotated[
    str | None, typer.Option(callback=expression, metavar="RE", help="Only checks whose id matches.")
]
Skip = Annotated[
    str | None, typer.Option(callback=expression, metavar="RE", help="No checks whose id matches.")
]
List = Annotated[bool, typer.Option("--list", help="List the checks and end.")]
Strict = Annotated[bool, typer.Option("--strict", help="Warnings end with exit code 3.")]
Timeout = Annotated[
    str, typer.Option(callback=duration, metavar="TIME", help="Limit for one request or exec, e.g. 30s.")
]
