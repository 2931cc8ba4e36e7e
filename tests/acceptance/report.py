"""What a run leaves behind for people: report.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.acceptance import durations
from tests.acceptance.claims import CLAIMS, Verdict, verdict
from tests.acceptance.story import Found, Status

_PASSED = {Status.PASS: True, Status.FAIL: False}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What was tried: the stack, where, when (ISO 8601), and the versions in use."""

    stack: str
    region: str
    started: str
    versions: Mapping[str, str]
    kept: bool


def markdown(found: Found, subject: Subject) -> str:
    """The report for people."""
    words = "everything was shown" if found.passed else "not everything was shown"
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
        *_times(found),
        "## What this does not show",
        "",
        "One run, in one region, on one day: not other regions, quotas or settings, not a month of operation, not the",
        "loss of a zone, and no real data centre: the hybrid nodes are EC2 instances.",
    ]
    return "\n".join(lines) + "\n"


def passing(found: Found) -> dict[str, bool | None]:
    """By a step's id, whether it passed; None where it was stopped or not taken."""
    return {step.id: _PASSED.get(step.status) for step in found.taken}


def _claims(found: Found) -> list[str]:
    steps = passing(found)
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


def _times(found: Found) -> list[str]:
    measured = durations.created(found.first, found.later)
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
