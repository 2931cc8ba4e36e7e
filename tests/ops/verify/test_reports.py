"""The four formats, word for word. UPDATE_GOLDEN=1 writes golden/ anew; read the difference before committing it."""

import dataclasses
import io
import itertools
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from ops.causes import Problem
from ops.checks import runner
from ops.checks.model import Check, Findings, Matrix, Outcome, Result, Run, Status, skipped
from ops.checks.report import latency, plain, pretty
from ops.clients.http import Answer
from ops.verify.catalogue import CHECKS

GOLDEN = Path(__file__).with_name("golden")
ALB = "http://eks-hybrid-alb-1234567890.ap-northeast-1.elb.amazonaws.com"


class SteadyHttp:
    """A load balancer that always takes 12 ms."""

    def __init__(self, bodies: list[str]) -> None:
        self._bodies = itertools.cycle(bodies)

    def get(self, url: str, *, any_name: bool = False) -> Answer:
        assert (url, any_name) == (ALB, False)
        return Answer(status=200, body=next(self._bodies), seconds=0.012)


@pytest.fixture
def faulty(world: Any, context: Callable[..., Any]) -> Run:
    """A run with every kind of result."""
    world.missing_routes = {("onprem-1", "ip-10-10-2-193")}
    world.coredns = ["ip-10-10-1-193"] * 2
    world.target_states = {"10.90.1.183": ("unhealthy", "Target.Timeout")}
    return _steady(world, context, requests=4)


@pytest.fixture
def healthy(world: Any, context: Callable[..., Any]) -> Run:
    return _steady(world, context, requests=20)


def _steady(world: Any, context: Callable[..., Any], *, requests: int) -> Run:
    made = context(requests=requests)
    bodies = [world.sample_text.format(pod=name) for name, _ in world.sample_pods]
    deployment = made.deployment.model_copy(update={"alb_url": ALB})
    steady = dataclasses.replace(made, deployment=deployment, http=SteadyHttp(bodies))
    run = runner.run(CHECKS, steady, concurrency=16, command="verify", subject=deployment.subject)
    results = tuple(dataclasses.replace(one, seconds=0.25 if one.attempts else 0.0) for one in run.results)
    return dataclasses.replace(run, results=results, seconds=8.4)


def rendered(run: Run, form: str, *, width: int = 100, color: bool = False) -> str:
    file = io.StringIO()
    if form == "pretty":
        pretty.write(run, file, color=color, width=width)
    elif form == "json":
        plain.write_json(run, file, strict=False)
    else:
        plain.write_junit(run, file)
    return file.getvalue()


