"""The commands: `ops pin calico VERSION` and `ops pin nodeadm VERSION`."""

from collections.abc import Callable, Iterable
from typing import Annotated

import typer

pin = typer.Typer(help="Pin a release that the version table does not have yet.", no_args_is_help=True)

Version = Annotated[str, typer.Argument(help="The release, e.g. 3.32.4 or v1.0.21.")]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="URL|FILE",
        help="Read from here, e.g. a mirror: https://, a file, or http:// of this machine.",
    ),
]
Write = Annotated[bool, typer.Option("--write", help="Add a row to infra/versions.py, for every stack.")]


@pin.command("calico")
def calico(version: Version, source: From = None, write: Write = False) -> None:
    """Read a Calico release's manifest, check its structure, and show digest, objects, images and changes.

    Exit codes: 0 it can be set up, 1 it is built in another way or is not the file that is known, 2 it cannot be read.
    """
    from ops.pin import releases

    _show(lambda: releases.calico(version, source, write=write))


@pin.command("nodeadm")
def nodeadm(version: Version, source: From = None, write: Write = False) -> None:
    """Read the digests that AWS publishes for a nodeadm release, for both architectures.

    Exit codes: 0 read, 1 what was read is no digest, 2 it cannot be read.
    """
    from ops.pin import releases

    _show(lambda: releases.nodeadm(version, source, write=write))


def _show(read: Callable[[], Iterable[str]]) -> None:
    from ops.pin.releases import PinError

    try:
        for line in read():
            typer.echo(line)
    except PinError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.code) from None
