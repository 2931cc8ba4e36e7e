"""The command: `ops join NAME`. It hands a secret to a person, so it shows one on a terminal only when told to."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ops.options import Outputs

if TYPE_CHECKING:
    from ops.clients.stack_outputs import Join


class Format(StrEnum):
    """How the files reach the machine."""

    SCRIPT = "script"
    CLOUD_INIT = "cloud-init"
    NOCLOUD = "nocloud"


def join(
    name: Annotated[str, typer.Argument(help="The machine's name in hybridNodes.")],
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            help="script: a file for sudo bash, on a machine that runs; cloud-init: user data; nocloud: a seed.",
        ),
    ] = Format.SCRIPT,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PATH", help="Write here (mode 0600), not to standard output."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show the secret on a terminal all the same.")] = False,
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", help="Stack to read; default: the selected one.")
    ] = None,
    outputs: Outputs = None,
) -> None:
    """Write what a machine of your own needs to join the cluster. It holds an activation code: a secret.

    Exit codes: 0 written, 1 the activation is over, 2 there is no such machine, or the file cannot be written.
    """
    from ops.clients import stack_outputs
    from ops.clients.errors import AskError

    try:
        found = stack_outputs.deployment(outputs=outputs, stack=stack).joins
    except AskError as error:
        _stop(f"{error.problem.seen}: {error.problem.why}. {error.problem.fix}", 2)
    machine = found.get(name)
    if machine is None:
        known = f"It has {', '.join(sorted(found))}" if found else "It has none: see docs/data-centre.md"
        _stop(f"The stack has no machine of your own named {name}. {known}.", 2)
    if machine.expires <= datetime.now(UTC):
        _stop(
            f"The activation of {name} was valid until {machine.expires:%F %T} UTC. A new one, for this "
            f"machine only: "
            f"{renewal(name)}, then ops join {name} again. (If it has joined, it needs none: it keeps working.)",
            1,
        )
    files = rendered(machine, format_)
    if out is None:
        if format_ is Format.NOCLOUD:
            _stop(f"A seed is a folder of two files: ops join {name} --format nocloud --out seed", 2)
        if sys.stdout.isatty() and not show:
            _stop(
                "Standard output is a terminal, and this is a secret. To a file: "
                f"ops join {name} --out {name}.sh, or to see it: --show",
                2,
            )
        sys.stdout.write(files[""])
    else:
        try:
            written(out, files)
        except OSError as error:
            _stop(f"--out {out}: {error.strerror}. Choose another path: ops join {name} --out {name}.sh", 2)
    _say(
        f"The activation of {name} admits one machine until {machine.expires:%F %T} UTC. After that: {renewal(name)}"
    )
    if out is not None:
        _say(
            f"{out} (only you can read it) holds the activation code: bring it to {machine.address} in a safe way."
        )
        _say(_NEXT[format_].format(out=out))
    _say(
        f"To see that it has joined: ops verify --wait, or kubectl get nodes -l eks-hybrid-calico/name={name}"
    )


_NEXT: Mapping[Format, str] = {
    Format.SCRIPT: "There: sudo bash {out}, then delete the file.",
    Format.CLOUD_INIT: "Give it to the machine as user data, for its first boot.",
    Format.NOCLOUD: "Copy {out} to /var/lib/cloud/seed/nocloud of the machine's disk, before its first boot.",
}


def renewal(name: str) -> str:
    """The command that makes a new activation for one machine, and touches no other."""
    return f"pulumi up --replace '**:Activation::{name}'"


def rendered(machine: Join, format_: Format) -> Mapping[str, str]:
    """The files by name below `--out`; the name of a single file is empty."""
    from userdata import own_machine

    activation = {"activation_id": machine.activation_id, "activation_code": machine.activation_code}
    config = machine.config
    if format_ is Format.NOCLOUD:
        return own_machine.seed(config, **activation)
    if format_ is Format.CLOUD_INIT:
        return {"": own_machine.user_data(config, **activation)}
    return {"": own_machine.script(config, **activation, expires=f"{machine.expires:%F %T} UTC")}


def written(out: Path, files: Mapping[str, str]) -> None:
    """Write files that only their owner reads, from the first byte on.

    Errors: OSError.
    """
    if "" not in files:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in files.items():
        path = out / name if name else out
        # A new file each time: an old one may be readable, or a link to elsewhere.
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)


def _say(text: str) -> None:
    """Tell a person, beside what goes to the machine."""
    typer.echo(text, err=True)


def _stop(text: str, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
