"""Runs checks: side by side, after those they need, again while their state may still come about.

A round asks every check once. With `wait_s`, those that failed but are declared eventually consistent (and what they
blocked) are asked again in further rounds, each with fresh data. As soon as something fails that waiting cannot fix,
waiting ends: it would only delay the answer.
"""

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.causes import Problem, problem_of
from ops.checks.model import Check, Outcome, Result, Run, Status, skipped
from ops.clients.errors import AskError
from ops.clients.pool import Pool

_ROUND_PAUSE_S = 10.0
_BLOCKING = frozenset({Status.FAIL, Status.ERROR, Status.BLOCKED})


class Progress:
    """Told what happens while it happens, from one thread. This one shows nothing."""

    def started(self, check: Check) -> None:
        """Hear that a check begins."""

    def finished(self, result: Result) -> None:
        """Hear how it ended."""

    def waiting(self, checks: Sequence[Check], seconds_left: float) -> None:
        """Hear that these are asked again soon."""


@dataclass
class _Round:
    """One pass over some checks; `results` grows as they end."""

    context: Any
    pool: Pool
    progress: Progress
    attempts: dict[str, int]
    command: str
    results: dict[str, Result] = field(default_factory=dict)

    def go(self, checks: Sequence[Check]) -> None:
        """Run `checks`, each after those of its needs that are in this run."""
        waiting = list(checks)
        done: queue.SimpleQueue[Result] = queue.SimpleQueue()
        running = 0
        while waiting or running:
            stuck = not running
            for check in list(waiting):
                needed = {need for need in check.needs if need in self.attempts}
                if not needed <= self.results.keys():
                    continue
                waiting.remove(check)
                stuck = False
                blocked_by = self._blockers(needed)
                if blocked_by:
                    self._finish(_blocked(check, blocked_by))
                else:
                    running += 1
                    self.progress.started(check)
                    self.pool.submit(lambda check=check: done.put(self._ask(check)))
            if stuck:
                raise ValueError(f"checks that need one another: {', '.join(check.id for check in waiting)}")
            if running:
                self._finish(done.get())
                running -= 1

    def _finish(self, result: Result) -> None:
        self.results[result.check.id] = result
        self.progress.finished(result)

    def _blockers(self, needed: set[str]) -> tuple[str, ...]:
        """Name the checks at the root: not "blocked by B" when B itself is blocked by A."""
        roots: set[str] = set()
        for need in needed:
            result = self.results[need]
            if result.outcome.status in _BLOCKING:
                roots.update(result.blocked_by or (need,))
        return tuple(sorted(roots))

    def _ask(self, check: Check) -> Result:
        start = time.monotonic()
        try:
            outcome = check.run(self.context)
        except AskError as error:
            outcome = _error(problem_of(error, self.command))
        except Exception as error:
            # A report with one broken check is worth more than a traceback instead of a report.
            outcome = _error(
                Problem(
                    seen=f"{type(error).__name__}: {error}",
                    why=f"ops {self.command} did not expect this answer; it is an error in the check itself",
                    fix=f"report it with the output of: ops {self.command} --only '^{check.id}$' -o json",
                )
            )
        seconds = time.monotonic() - start
        return Result(check=check, outcome=outcome, seconds=seconds, attempts=self.attempts[check.id])


def run(
    checks: Sequence[Check],
    context: Any,
    *,
    concurrency: int,
    command: str,
    subject: dict[str, str],
    wait_s: float = 0.0,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Run:
    """Run checks to a verdict. Ctrl-C gives a Run of what is known so far, marked as interrupted.

    Args:
        checks: in catalogue order; needs that are not among them do not block.
        context: handed to each check; its `fresh()` gives the one for the next round.
        concurrency: checks at one time.
        command: the name of the command, such as verify.
        subject: what the report is about.
        wait_s: how long to go on asking, see the module's text.
        progress: hears of each check.
        clock: seconds, monotonic.
        sleep: pauses between rounds.

    """
    progress = progress or Progress()
    start = clock()
    attempts = {check.id: 1 for check in checks}
    pool = Pool(concurrency)
    interrupted = False
    results: dict[str, Result] = {}
    pending = list(checks)
    try:
        while True:
            results = {key: value for key, value in results.items() if key not in {c.id for c in pending}}
            _Round(context, pool, progress, attempts, command, results).go(pending)
            pending = _worth_another_try(checks, results)
            left = wait_s - (clock() - start)
            if not pending or left <= 0:
                break
            progress.waiting(pending, left)
            sleep(min(_ROUND_PAUSE_S, left))
            context = context.fresh()
            for check in pending:
                attempts[check.id] += 1
    except KeyboardInterrupt:
        interrupted = True
    return Run(
        command=command,
        subject=subject,
        results=tuple(results.get(check.id) or _unasked(check) for check in checks),
        seconds=clock() - start,
        interrupted=interrupted,
    )


def _worth_another_try(checks: Sequence[Check], results: dict[str, Result]) -> list[Check]:
    """List the failed checks and what they block, if waiting may fix all of them; else nothing."""
    failed = [check for check in checks if results[check.id].outcome.status in (Status.FAIL, Status.ERROR)]
    if not all(check.eventually for check in failed):
        return []
    return [check for check in checks if results[check.id].outcome.status in _BLOCKING]


def _blocked(check: Check, by: tuple[str, ...]) -> Result:
    outcome = Outcome(status=Status.BLOCKED, summary=f"blocked by {', '.join(by)}")
    return Result(check=check, outcome=outcome, blocked_by=by)


def _unasked(check: Check) -> Result:
    return Result(check=check, outcome=skipped("interrupted before it was asked"), attempts=0)


def _error(problem: Problem) -> Outcome:
    return Outcome(status=Status.ERROR, summary=problem.seen, problems=(problem,))
