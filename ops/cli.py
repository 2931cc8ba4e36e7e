"""The command `ops`. Modules named here import little: each command loads its work when it runs."""

from typing import Annotated

import typer

from infra.versions import RELEASE
from ops.doctor.command import doctor
from ops.machines.command import join, leave, upgrade
from ops.pin.command import pin
from ops.plan.command import plan
from ops.ready.command import ready
from ops.verify.command import verify
from ops.which.command import which

app = typer.Typer(
    name="ops",
    help="Commands around a deployment: which, ready and plan before it, verify after it, doctor when it fails; join, "
    "upgrade and leave for machines of your own; pin a new release.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_release(wanted: bool) -> None:
    if wanted:
        typer.echo(RELEASE)
        raise typer.Exit


@app.callback()
def _ops(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_release, is_eager=True, help="Print the release, and exit."
        ),
    ] = False,
) -> None:
    pass


# One line per command, in the order of use.
app.command("which")(which)
app.command("ready")(ready)
app.command("plan")(plan)
app.command("join")(join)
app.command("upgrade")(upgrade)
app.command("leave")(leave)
app.command("verify")(verify)
app.command("doctor")(doctor)
app.add_typer(pin, name="pin")


def main() -> None:
    """Run the command line."""
    app()
