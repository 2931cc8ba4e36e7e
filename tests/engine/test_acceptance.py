"""The whole story of `make acceptance`, in the real engine: what it shows, and what is left when it ends early."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tests.acceptance.claims import CLAIMS
from tests.engine.harness import REPOSITORY

pytestmark = pytest.mark.engine

ACTIVATION = "aws:ssm/activation:Activation"
INSTANCE = "aws:ec2/instance:Instance"
VPC = "aws:ec2/vpc:Vpc"


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
    command = [
        *(sys.executable, "-m", "pytest", "-p", "tests.engine.acceptance_standin", "-p", "no:cacheprovider"),
        *("-m", "acceptance", "tests/acceptance", "--capture=no", "-q", "-W", "default"),
        *("--region", "eu-central-1", "--yes", "--limit", "10", "--folder", str(folder)),
    ]
    return subprocess.Popen(
        [*command, *settings, *options],
        cwd=REPOSITORY,
        env={**stack.environment, "PYTHONPATH": str(REPOSITORY), "STANDIN_PROJECT": str(stack.project)},
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
                    rig.apis.join(call.details["id"], call.name.partition(".")[0])

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture(scope="module")
def shown(new_rig):
    """A run of the program in which all is well, with an upgrade."""
    rig = new_rig()
    # plan is the real one, so the project has `ops` as well.
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "ops", rig.stack.project / "ops", ignore=ignore)
    with joining(rig):
        folder = rig.stack.folder / "shown"
        return rig, finish(rig, start(rig, folder, "--upgrade"), folder)


def test_a_run_shows_all_that_the_readme_says(shown):
    _, run = shown
    assert run.code == 0, run.text
    claims, _, steps = run.file("report.md").partition("## Steps")
    assert "everything was shown" in claims
    assert "| proved |" in claims
    assert "not shown" not in claims
    assert "| verify-upgrade | ops verify | pass |" in steps


def test_a_run_leaves_nothing(shown):
    rig, run = shown
    assert run.left == run.stacks == []
    assert rig.apis.machines == rig.apis.nodes == {}
    assert list(rig.stack.project.glob("Pulumi.acceptance-*.yaml")) == []


def test_junit_has_a_case_for_each_step_and_each_claim(shown):
    _, run = shown
    cases = [case.get("name", "") for case in Xml.fromstring(run.file("junit.xml")).iter("testcase")]  # noqa: S314 - our own text
    assert cases[:2] == ["test_stack", "test_ready"]
    assert cases.index("test_verify_destroyed") < cases.index(f"test_what_the_readme_says[{CLAIMS[0].text}]")
    assert len(cases) == 19 + len(CLAIMS)


def test_a_run_asks_with_the_cost_of_its_own_plan(shown):
    _, run = shown
    assert "EKS control plane: 1, by hour" in run.text
    assert "NAT gateway: 2, by hour" in run.text


def test_no_file_of_a_run_holds_a_secret(shown):
    rig, run = shown
    codes = [c.details["outputs"]["activationCode"] for c in rig.stack.journal() if is_new(c, ACTIVATION)]
    assert len(codes) >= 4
    for path in run.folder.iterdir():
        text = path.read_bytes().decode(errors="replace")
        assert not [code for code in codes if code in text], path.name


# --- runs that end early: the engine, its state and the signals are real, the program is a small one -------------

SMALL = """
import pulumi
import pulumi_aws as aws

config = pulumi.Config()
vpc = aws.ec2.Vpc("vpc", cidr_block="10.10.0.0/16")
for node in config.require_object("hybridNodes"):
    name = f"{node['name']}-{node.get('os', 'ubuntu')}-{config.require('kubernetesVersion')}"
    tags = {"Vpc": vpc.id}
    aws.ec2.Instance(name, ami="ami-0123456789abcdef0", instance_type="t4g.medium", tags=tags)
