"""The reports for programs: json, and junit for CI systems."""

import json
import re
from itertools import groupby
from typing import IO, Any
from xml.etree import ElementTree as Xml

from ops.checks.model import Result, Run, Status

# What XML 1.0 cannot hold, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_json(run: Run, file: IO[str], *, strict: bool) -> None:
    """Write one object: subject, counts, exitCode, checks with problems, latency. `schema` changes when a key does."""
    document: dict[str, Any] = {
        "schema": 2,
        "command": run.command,
        "verdict": run.verdict(strict=strict),
        "subject": run.subject,
        "seconds": round(run.seconds, 3),
        "interrupted": run.interrupted,
        "exitCode": run.exit_code(strict=strict),
        "counts": {status.value: run.count(status) for status in Status},
        "checks": [_check(result) for result in run.results],
    }
    json.dump(document, file, indent=2)
    file.write("\n")


def _check(result: Result) -> dict[str, Any]:
    outcome = result.outcome
    document: dict[str, Any] = {
        "id": result.check.id,
        "proves": result.check.proves,
        "status": outcome.status.value,
        "summary": outcome.summary,
        "evidence": list(outcome.evidence),
        "problems": [
            {"seen": problem.seen, "why": problem.why, "fix": problem.fix} for problem in outcome.problems
        ],
        "blockedBy": list(result.blocked_by),
        "seconds": round(result.seconds, 3),
        "attempts": result.attempts,
    }
    if outcome.matrix is not None:
        matrix = outcome.matrix
        document["paths"] = [
            {"from": a, "to": b, "rttMs": rtt, "lossPercent": matrix.loss_percent[a, b]}
            for (a, b), rtt in matrix.rtt_ms.items()
        ]
    return document


def write_junit(run: Run, file: IO[str]) -> None:
    """Write a test suite per category. A warning is a passed case that says so; blocked is skipped, with the reason."""
    top = Xml.Element("testsuites", _totals(f"ops {run.command}", run.results, run.seconds))
    for category, results in groupby(run.results, key=lambda result: result.check.category):
        members = list(results)
        suite = Xml.SubElement(
            top, "testsuite", _totals(category, members, sum(result.seconds for result in members))
        )
        for result in members:
            _case(suite, result)
    Xml.indent(top)
    file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    file.write(Xml.tostring(top, encoding="unicode"))
    file.write("\n")


def _case(suite: Xml.Element, result: Result) -> None:
    outcome = result.outcome
    attributes = {
        "classname": result.check.category,
        "name": result.check.id,
        "time": f"{result.seconds:.3f}",
    }
    case = Xml.SubElement(suite, "testcase", attributes)
    message = clean(outcome.summary)
    problems = clean(
        "\n\n".join(
            f"seen: {problem.seen}\nwhy: {problem.why}\nfix: {problem.fix}" for problem in outcome.problems
        )
    )
    if outcome.status in (Status.FAIL, Status.ERROR):
        kind = "failure" if outcome.status is Status.FAIL else "error"
        Xml.SubElement(case, kind, {"message": message}).text = problems
    elif outcome.status in (Status.BLOCKED, Status.SKIP):
        Xml.SubElement(case, "skipped", {"message": message})
    evidence = clean("\n".join([outcome.summary, *outcome.evidence]))
    Xml.SubElement(case, "system-out").text = evidence
    if outcome.status is Status.WARN:
        Xml.SubElement(case, "system-err").text = problems


def _totals(name: str, results: Any, seconds: float) -> dict[str, str]:
    statuses = [result.outcome.status for result in results]
    return {
        "name": name,
        "tests": str(len(statuses)),
        "failures": str(statuses.count(Status.FAIL)),
        "errors": str(statuses.count(Status.ERROR)),
        "skipped": str(statuses.count(Status.BLOCKED) + statuses.count(Status.SKIP)),
        "time": f"{seconds:.3f}",
    }


def clean(text: str) -> str:
    """Put a question mark in the place of what XML cannot hold."""
    return _NOT_XML.sub("?", text)
