"""What a run leaves behind: report.md for people, junit.xml for CI systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as Xml

from ops.acceptance import durations
from ops.acceptance.claims import CLAIMS, Claim, Verdict, verdict
from ops.acceptance.durations import Measured
from ops.acceptance.folder import Folder
from ops.acceptance.story import Found, Status, Taken
from ops.checks.report.plain import clean

_PASSED = {Status.PASS: True, Status.FAIL: False}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What was tried: the stack, where, when (ISO 8601), and the versions in use."""

    stack: str
    region: str
    started: str
    versions: Mapping[str, str]
    kept: bool


def passed(found: Found) -> bool:
    """Whether every step passed."""
    return bool(found.taken) and all(each.status is Status.PASS for each in found.taken)


def write(folder: Folder, found: Found, subject: Subject) -> None:
    """Write all of it."""
    measured = durations.created(found.first, found.later)
    folder.write("report.md", folder.redacted(markdown(found, subject, measured)))
    folder.write("junit.xml", junit(found))


def markdown(found: Found, subject: Subject, measured: Mapping[str, Measured]) -> str:
    """The report for people."""
    words = "everything was shown" if passed(found) else "not everything was shown"
    lines = [
        f"# Acceptance of stack {subject.stack}: {words}",
        "",
        f"Region {subject.region}, begun {subject.started}. "
        + ", ".join(f"{name} {version}" for name, version in subject.versions.items())
        + ".",
        "",
        *_claims(found),
        *_steps(found),
        *_problems(found),
        *_left(found, subject),
        *_times(found, measured),
        "## What this does not show",
        "",
        "One run, in one region, on one day: not other regions, quotas or settings, not a month of operation, not the",
        "loss of a zone, and no real data centre: the hybrid nodes are EC2 instances.",
    ]
    return "\n".join(lines) + "\n"


def _claims(found: Found) -> list[str]:
    steps = {each.id: _PASSED.get(each.status) for each in found.taken}
    took = {each.id: each.seconds for each in found.taken}
    lines = ["## What README.md says", "", "| claim | verdict | took | rests on |", "|---|---|---|---|"]
    for claim in CLAIMS:
        result, why = verdict(claim, steps, found.checks)
        seconds = sum(took.get(step, 0.0) for step in claim.steps)
        rests = why if result is not Verdict.PROVED else ", ".join((*claim.steps, *claim.checks))
        lines.append(f"| {claim.text} | {result} | {clock(seconds) if seconds else ''} | {_cell(rests)} |")
    return [*lines, ""]


def _steps(found: Found) -> list[str]:
    lines = ["## Steps", "", "| step | what | result | took |", "|---|---|---|---|"]
    lines += [
        f"| {each.id} | {_cell(each.title)} | {each.status} | {clock(each.seconds)} |" for each in found.taken
    ]
    return [*lines, "", "What each step wrote is in STEP.txt beside this file.", ""]


def _problems(found: Found) -> list[str]:
    wrong = [each for each in found.taken if each.text and each.status in (Status.FAIL, Status.STOPPED)]
    if not wrong:
        return []
    lines = ["## What went wrong", ""]
    for each in wrong:
        lines += [f"{each.id}: {each.status}", "", "```text", *each.text.splitlines(), "```", ""]
    return lines


def _left(found: Found, subject: Subject) -> list[str]:
    if not found.commands or (subject.kept and not found.built):
        return []
    lines = ["## What is left, and how to remove it", ""]
    if subject.kept:
        lines += ["The stack was kept (--keep). It is billed until it is removed.", ""]
    lines += [f"- {_item(each)}" for each in found.left]
    return [*lines, "", "```sh", *found.commands, "```", ""]


