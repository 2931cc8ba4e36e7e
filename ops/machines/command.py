"""The commands: `ops join`, `ops upgrade`, `ops leave`. A join is a secret: a terminal sees it only when told to."""

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ops.options import Outputs, Stack

if TYPE_CHECKING:
    from ops.clients.stack_outputs import Join


class Format(StrEnum):
    """How the files reach the machine."""

    SCRIPT = "script"
    CLOUD_INIT = "cloud-init"
    NOCLOUD = "nocloud"


# What a fleet's files are called after the machine; a seed is a folder.
_ENDINGS = {Format.SCRIPT: ".sh", Format.CLOUD_INIT: ".yaml", Format.NOCLOUD: ""}
_NEXT: Mapping[Format, str] = {
    Format.SCRIPT: "There: sudo bash {out}, then delete the file.",
    Format.CLOUD_INIT: "Give it to the machine as user data, for its first boot.",
    Format.NOCLOUD: "Copy {out} to /var/lib/cloud/seed/nocloud of the machine's disk, before its first boot.",
}

Name = Annotated[str, typer.Argument(help="The machine's name in hybridNodes.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="PATH", help="Write here (mode 0600), not to standard output."),
]


def join(
    name: Annotated[str | None, typer.Argument(help="The machine's name in hybridNodes.")] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="All machines: a file for each in the folder that --out names.")
    ] = False,
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            help="script: a file for sudo bash, on a machine that runs; cloud-init: user data; nocloud: a seed.",
        ),
    ] = Format.SCRIPT,
    out: Out = None,
    show: Annotated[bool, typer.Option("--show", help="Show the secret on a terminal all the same.")] = False,
    stack: Stack = None,
    outputs: Outputs = None,
) -> None:
    """Write what a machine of your own needs to join the cluster. It holds an activation code: a secret.

    Exit codes: 0 written, 1 an activation is over, 2 there is no such machine, or the file cannot be written.
    """
    if (name is None) != all_:
        _stop("Name one machine, ops join NAME, or all of them, ops join --all --out FOLDER", 2)
    machines = _machines(stack, outputs)
    if name is not None:
        _join_one(name, _named(machines, name), format_, out, show=show)
        return
    if out is None:
        _stop("A fleet needs a folder: ops join --all --out FOLDER", 2)
    over = sorted(name for name, machine in machines.items() if _is_over(machine))
    for name in sorted(machines.keys() - set(over)):
        _write_join(name, machines[name], format_, out / f"{name}{_ENDINGS[format_]}")
    if over:
        _stop(f"Not written, their activations are over: {', '.join(over)}. {_renewals(over)}", 1)


def upgrade(name: Name, out: Out = None, stack: Stack = None, outputs: Outputs = None) -> None:
    """Write what brings a machine of your own to the settings' Kubernetes version, and say the steps around it.

    Exit codes: 0 written, 2 there is no such machine, or the file cannot be written.
    """
    from userdata import own_machine

    machine = _named(_machines(stack, outputs), name)
    text = own_machine.upgrade(machine.config)
    _written(out, text, f"ops upgrade {name}")
    after = own_machine.after_upgrade(name)
    file = out or f"{name}-upgrade.sh"
    _steps(own_machine.drain(name), f"on the machine ({machine.address}): sudo bash {file}", *after)


def leave(name: Name, out: Out = None) -> None:
    """Write what makes a machine of your own forget the cluster, and say the steps around it. Needs no stack.

    Exit codes: 0 written, 2 the file cannot be written.
    """
    from infra.names import LEAVE
    from userdata import own_machine

    _written(out, own_machine.leave_file().content, f"ops leave {name}")
    _steps(
        f"while there is a cluster: {own_machine.drain(name)}",
        f"on the machine: {LEAVE}; or this file: sudo bash {out or f'{name}-leave.sh'}",
        f"take {name} out of hybridNodes and make up, or make down",
    )


