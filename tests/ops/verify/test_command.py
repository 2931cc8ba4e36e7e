"""The command line: options, exit codes, where the report goes, and what importing it costs."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from ops.checks.model import Check, Findings
from ops.checks.model import Result as Found
from ops.checks.progress import LiveProgress
from ops.cli import app
from ops.options import seconds
from ops.verify import session
from ops.verify.checks import leftovers

ROOT = Path(__file__).parents[3]
Ops = Callable[..., Result]


@pytest.fixture
def ops(
    world: Any,
    standin: Any,
    outputs: Callable[[], dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Ops:
    """Run `ops verify --outputs FILE ...` against the stand-in, AWS included."""
    monkeypatch.setattr(session, "AwsClient", lambda **_: standin.cloud.StandInAws(world))
    monkeypatch.delenv("NO_COLOR", raising=False)

    def go(*arguments: str) -> Result:
        (tmp_path / "outputs.json").write_text(json.dumps(outputs()))
        file = str(tmp_path / "outputs.json")
        return CliRunner().invoke(app, ["verify", "--outputs", file, "--retry", "0", *arguments])

    return go


def test_a_healthy_deployment_ends_with_0(ops: Ops) -> None:
    done = ops("--strict")

    assert done.exit_code == 0, done.output
    assert "41 passed" in done.stdout


def test_a_failed_check_ends_with_1(ops: Ops, world: Any) -> None:
    world.aws_node = True

    assert ops().exit_code == 1


def test_a_warning_ends_with_3_only_when_strict(ops: Ops, world: Any) -> None:
    world.coredns = ["ip-10-10-1-193"] * 2

    assert ops("--only", "coredns").exit_code == 0
    assert ops("--only", "coredns", "--strict").exit_code == 3


def test_what_cannot_be_asked_ends_with_2(ops: Ops, world: Any) -> None:
    world.account = "999999999999"

    done = ops("--only", "aws")

    assert done.exit_code == 2
    assert "could not run" in done.stdout


def test_missing_outputs_end_with_2_and_say_seen_why_fix(ops: Ops) -> None:
    done = ops("--outputs", "/nowhere/o.json")

    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[0] == "ops verify could not run"
    assert [line.split()[0] for line in done.stderr.splitlines()[1:]] == ["seen", "why", "fix"]


def test_only_and_skip_choose_checks_by_expression(ops: Ops) -> None:
    done = ops("--only", "^(net|lb)", "--skip", "dns|distribution", "-o", "json")

    assert [one["id"] for one in json.loads(done.stdout)["checks"]] == [
        "net.pods",
        "net.ping",
        "net.mtu",
        "net.ping-sized",
        "net.service-ip",
        "net.node-port",
        "net.policy",
        "lb.https",
        "lb.answers",
        "lb.hybrid-pod",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "("], "not a regular expression"),
        (["--only", "nosuch"], "leave no check"),
        (["--wait", "soon"], "not a duration"),
        (["--timeout", "-1s"], "not a duration"),
        (["-o", "yaml"], "yaml"),
        (["--requests", "0"], "--requests"),
        (["--output", "/nowhere/report.xml"], "there is no folder /nowhere"),
    ],
)
def test_a_wrong_option_ends_with_2_and_is_named(ops: Ops, arguments: list[str], said: str) -> None:
    done = ops(*arguments)

    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_the_list_needs_no_deployment() -> None:
    done = CliRunner().invoke(app, ["verify", "--list", "--only", "peering|leftovers"])
    gone = CliRunner().invoke(app, ["verify", "--list", "--destroyed"])

    assert done.stdout == "aws.peering  the VPC peering is active\n"
    assert "leftovers.vpcs" in gone.stdout
    assert "aws.peering" not in gone.stdout


@pytest.mark.parametrize(("form", "start"), [("json", "{"), ("junit", "<?xml"), ("pretty", "ops verify")])
def test_the_report_goes_to_a_file_and_the_terminal_gets_the_pretty_one(
    ops: Ops, tmp_path: Path, form: str, start: str
) -> None:
    done = ops("--only", "aws.peering", "-o", form, "--output", str(tmp_path / "report"))

    assert (tmp_path / "report").read_text().startswith(start)
    assert done.stdout.startswith("ops verify  stack dev")


def test_the_number_of_requests_to_the_load_balancer_is_the_users(ops: Ops, balancer: Any) -> None:
    ops("--only", "lb.answers", "--requests", "37")

    assert len(balancer.requests) == 37


def test_a_lost_request_is_repeated_as_often_as_asked(ops: Ops, world: Any) -> None:
    world.answers_503 = 1
    assert ops("--only", "node.api").exit_code == 2
    world.answers_503 = 1
    assert ops("--only", "node.api", "--retry", "1").exit_code == 0


def test_the_time_limit_of_an_exec_is_the_users(ops: Ops, world: Any) -> None:
    # What is asked before the exec has the same limit: long enough for a busy machine, and asked again.
    world.exec_delay_s = 3
    assert ops("--only", "node.exec", "--timeout", "1s", "--retry", "3").exit_code == 1
    assert ops("--only", "node.exec", "--timeout", "60s").exit_code == 0


def test_concurrency_limits_how_many_execs_run_at_one_time(ops: Ops, world: Any) -> None:
    world.exec_delay_s = 0.2

    start = time.monotonic()
    ops("--only", "node.exec", "--concurrency", "1")

    assert time.monotonic() - start > 4 * 0.2


def test_waiting_asks_again_until_the_state_has_come_about(
    ops: Ops, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.at("onprem-1").ready = False

    def mend(_: float) -> None:
        world.at("onprem-1").ready = True

    real = session.runner.run
    monkeypatch.setattr(session.runner, "run", lambda *a, **k: real(*a, **k, sleep=mend))

    done = ops("--only", "node.ready", "--wait", "15m", "-o", "json")

    assert done.exit_code == 0
    assert json.loads(done.stdout)["checks"][0]["attempts"] == 2
    assert "waiting for node.ready (at most" in done.stderr


def test_the_token_is_printed_nowhere_even_when_all_goes_wrong(ops: Ops, world: Any, api: Any) -> None:
    world.answers_503 = 1000

    done = ops("-o", "json", "--timeout", "1s")

    assert api.state["token"] not in done.output


@pytest.mark.parametrize(
    ("of_stack", "options", "used"),
    [("", [], None), ("sandbox", [], "sandbox"), ("sandbox", ["--profile", "mine"], "mine")],
)
def test_the_aws_profile_is_the_users_or_else_the_stacks(
    ops: Ops,
    outputs: Callable[[], dict[str, Any]],
    standin: Any,
    world: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    of_stack: str,
    options: list[str],
    used: str | None,
) -> None:
    values = outputs()
    values["checks"]["profile"] = of_stack
    (tmp_path / "profile.json").write_text(json.dumps(values))
    asked: list[str | None] = []

    def connect(**arguments: Any) -> Any:
        asked.append(arguments["profile"])
        return standin.cloud.StandInAws(world)

    monkeypatch.setattr(session, "AwsClient", connect)
    ops("--only", "aws.identity", *options, "--outputs", str(tmp_path / "profile.json"))

    assert asked == [used]


def test_a_destroyed_stack_is_looked_for_by_the_names_of_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nothing:
        def __init__(self, **options: Any) -> None:
            assert options["region"] == "eu-west-1"

        def account(self) -> str:
            return "012345678901"

    def left(_: Any, kind: str, names: Any) -> list[str]:
        assert (names.tag, names.cluster) == ("eks-hybrid-calico/dev", "eks-hybrid")
        return ["vol-1 (30 GiB, available)"] if kind == "volumes" else []

    monkeypatch.setattr(session, "AwsClient", Nothing)
    monkeypatch.setattr(leftovers, "left", left)
    monkeypatch.chdir(tmp_path)
    arguments = ["--destroyed", "--stack", "dev", "--region", "eu-west-1", "--cluster-name", "eks-hybrid"]

    done = CliRunner().invoke(app, ["verify", *arguments])

    assert done.exit_code == 1
    assert "1 EBS volume: vol-1 (30 GiB, available)" in done.stdout
    assert CliRunner().invoke(app, ["verify", *arguments, "--skip", "volumes"]).exit_code == 0


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("90s", 90), ("15m", 900), ("1.5h", 5400), ("0s", 0)]
)
def test_durations_have_units(text: str, value: float) -> None:
    assert seconds(text) == value


# --- the process ------------------------------------------------------------------------------------------


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, check=False)


def test_help_is_quick_because_it_loads_no_cloud_library() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from ops.cli import app\n"
        "assert 'verify' in CliRunner().invoke(app, ['--help']).output\n"
        "print([name for name in ('pulumi', 'boto3', 'kubernetes') if name in sys.modules])"
    )

    assert python("-c", code).stdout == "[]\n"


def test_verify_loads_no_pulumi() -> None:
    code = "import sys, ops.verify.session; print('pulumi' in sys.modules, 'kubernetes' in sys.modules)"

    assert python("-c", code).stdout == "False True\n"


def test_python_m_ops_is_the_command() -> None:
    done = python("-m", "ops", "verify", "--list", "--only", "aws.peering$")

    assert (done.returncode, done.stdout) == (0, "aws.peering  the VPC peering is active\n")


def test_ctrl_c_ends_at_once_with_130_and_a_report(
    world: Any, outputs: Callable[[], dict[str, Any]], tmp_path: Path
) -> None:
    world.exec_delay_s = 600
    (tmp_path / "o.json").write_text(json.dumps(outputs()))
    arguments = ["--outputs", str(tmp_path / "o.json"), "--only", "node.(api|exec)", "--timeout", "600s"]
    with subprocess.Popen(
        [sys.executable, "-m", "ops", "verify", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"},
        # A shell gives what it starts in the background a deaf ear to Ctrl-C, and the tests pass it on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            while not any(path.endswith("/exec") for path in world.asked):
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            # Ten times less than what it waits for, and much for a busy machine.
            stdout, stderr = process.communicate(timeout=60)
        finally:
            process.kill()

    assert process.returncode == 130, stderr
    assert "interrupted, the rest was not asked" in stdout
    assert "eks-hybrid answers" in stdout
    assert "Traceback" not in stderr


# --- progress ---------------------------------------------------------------------------------------------


def test_a_terminal_shows_what_is_being_asked_and_a_failure_at_once() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100)
    check = Check(id="net.ping", proves="it", run=lambda _: Findings().outcome(""))
    findings = Findings()
    findings.fail("lost", why="w", fix="f")

    progress = LiveProgress(console, 36)
    progress.started(check)
    while "net.ping" not in file.getvalue():  # A thread draws it, a dozen times a second.
        time.sleep(0.02)
    progress.finished(Found(check=check, outcome=findings.outcome("")))
    progress.close()

    assert "0 of 36  net.ping" in file.getvalue()
    assert "failed" in file.getvalue()


def test_without_a_terminal_progress_is_silent_but_for_waiting() -> None:
    file = io.StringIO()
    check = Check(id="net.ping", proves="it", run=lambda _: Findings().outcome(""))
    progress = LiveProgress(Console(file=file, width=100), 36)

    progress.started(check)
    progress.finished(Found(check=check, outcome=Findings().outcome("")))
    progress.waiting([check], 42.0)
    progress.close()

    assert file.getvalue() == "waiting for net.ping (at most 42 s more)\n"
