"""The one place where a command starts another program: the Pulumi CLI, and the kubeconfig's credential plug-in."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.clients.errors import AskError


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A finished program. Its output may hold secrets and is kept out of the repr."""

    exit_code: int
    stdout: str
    stderr: str

    def __repr__(self) -> str:
        """Show the exit code only."""
        return f"Ran(exit_code={self.exit_code})"


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    timeout_s: float,
    missing: str,
    without: Sequence[str] = (),
) -> Ran:
    """Run a program without a terminal, `environment` on top of our own, which is passed on but for `without`.

    Errors: AskError (the program is not installed (`missing` is the code of that) or did not end in time).
    """
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env={**{key: value for key, value in os.environ.items() if key not in without}, **environment},
            check=False,
            timeout=timeout_s,
        )
    except OSError as error:
        raise AskError(
            f"{command[0]} could not be started: {error.strerror or error}", code=missing
        ) from None
    except subprocess.TimeoutExpired:
        raise AskError(
            f"{command[0]} gave no answer in {timeout_s:g} s", code="program-silent", LINE=" ".join(command)
        ) from None
    return Ran(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def selected_stack(folder: Path | None = None) -> str | None:
    """Name the stack that the Pulumi CLI has selected for the project in a folder; None without one, or without it."""
    try:
        done = pulumi("stack", "--show-name", folder=folder)
    except AskError:
        return None
    return None if done.exit_code else done.stdout.strip() or None


def pulumi(
    *arguments: str,
    stack: str | None = None,
    folder: Path | None = None,
    timeout_s: float = 60,
) -> Ran:
    """Ask the Pulumi CLI, which asks nobody back, of a stack (None: the selected one) of the project in a folder.

    Errors: AskError (as `run`).
    """
    where = [*(["--stack", stack] if stack else []), *(["--cwd", str(folder)] if folder else [])]
    return run(
        ["pulumi", *arguments, "--non-interactive", *where],
        environment={"PULUMI_SKIP_UPDATE_CHECK": "true"},
        timeout_s=timeout_s,
        missing="pulumi-missing",
    )