def _times(found: Found, measured: Mapping[str, Measured]) -> list[str]:
    if not measured:
        return []
    estimate = found.plan.get("estimate", {}).get("seconds", {})
    up = next((each for each in found.taken if each.id == "up"), None)
    lines = ["## How long things took", ""]
    if up is not None and estimate:
        said = clock(estimate["typical"])
        usual = f"({clock(estimate['low'])} to {clock(estimate['high'])})"
        lines += [f"`pulumi up` took {clock(up.seconds)}; `ops plan` had said {said} {usual}.", ""]
    lines += ["| kind | shortest | median | longest | number |", "|---|---|---|---|---|"]
    slow = sorted(measured.items(), key=lambda item: -item[1].typical)
    lines += [
        f"| {kind} | {each.low} s | {each.typical} s | {each.high} s | {each.count} |" for kind, each in slow
    ]
    return [*lines, ""]


def junit(found: Found) -> str:
    """One test case for each step and for each claim."""
    top = Xml.Element("testsuites", {"name": "ops acceptance"})
    steps = Xml.SubElement(top, "testsuite", {"name": "steps", **_totals(found)})
    for each in found.taken:
        case = _case(steps, "steps", f"{each.id}: {each.title}", each.seconds)
        if each.status is Status.FAIL:
            Xml.SubElement(case, "failure", {"message": _first(each)}).text = clean(each.text)
        elif each.status is not Status.PASS:
            Xml.SubElement(case, "skipped", {"message": clean(f"{each.status} {each.text}".strip())})
    passing = {each.id: _PASSED.get(each.status) for each in found.taken}
    results: list[tuple[Claim, Verdict, str]] = [
        (claim, *verdict(claim, passing, found.checks)) for claim in CLAIMS
    ]
    kinds = [result for _, result, _ in results]
    totals = {
        "tests": str(len(kinds)),
        "failures": str(kinds.count(Verdict.REFUTED)),
        "errors": "0",
        "skipped": str(kinds.count(Verdict.OPEN)),
    }
    claims = Xml.SubElement(top, "testsuite", {"name": "claims", **totals})
    for claim, result, why in results:
        case = _case(claims, "claims", claim.text, 0.0)
        if result is not Verdict.PROVED:
            kind = "failure" if result is Verdict.REFUTED else "skipped"
            Xml.SubElement(case, kind, {"message": clean(f"{result}: {why}")})
    Xml.indent(top)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(top, encoding="unicode")}\n'


def _case(suite: Xml.Element, classname: str, name: str, seconds: float) -> Xml.Element:
    return Xml.SubElement(
        suite, "testcase", {"classname": classname, "name": clean(name), "time": f"{seconds:.3f}"}
    )


def _totals(found: Found) -> dict[str, str]:
    statuses = [each.status for each in found.taken]
    return {
        "tests": str(len(statuses)),
        "failures": str(statuses.count(Status.FAIL)),
        "errors": "0",
        "skipped": str(statuses.count(Status.STOPPED) + statuses.count(Status.NOT_TAKEN)),
        "time": f"{sum(each.seconds for each in found.taken):.3f}",
    }


def _first(each: Taken) -> str:
    return clean(each.text.splitlines()[0] if each.text else each.status)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _item(text: str) -> str:
    return text.replace("\n", "\n  ")


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds: 14m05s."""
    return f"{int(seconds) // 60}m{int(seconds) % 60:02d}s"


def costs(plan: Mapping[str, Any], *, limit_s: float) -> str:
    """What a run may cost: by component, and for how long."""
    estimate = {day: clock(seconds) for day, seconds in plan["estimate"]["seconds"].items()}
    rows = [f"  {row['component']}: {row['count']}, by {row['by']}" for row in plan["billed"]]
    for_how_long = (
        f"For how long: pulumi up takes about {estimate['typical']} ({estimate['low']} to {estimate['high']}), the "
        "steps after it about as long again, the removal about a quarter of an hour. "
        f"After {limit_s / 60:g} minutes the removal begins in any case."
    )
    return "\n".join(
        ["What AWS bills while the stack is there (prices differ by region):", *rows, for_how_long]
    )
