"""The words of a run of checks: a check, what came of it, and why.

A check never prints and never decides about retries: it returns an `Outcome`, or raises `AskError` when the question
itself could not be put (no credentials, no answer from the API server).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import ModuleType
from typing import Any

from ops.causes import Problem


class Status(StrEnum):
    """What came of a check. ERROR: it could not be carried out, so nothing is known."""

    OK = "pass"
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"
    BLOCKED = "blocked"
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Round-trip times between nodes. `rtt_ms[(from, to)]` is an average in ms; None: nothing came back."""

    nodes: tuple[str, ...]
    rtt_ms: dict[tuple[str, str], float | None]
    loss_percent: dict[tuple[str, str], float]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a check found. `summary` is one line; `evidence` holds the values it rests on, one line each."""

    status: Status
    summary: str
    evidence: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    matrix: Matrix | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question to a deployment.

    Args:
        id: stable name, `category.name`; scripts and `--only`/`--skip` rely on it.
        proves: what a pass means, one line.
        run: asks the question; gets the context of its run, whose type is the command's own.
        needs: ids of checks without whose pass the answer would only repeat their failure.
        eventually: the state comes about by itself (a node becomes Ready), so `--wait` asks again.

    """

    id: str
    proves: str
    run: Callable[[Any], Outcome]
    needs: tuple[str, ...] = ()
    eventually: bool = False

    @property
    def category(self) -> str:
        """Give the part of the id before the dot."""
        return self.id.partition(".")[0]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A check and its outcome. `blocked_by`: ids of the failed checks that kept it from running."""

    check: Check
    outcome: Outcome
    seconds: float = 0.0
    attempts: int = 1
    blocked_by: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Run:
    """All checks of a command, in catalogue order. `subject`: what was looked at (stack, cluster, region)."""

    command: str
    subject: dict[str, str]
    results: tuple[Result, ...]
    seconds: float
    interrupted: bool = False

    def count(self, status: Status) -> int:
        """Count the checks that ended with this status."""
        return sum(result.outcome.status is status for result in self.results)

    def exit_code(self, *, strict: bool) -> int:
        """Give 0 pass, 1 a check failed, 2 could not run, 3 warnings under --strict, 130 interrupted."""
        if self.interrupted:
            return 130
        if self.count(Status.FAIL):
            return 1
        if self.count(Status.ERROR) or self.count(Status.BLOCKED):
            return 2
        return 3 if strict and self.count(Status.WARN) else 0

    def verdict(self, *, strict: bool) -> str:
        """Say in a word or two how it ended."""
        words = {0: "pass", 1: "fail", 2: "could not run", 3: "warned", 130: "interrupted"}
        return words[self.exit_code(strict=strict)]


@dataclass
class Findings:
    """Collects what a check notices; `outcome` makes the verdict of it: any problem fails, any warning warns.

    `failed` is the summary of a failure; without one, the first problem is.
    """

    evidence: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    failed: str = ""
    matrix: Matrix | None = None

    def fail(self, seen: str, *, why: str, fix: str) -> None:
        """Note something that makes the check fail."""
        self.problems.append(Problem(seen=seen, why=why, fix=fix))

    def warn(self, seen: str, *, why: str, fix: str) -> None:
        """Note something that should be known but breaks nothing."""
        self.warnings.append(Problem(seen=seen, why=why, fix=fix))

    def outcome(self, passed: str) -> Outcome:
        """Make the verdict. `passed`: the summary of a pass and of a warning."""
        problems = (*self.problems, *self.warnings)
        status = Status.FAIL if self.problems else Status.WARN if self.warnings else Status.OK
        summary = passed if status is not Status.FAIL else self.failed or self.problems[0].seen
        return Outcome(
            status=status,
            summary=summary,
            evidence=tuple(self.evidence),
            problems=problems,
            matrix=self.matrix,
        )


def check(
    id_: str, proves: str, *, needs: tuple[str, ...] = (), eventually: bool = False
) -> Callable[[Callable[[Any, Findings], str | Outcome]], Check]:
    """Make a `Check` of a function that notes in its findings what is wrong, and returns the summary of a pass."""

    def made(ask: Callable[[Any, Findings], str | Outcome]) -> Check:
        def run(context: Any) -> Outcome:
            findings = Findings()
            answer = ask(context, findings)
            return answer if isinstance(answer, Outcome) else findings.outcome(answer)

        return Check(id=id_, proves=proves, run=run, needs=needs, eventually=eventually)

    return made


def checks_in(*modules: ModuleType) -> tuple[Check, ...]:
    """Give the checks of modules, in the order in which they stand there."""
    return tuple(value for module in modules for value in vars(module).values() if isinstance(value, Check))


def skipped(reason: str) -> Outcome:
    """Make the outcome of a check that does not apply here; a skip always has a reason."""
    return Outcome(status=Status.SKIP, summary=reason)


def listed(items: Iterable[object], *, most: int = 6) -> str:
    """Join items for one line: `a, b, c and 4 more`."""
    texts = [str(item) for item in items]
    if len(texts) <= most:
        return ", ".join(texts)
    return f"{', '.join(texts[:most])} and {len(texts) - most} more"


def select(checks: Sequence[Check], *, only: str | None, skip: str | None) -> list[Check]:
    """Keep the checks whose id matches `only` and does not match `skip` (regular expressions, anywhere in the id)."""
    return [
        check
        for check in checks
        if (only is None or re.search(only, check.id))
        and not (skip is not None and re.search(skip, check.id))
    ]
