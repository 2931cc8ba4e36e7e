"""Options that more than one command takes, so that they mean the same in all of them."""

from __future__ import annotations

from typing import Annotated

import typer

Outputs = Annotated[
    str | None,
    typer.Option(help="Read the stack's outputs from this JSON file (-: standard input), not from Pulumi."),
]
Profile = Annotated[str | None, typer.Option(help="AWS profile; default: the stack's.")]
