"""The command `ops`. Modules named here import little: each command loads its work when it runs."""

from __future__ import annotations

import typer

from ops.verify.command import verify

app = typer.Typer(
    name="ops",
    help="Commands around a deployment: verify it (before it: plan; when it fails: doctor).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# One line per command, in the order of use: plan (ops/plan/command.py), verify, doctor (ops/doctor/command.py).
app.command("verify")(verify)


@app.callback()
def _ops() -> None:
    """Keep `ops verify` a sub-command while it is the only one (typer would fold it into `ops`)."""


def main() -> None:
    """Run the command line."""
    app()