def same_as_golden(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", ["pretty", "json", "junit"])
def test_a_faulty_deployment_reads_as_in_golden(faulty: Run, form: str) -> None:
    suffix = {"pretty": "txt", "json": "json", "junit": "xml"}[form]
    same_as_golden(f"faulty-{form}.{suffix}", rendered(faulty, form))


def test_a_healthy_deployment_reads_as_in_golden(healthy: Run) -> None:
    same_as_golden("healthy-pretty.txt", rendered(healthy, "pretty"))


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal_but_commands_or_ends_in_blanks(faulty: Run, width: int) -> None:
    lines = rendered(faulty, "pretty", width=width).splitlines()

    commands = [
        part
        for result in faulty.results
        for problem in result.outcome.problems
        for part in problem.fix.split("; ")
    ]
    assert len(commands) > 3
    for command in commands:
        assert any(command in line for line in lines), f"wrapped, so it cannot be copied: {command}"
    assert [
        line for line in lines if len(line) > width and not any(command in line for command in commands)
    ] == []
    assert [line for line in lines if line != line.rstrip()] == []


def test_what_is_no_terminal_has_no_width(faulty: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    file = io.StringIO()
    pretty.write(faulty, file, color=False)
    problems = [problem for result in faulty.results for problem in result.outcome.problems]
    assert max(len(problem.seen) for problem in problems) > 80
    assert [problem.seen for problem in problems if problem.seen not in file.getvalue()] == []


def test_colour_adds_escapes_and_nothing_else(faulty: Run) -> None:
    plainly, coloured = rendered(faulty, "pretty"), rendered(faulty, "pretty", color=True)

    assert "\x1b[" in coloured
    assert "\x1b[" not in plainly
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plainly


def test_the_words_seen_why_fix_are_dim_and_what_follows_is_not(faulty: Run) -> None:
    coloured = rendered(faulty, "pretty", color=True)

    assert "\x1b[2m      fix  \x1b[0m\x1b[36mkubectl -n kube-system delete pod" in coloured


def test_a_terminal_without_unicode_gets_plain_symbols(faulty: Run) -> None:
    buffer = io.BytesIO()
    file = io.TextIOWrapper(buffer, encoding="ascii")

    pretty.write(faulty, file, color=False, width=100)
    file.flush()

    text = buffer.getvalue().decode("ascii")
    assert "  x vxlan-routes" in text
    assert "  + identity" in text


@pytest.mark.parametrize("form", ["pretty", "json", "junit"])
@pytest.mark.parametrize("which", ["healthy", "faulty"])
def test_no_report_shows_the_token(request: pytest.FixtureRequest, which: str, form: str, api: Any) -> None:
    run = request.getfixturevalue(which)

    assert api.state["token"]
    assert api.state["token"] not in rendered(run, form)


def test_json_has_the_exit_code_the_paths_and_every_check(faulty: Run) -> None:
    document = json.loads(rendered(faulty, "json"))

    assert (document["schema"], document["command"], document["verdict"]) == (2, "verify", "fail")
    assert document["exitCode"] == 1
    assert [one["id"] for one in document["checks"]] == [check.id for check in CHECKS]
    ping = next(one for one in document["checks"] if one["id"] == "net.ping")
    assert {"from": "onprem-1", "to": "ip-10-10-2-193", "rttMs": None, "lossPercent": 100.0} in ping["paths"]
    assert document["counts"]["fail"] == 3


def test_junit_counts_what_its_cases_say(faulty: Run) -> None:
    top = Xml.XML(rendered(faulty, "junit"))

    assert int(top.attrib["tests"]) == len(top.findall(".//testcase")) == len(CHECKS)
    assert int(top.attrib["failures"]) == len(top.findall(".//failure")) == 3
    assert int(top.attrib["skipped"]) == len(top.findall(".//skipped"))
    assert [suite.attrib["name"] for suite in top] == ["aws", "node", "system", "net", "lb"]


def one(outcome: Outcome, **more: Any) -> Run:
    check = Check(id="a.one", proves="it works", run=lambda _: outcome)
    return Run(
        command="verify", subject={}, results=(Result(check=check, outcome=outcome),), seconds=1.0, **more
    )


def test_junit_survives_what_xml_cannot_hold() -> None:
    findings = Findings()
    findings.fail("bell \x07 and \x00 <&>", why="w\x1b", fix="f")

    top = Xml.XML(rendered(one(findings.outcome("")), "junit"))

    failure = top.find(".//failure")
    assert failure is not None
    assert failure.attrib["message"] == "bell ? and ? <&>"


def test_an_error_and_a_warning_are_not_failures_in_junit() -> None:
    problem = Problem(seen="no credentials", why="w", fix="f")
    error = Outcome(status=Status.ERROR, summary="no credentials", problems=(problem,))
    warning = Outcome(status=Status.WARN, summary="odd", problems=(problem,))

    assert "<error " in rendered(one(error), "junit")
    assert "<system-err>seen: no credentials" in rendered(one(warning), "junit")
    assert "<failure" not in rendered(one(error), "junit") + rendered(one(warning), "junit")


def test_an_interrupted_run_says_so() -> None:
    run = one(skipped("interrupted before it was asked"), interrupted=True)

    assert "interrupted, the rest was not asked" in rendered(run, "pretty")
    assert json.loads(rendered(run, "json"))["exitCode"] == 130


def test_the_latency_table_continues_below_when_it_is_too_wide() -> None:
    names = tuple(f"node-{number}" for number in range(1, 13))
    pairs = list(itertools.permutations(names, 2))
    matrix = Matrix(nodes=names, rtt_ms=dict.fromkeys(pairs, 0.5), loss_percent=dict.fromkeys(pairs, 0.0))

    lines = [line.plain for line in latency.lines(matrix, width=74)]

    assert max(map(len, lines)) <= 74
    assert len(lines) == 1 + 2 * 13
    assert lines[1].split() == [str(number) for number in range(1, 9)]
    assert lines[14].split() == ["9", "10", "11", "12"]


def test_the_latency_table_marks_what_is_lost_and_what_was_not_measured() -> None:
    matrix = Matrix(
        nodes=("a", "b", "c"),
        rtt_ms={("a", "b"): 1.842, ("b", "a"): None, ("a", "c"): 250.4},
        loss_percent={("a", "b"): 0.0, ("b", "a"): 100.0, ("a", "c"): 33.0},
    )

    rows = [line.plain.split() for line in latency.lines(matrix, width=80)][2:]

    assert rows == [["1", "a", ".", "1.84", "250"], ["2", "b", "lost", ".", "?"], ["3", "c", "?", "?", "."]]
