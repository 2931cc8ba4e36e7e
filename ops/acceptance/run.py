"""A run from wish to exit code: a stack's name, a folder, the story, the report."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from infra import versions
from ops.acceptance import report
from ops.acceptance.command import hybrid_nodes
from ops.acceptance.commands import PROGRAM, Ops
from ops.acceptance.engine import Engine
from ops.acceptance.folder import Folder
from ops.acceptance.stopping import Stopper
from ops.acceptance.story import Declined, Options, Story

_PROJECT = Path(__file__).resolve().parents[2]
_PACKAGES = ("pulumi", "pulumi-aws", "pulumi-eks", "pulumi-kubernetes")


class CannotBeginError(Exception):
    """The run cannot begin. The text says why."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the command line asks for. `limit_s` in seconds."""

    settings: Mapping[str, str]
    upgrade: bool
    keep: bool
    limit_s: float
    folder: Path | None


def run(
    wish: Wish,
    *,
    say: Callable[[str], None],
    agreed: Callable[[], bool],
    project: Path = _PROJECT,
    program: Sequence[str] = PROGRAM,
    pause_s: float | None = None,
    grace_s: float = 600,
) -> int:
    """Tell the story, and write the report. `agreed` asks the user, once.

    Raises:
        CannotBeginError: nothing was made.

    """
    name = f"acceptance-{secrets.token_hex(3)}"
    path = wish.folder or Path.cwd() / name
    try:
        folder = Folder(path)
    except OSError as error:
        raise CannotBeginError(
            f"--folder {path}: {error.strerror}. Name a folder that is not there"
        ) from None
    stopper = Stopper(say, grace_s=grace_s)
    options = Options(
        stack=name,
        settings={**wish.settings, "clusterName": name},
        hybrid_nodes=hybrid_nodes(wish.settings),
        kubernetes=wish.settings.get("kubernetesVersion", versions.KUBERNETES_DEFAULT),
        upgrade=wish.upgrade,
        keep=wish.keep,
        **({} if pause_s is None else {"pause_s": pause_s}),
    )

    def consent(plan: Mapping[str, Any]) -> None:
        say(report.costs(plan, limit_s=wish.limit_s))
        say(f"The preview is in {path / 'preview.txt'}.")
        if not agreed():
            raise Declined("not agreed to: nothing was built")

    say(f"Stack {name}, report in {path}")
    started = datetime.now(UTC).isoformat(timespec="seconds")
    story = Story(
        options,
        stack=Engine(name, folder=project, stopper=stopper),
        ops=Ops(folder=project, stopper=stopper, program=program),
        stopper=stopper,
        folder=folder,
        say=lambda text: say(folder.redacted(text)),
        consent=consent,
    )
    with stopper.listening(wish.limit_s):
        try:
            story.tell()
        finally:
            subject = report.Subject(
                stack=name,
                region=wish.settings["aws:region"],
                started=started,
                versions={
                    "Kubernetes": options.kubernetes,
                    "Calico": wish.settings.get("calicoVersion", versions.CALICO_DEFAULT),
                    **{package: version(package) for package in _PACKAGES},
                },
                kept=wish.keep,
            )
            report.write(folder, story.found, subject)
    say(f"Report: {path / 'report.md'}")
    if report.passed(story.found):
        return 0
    if stopper.reason:
        return 130
    return 1 if story.found.built else 2