"""
PLAN = {"counts": {}, "billed": [], "estimate": {"seconds": {"low": 1, "typical": 2, "high": 3}}}
MACHINES = {
    "up": "hybrid-1-ubuntu-1.35",
    "add": "added-ubuntu-1.35",
    "change": "added-al2023-1.35",
    "upgrade": "hybrid-1-ubuntu-1.36",
}


@pytest.fixture(scope="module")
def small_rig(new_rig):
    rig = new_rig()
    (rig.stack.project / "__main__.py").write_text(SMALL)
    return rig


@pytest.fixture
def go(small_rig, tmp_path):
    """Start a run of the small program, do something about it, and wait for its end."""
    stack = small_rig.stack

    def run(*options, orders=None, ops=None, act=None):
        # What an earlier run left on purpose is no business of this one.
        (stack.standin / "journal.jsonl").unlink(missing_ok=True)
        (stack.standin / "ops.txt").unlink(missing_ok=True)
        for state in stack.state_file.parent.glob("acceptance-*.json"):
            state.unlink()
        (stack.standin / "ops.json").write_text(json.dumps({"plan": PLAN, **(ops or {})}))
        stack.order(**(orders or {}))
        process = start(small_rig, tmp_path / "report", "--upgrade", *options)
        if act is not None:
            act(process)
        return finish(small_rig, process, tmp_path / "report")

    return run


def interrupt(small_rig, when, times=1):
    """Press Ctrl-C as soon as something is in the journal of the stand-ins, or in the calls of `ops`."""

    def act(process):
        calls = small_rig.stack.standin / "ops.txt"
        for _ in range(2400):
            asked = calls.read_text() if calls.exists() else ""
            if when(small_rig.stack.journal(), asked):
                break
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.1)
        for _ in range(times):
            os.kill(process.pid, signal.SIGINT)
            time.sleep(0.5)

    return act


def is_new(call, token):
    return (call.kind, call.type) == ("Create", token) and not call.failed


def step_of(run, id_):
    (line,) = [line for line in run.file("report.md").splitlines() if line.startswith(f"| {id_} |")]
    return line.split("|")[3].strip()


@pytest.mark.parametrize("step", MACHINES)
def test_a_step_that_aws_refuses_ends_the_run_and_nothing_is_left(go, step):
    reason = "InsufficientInstanceCapacity: no t4g.medium"
    run = go(orders={"fail": {f"{INSTANCE}::{MACHINES[step]}": reason}})
    assert run.code == 1, run.text
    assert step_of(run, step) == "fail"
    assert step_of(run, "destroy") == step_of(run, "verify-destroyed") == "pass"
    assert run.left == run.stacks == []
    assert reason in run.file("report.md")
    assert (run.folder / "doctor.tgz").read_bytes() == b"a bundle"


@pytest.mark.parametrize("step", MACHINES)
def test_ctrl_c_in_a_step_lets_the_engine_end_and_nothing_is_left(go, small_rig, step):
    hangs = interrupt(small_rig, lambda calls, _: any(call.kind == "Hang" for call in calls))
    run = go(orders={"hang": [f"{INSTANCE}::{MACHINES[step]}"]}, act=hangs)
    assert run.code == 130, run.text
    assert step_of(run, step) == "stopped"
    assert step_of(run, "destroy") == "pass"
    assert run.left == run.stacks == []
    assert not (run.folder / "doctor.tgz").exists()


def test_ctrl_c_while_verify_waits_ends_in_the_removal(go, small_rig):
    waits = interrupt(small_rig, lambda _, asked: "verify 1" in asked)
    run = go(ops={"hang": ["verify 1"]}, act=waits)
    assert run.code == 130, run.text
    assert step_of(run, "verify") == "stopped"
    assert run.left == run.stacks == []


def test_a_check_that_fails_ends_in_the_removal(go):
    run = go(ops={"fail": ["verify 2"]})
    assert run.code == 1, run.text
    assert step_of(run, "article") == "fail"
    assert run.left == run.stacks == []


def test_ctrl_c_while_the_stack_is_being_removed_does_not_stop_the_removal(go, small_rig):
    goes = interrupt(small_rig, lambda calls, _: any(call.kind == "Delete" for call in calls))
    run = go(orders={"delay": {VPC: 3}}, ops={"fail": ["verify 1"]}, act=goes)
    assert run.code in (1, 130), run.text
    assert "The stack is being removed, which goes on" in run.text
    assert run.left == run.stacks == []


def test_a_destroy_that_fails_twice_names_what_is_left_with_the_commands(go):
    refused = "DependencyViolation: the vpc has dependencies"
    run = go(orders={"fail_delete": {f"{VPC}::vpc": refused}}, ops={"fail": ["verify 1", "destroyed 1"]})
    assert run.code == 1, run.text
    assert run.left == [f"{VPC}::vpc"]
    (name,) = run.stacks
    for text in (run.text, run.file("report.md")):
        assert f"{VPC} vpc (in the stack's state)" in text
        assert f"pulumi destroy --stack {name}" in text
        assert "aws ec2 delete-it" in text
    assert refused in run.file("report.md")


def test_a_stack_that_is_kept_is_not_touched_and_the_report_says_how_to_remove_it(go, small_rig):
    run = go("--keep", ops={"fail": ["verify 1"]})
    assert run.code == 1, run.text
    (name,) = run.stacks
    assert "The stack was kept (--keep)" in run.file("report.md")
    assert f"pulumi destroy --stack {name}" in run.file("report.md")
    assert f"pulumi stack rm {name}" in run.text
    assert "destroyed" not in (small_rig.stack.standin / "ops.txt").read_text()