def _machines(stack: str | None, outputs: str | None) -> Mapping[str, "Join"]:
    from ops.causes import problem_of
    from ops.clients import stack_outputs
    from ops.clients.errors import AskError

    try:
        return stack_outputs.deployment(outputs=outputs, stack=stack).joins
    except AskError as error:
        problem = problem_of(error, "join")
        _stop(f"{problem.seen}: {problem.why}. {problem.fix}", 2)


def _named(machines: Mapping[str, "Join"], name: str) -> "Join":
    if name not in machines:
        known = (
            f"It has {', '.join(sorted(machines))}" if machines else "It has none: see docs/data-centre.md"
        )
        _stop(f"The stack has no machine of your own named {name}. {known}.", 2)
    return machines[name]


def _is_over(machine: "Join") -> bool:
    return machine.expires <= datetime.now(UTC)


def _join_one(name: str, machine: "Join", format_: Format, out: Path | None, *, show: bool) -> None:
    if _is_over(machine):
        _stop(
            f"The activation of {name} was valid until {machine.expires:%F %T} UTC. A new one, for this "
            f"machine only: {_renewals([name])}, then ops join {name} again. (If it has joined, it needs none: it "
            "keeps working.)",
            1,
        )
    if out is not None:
        _write_join(name, machine, format_, out)
        return
    if format_ is Format.NOCLOUD:
        _stop(f"A seed is a folder of two files: ops join {name} --format nocloud --out seed", 2)
    if sys.stdout.isatty() and not show:
        _stop(
            "Standard output is a terminal, and this is a secret. To a file: "
            f"ops join {name} --out {name}.sh, or to see it: --show",
            2,
        )
    sys.stdout.write(_rendered(machine, format_)[""])
    _say_what_comes_next(name, machine)


def _write_join(name: str, machine: "Join", format_: Format, out: Path) -> None:
    _write(out, _rendered(machine, format_), f"ops join {name}")
    _say(
        f"{out} (only you can read it) holds the activation code: bring it to {machine.address} in a safe way."
    )
    _say(_NEXT[format_].format(out=out))
    _say_what_comes_next(name, machine)


def _say_what_comes_next(name: str, machine: "Join") -> None:
    _say(
        f"The activation of {name} admits one machine until {machine.expires:%F %T} UTC. "
        f"After that: {_renewals([name])}"
    )
    _say(
        f"To see that it has joined: ops verify --wait, or kubectl get nodes -l eks-hybrid-calico/name={name}"
    )


def _renewals(names: list[str]) -> str:
    """The command that makes new activations for these machines, and touches no other."""
    return " ".join(["pulumi up", *(f"--replace '**:Activation::{name}'" for name in names)])


def _rendered(machine: "Join", format_: Format) -> Mapping[str, str]:
    """The files by name below `--out`; the name of a single file is empty."""
    from userdata import own_machine

    activation = {"activation_id": machine.activation_id, "activation_code": machine.activation_code}
    config = machine.config
    if format_ is Format.NOCLOUD:
        return own_machine.seed(config, **activation)
    if format_ is Format.CLOUD_INIT:
        return {"": own_machine.user_data(config, **activation)}
    return {"": own_machine.script(config, **activation, expires=f"{machine.expires:%F %T} UTC")}


def _written(out: Path | None, text: str, again: str) -> None:
    if out is None:
        sys.stdout.write(text)
    else:
        _write(out, {"": text}, again)


def _write(out: Path, files: Mapping[str, str], again: str) -> None:
    """Write files that only their owner reads, from the first byte on."""
    try:
        folder = out.parent if "" in files else out
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in files.items():
            path = out / name if name else out
            # A new file each time: an old one may be readable, or a link to elsewhere.
            path.unlink(missing_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        _stop(f"--out {out}: {error.strerror}. Choose another path: {again} --out PATH", 2)


def _steps(*steps: str) -> None:
    for number, step in enumerate(steps, 1):
        _say(f"{number}. {step}")


def _say(text: str) -> None:
    """Tell a person, beside what goes to the machine."""
    typer.echo(text, err=True)


def _stop(text: str, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
