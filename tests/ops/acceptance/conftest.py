"""A run without Pulumi and AWS: every step is a real program of a shell, so that real signals reach it."""

from __future__ import annotations

import json
import os
import signal
import threading
from types import SimpleNamespace

import pytest

from ops.acceptance import report
from ops.acceptance.changes import CLUSTER, INSTANCE
from ops.acceptance.commands import Answer, Ops
from ops.acceptance.engine import Engine, EngineError, Operation
from ops.acceptance.folder import Folder
from ops.acceptance.stopping import Stopper
from ops.acceptance.story import Options, Story
from ops.verify.catalogue import CHECKS, LEFTOVERS

# An interrupt ends it as it ends pulumi: with an exit code, after a moment.
HANGING = 'trap "echo interrupted; exit 255" INT; echo begun; while :; do sleep 0.05; done'
PLAN = {
    "counts": {"aws:ec2/vpc:Vpc": 2},
    "billed": [{"component": "NAT gateway", "count": "2", "by": "hour"}],
    "estimate": {"seconds": {"low": 900, "typical": 1000, "high": 1500}},
}


def operation(op, name="hybrid-1", type_=INSTANCE, started=0, ended=10, failed=False):
    return Operation(op=op, type=type_, name=name, started=started, ended=ended, failed=failed)


DONE = {
    "up": [operation("create", type_=CLUSTER, ended=600), operation("create", started=600, ended=615)],
    "again": [],
    "add": [operation("create", "added")],
    "change": [operation("create", "added-2"), operation("delete", "added", started=10, ended=20)],
    "remove": [operation("delete", "added-2")],
    "upgrade": [operation("update", type_=CLUSTER)],
}


class FakeEngine(Engine):
    """An engine whose commands are those of a shell; `world` says what becomes of them."""

    def __init__(self, world, stopper):
        super().__init__("acceptance-1a2b3c", folder=world.path, stopper=stopper)
        self.world, self.stopper, self.steps = world, stopper, iter(DONE)

    def command(self, name):
        self.world.log.append(name)
        self.world.run(self.stopper, name)
        if name in self.world.failing:
            raise EngineError(f"{name} was refused; the code was AKIAABCDEFGHIJKLMNOP")

    def create(self):
        self.command("stack")

    def configure(self, values):
        self.world.settings.update(values)

    def forget(self, path):
        self.world.settings = {k: v for k, v in self.world.settings.items() if not k.startswith(path)}

    def preview(self, line):
        line("+ aws:ec2:Vpc eks create")
        self.command("preview")

    def up(self, line, *, expect_no_changes=False):
        step = next(self.steps)
        assert expect_no_changes is (step == "again")
        line(f"token: {self.world.secret}")
        self.command(step)
        return self.world.done.get(step, DONE[step])

    def destroy(self, line, *, refresh=False):
        line("deleting")
        self.command("destroy with refresh" if refresh else "destroy")
        return []

    def cancel(self):
        self.command("cancel")

    def left(self):
        return ["aws:ec2/vpc:Vpc eks"]

    def remove(self):
        self.command("stack rm")


class FakeOps(Ops):
    """Commands whose answers are as the world says. The names of `verify` are those of the story's steps."""

    def __init__(self, world, stopper):
        super().__init__(folder=world.path, stopper=stopper)
        self.world, self.stopper = world, stopper
        self.verifying = iter(
            ("verify", "article", "verify-add", "verify-change", "verify-remove", "verify-upgrade")
        )

    def ask(self, *arguments):
        name = arguments[0]
        if name == "verify":
            name = "verify-destroyed" if "--destroyed" in arguments else next(self.verifying)
        self.world.log.append(name)
        self.world.asked[name] = arguments
        self.world.run(self.stopper, name)
        failed = name in self.world.failing
        if name == "plan":
            return Answer(code=2 * failed, document={} if failed else PLAN, output="", errors="no settings")
        ids = [check.id for check in (LEFTOVERS if name == "verify-destroyed" else CHECKS)]
        problem = {"seen": "vpc-1 is there", "why": "it was not deleted", "fix": "aws ec2 delete-vpc"}
        checks = [
            {
                "id": id_,
                "status": "fail" if failed and id_ == ids[0] else "pass",
                "summary": "",
                "problems": [problem] if failed and id_ == ids[0] else [],
            }
            for id_ in ids
        ]
        return Answer(code=int(failed), document={"checks": checks}, output=json.dumps(checks), errors="")


class World:
    """What is told to happen, and what happened."""

    def __init__(self, path):
        self.path, self.log, self.asked, self.settings, self.said = path, [], {}, {}, []
        self.failing, self.hanging, self.done = set(), {}, {}
        self.agrees, self.secret = True, "k8s-aws-v1.c2VjcmV0c2VjcmV0"

    def run(self, stopper, name):
        """Run a program for a step; in `hanging`, it hangs until as many signals have come."""
        presses = self.hanging.pop(name, 0)

        def press(text):
            if text == "begun":
                for number in range(presses):
                    timer = threading.Timer(0.1 + 0.2 * number, os.kill, [os.getpid(), signal.SIGINT])
                    timer.start()
                # During the removal the first one is only noted: the program has to end by itself.
                if name.startswith("destroy") and presses == 1:
                    threading.Timer(0.4, stopper._interrupt, [signal.SIGINT]).start()

        script = HANGING if presses else "true"
        stopper.run(["sh", "-c", script], cwd="/", environment=dict(os.environ), on_output=press)

    @property
    def text(self):
        return "\n".join(self.said)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def tell(world):
    """Tell the story in this world; return what was found, and what a reader gets."""

    def go(*, upgrade=True, keep=False, limit_s=60.0):
        stopper = Stopper(world.said.append, grace_s=5)
        folder = Folder(world.path / "report")

        def consent(plan):
            world.log.append("agree")
            world.said.append(report.costs(plan, limit_s=limit_s))
            world.run(stopper, "agree")
            if not world.agrees:
                from ops.acceptance.story import Declined

                raise Declined("not agreed to")

        story = Story(
            Options(
                stack="acceptance-1a2b3c",
                settings={"hybridNodes[0].name": "hybrid-1", "hybridNodes[0].instanceType": "t4g.large"},
                upgrade=upgrade,
                keep=keep,
                pause_s=0,
            ),
            stack=FakeEngine(world, stopper),
            ops=FakeOps(world, stopper),
            stopper=stopper,
            folder=folder,
            say=world.said.append,
            consent=consent,
        )
        with stopper.listening(limit_s):
            story.tell()
        subject = report.Subject(
            stack="acceptance-1a2b3c",
            region="eu-central-1",
            started="2026-11-25T10:00:00+00:00",
            versions={"Kubernetes": "1.36"},
            kept=keep,
        )
        report.write(folder, story.found, subject)
        return SimpleNamespace(
            found=story.found,
            statuses={each.id: str(each.status) for each in story.found.taken},
            report=(folder.path / "report.md").read_text(),
            junit=(folder.path / "junit.xml").read_text(),
            folder=folder.path,
            passed=report.passed(story.found),
            stopped=stopper.reason,
        )

    return go
