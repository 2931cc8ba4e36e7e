"""The whole story of `ops acceptance`, in the real engine: what it shows, and what is left when it ends early."""

import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.harness import REPOSITORY

pytestmark = pytest.mark.engine

ACTIVATION = "aws:ssm/activation:Activation"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run that has ended."""

    code: int
    text: str
    folder: Path
    left: list[str]
    stacks: list[str]

    def file(self, name):
        return (self.folder / name).read_text(encoding="utf-8")


def start(rig, folder, *options):
    stack = rig.stack
    settings = [
        f"--config={key}={value}"
        for key, value in {
            "calicoManifest": stack.manifest,
            "calicoManifestSha256": stack.digest,
        }.items()
    ]
    command = [sys.executable, "-m", "tests.engine.acceptance_run", str(stack.project), str(folder)]
    environment = {**stack.environment, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        [*command, *settings, *options],
        cwd=stack.project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(rig, process, folder):
    text, _ = process.communicate(timeout=900)
    states = rig.stack.state_file.parent.glob("acceptance-*.json")
    stacks = sorted(path.stem for path in states)
    return Ended(code=process.returncode, text=text, folder=folder, left=rig.stack.left(), stacks=stacks)


@contextmanager
def joining(rig):
    """Let every machine join as soon as its activation is there."""
    over, joined = threading.Event(), set()

    def watch():
        while not over.wait(0.2):
            for call in rig.stack.journal():
                found = (call.kind, call.type) == ("Create", ACTIVATION) and not call.failed
                if found and call.urn not in joined:
                    joined.add(call.urn)
                    rig.apis.join(call.details["id"])

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture(scope="module")
def acceptance_rig(new_rig):
    """A rig whose project has `ops` as well, which plan needs."""
    rig = new_rig()
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "ops", rig.stack.project / "ops", ignore=ignore)
    return rig


@pytest.fixture(scope="module")
def shown(acceptance_rig):
    """A run in which all is well, with an upgrade."""
    rig, folder = acceptance_rig, acceptance_rig.stack.folder / "shown"
    with joining(rig):
        return rig, finish(rig, start(rig, folder, "--upgrade"), folder)


def test_a_run_shows_all_that_the_readme_says_and_leaves_nothing(shown):
    _, run = shown
    assert run.code == 0, run.text
    assert run.left == []
    assert run.stacks == []
    report = run.file("report.md")
    assert "everything was shown" in report
    assert "not shown" not in report.split("## Steps")[0]
