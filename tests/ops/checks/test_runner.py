"""The runner: order, blocking, waiting, retries, and how it ends."""

import itertools
import threading
import time
from graphlib import TopologicalSorter
from typing import Any

import pytest

from ops.checks import runner
from ops.checks.model import Check, Findings, Outcome, Result, Run, Status, skipped
from ops.clients.errors import AskError
from ops.clients.pool import Memo, Pool, TransportError, retrying
from ops.ready import catalogue as ready
from ops.verify import catalogue as verify

PASSED = Findings().outcome("fine")


def failed(seen: str = "broken") -> Outcome:
    findings = Findings()
    findings.fail(seen, why="because", fix="mend it")
    return findings.outcome("")


def warned() -> Outcome:
    findings = Findings()
    findings.warn("odd", why="because", fix="mend it")
    return findings.outcome("fine but odd")


class Rounds:
    """A context that counts its rounds."""

    def __init__(self, number: int = 1) -> None:
        self.number = number

    def fresh(self) -> "Rounds":
        return Rounds(self.number + 1)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def check(name: str, outcome: Any, *needs: str, eventually: bool = False) -> Check:
    def ask(context: Rounds) -> Outcome:
        found = outcome(context) if callable(outcome) else outcome
        if isinstance(found, BaseException):
            raise found
        return found

    return Check(id=name, proves="it", run=ask, needs=needs, eventually=eventually)


def run(*checks: Check, wait_s: float = 0.0, **more: Any) -> Run:
    clock = Clock()
    return runner.run(
        checks,
        Rounds(),
        concurrency=8,
        command="verify",
        subject={},
        wait_s=wait_s,
        clock=clock,
        sleep=clock.sleep,
        **more,
    )


def statuses(done: Run) -> dict[str, Status]:
    return {result.check.id: result.outcome.status for result in done.results}


def test_results_keep_the_order_of_the_catalogue_whatever_ends_first() -> None:
    slow = check("a.slow", lambda _: time.sleep(0.05) or PASSED)

    assert list(statuses(run(slow, check("a.fast", PASSED)))) == ["a.slow", "a.fast"]


def test_checks_that_do_not_need_each_other_run_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=60)

    done = run(*(check(f"a.{number}", lambda _: together.wait() * 0 or PASSED) for number in range(3)))

    assert set(statuses(done).values()) == {Status.OK}


def test_checks_that_need_one_another_are_an_error_and_no_endless_run() -> None:
    with pytest.raises(ValueError, match=r"checks that need one another: a\.1, b\.1$"):
        run(check("a.1", PASSED, "b.1"), check("b.1", PASSED, "a.1"), check("c.1", PASSED))


@pytest.mark.parametrize(
    "catalogue", [ready.CHECKS, verify.CHECKS, verify.LEFTOVERS], ids=["ready", "verify", "gone"]
)
def test_what_a_check_needs_is_in_its_catalogue_and_in_no_circle(catalogue: tuple[Check, ...]) -> None:
    needs = {check.id: set(check.needs) for check in catalogue}
    assert len(needs) == len(catalogue)
    assert {need for ids in needs.values() for need in ids} <= needs.keys()
    TopologicalSorter(needs).prepare()


def test_a_check_waits_for_what_it_needs() -> None:
    order: list[str] = []
    first = check("a.first", lambda _: time.sleep(0.05) or order.append("first") or PASSED)
    second = check("a.second", lambda _: order.append("second") or PASSED, "a.first")

    run(second, first)

    assert order == ["first", "second"]


@pytest.mark.parametrize("cause", [failed(), AskError("no answer", code="aws-refused"), RuntimeError("bug")])
def test_what_needs_a_failed_check_is_blocked_by_it_and_not_asked(cause: Any) -> None:
    asked: list[str] = []
    done = run(
        check("a.first", cause), check("a.second", lambda _: asked.append("second") or PASSED, "a.first")
    )

    assert done.results[1].outcome.status is Status.BLOCKED
    assert done.results[1].outcome.summary == "blocked by a.first"
    assert asked == []


def test_a_blocked_check_names_the_root_and_not_what_that_blocked() -> None:
    done = run(check("a.root", failed()), check("a.mid", PASSED, "a.root"), check("a.leaf", PASSED, "a.mid"))

    assert done.results[2].blocked_by == ("a.root",)


@pytest.mark.parametrize("fine", [PASSED, warned(), skipped("not here")])
def test_a_pass_a_warning_and_a_skip_block_nothing(fine: Outcome) -> None:
    done = run(check("a.first", fine), check("a.second", PASSED, "a.first"))

    assert done.results[1].outcome.status is Status.OK


def test_a_need_that_is_not_in_this_run_does_not_block() -> None:
    assert statuses(run(check("a.second", PASSED, "a.first"))) == {"a.second": Status.OK}


def test_a_crash_in_a_check_is_its_result_and_the_others_go_on() -> None:
    done = run(check("a.bug", KeyError("spec")), check("a.fine", PASSED))

    assert done.results[0].outcome.status is Status.ERROR
    assert done.results[0].outcome.problems[0].seen == "KeyError: 'spec'"
    assert done.results[1].outcome.status is Status.OK


def test_without_wait_everything_is_asked_once() -> None:
    done = run(check("a.soon", failed(), eventually=True))

    assert done.results[0].attempts == 1


def test_waiting_asks_what_failed_again_with_fresh_data_and_leaves_the_rest_alone() -> None:
    asked: list[str] = []
    done = run(
        check("a.fine", lambda _: asked.append("fine") or PASSED),
        check("a.soon", lambda context: PASSED if context.number == 3 else failed(), eventually=True),
        check("a.after", PASSED, "a.soon"),
        wait_s=900,
    )

    assert set(statuses(done).values()) == {Status.OK}
    assert [result.attempts for result in done.results] == [1, 3, 3]
    assert asked == ["fine"]
    assert done.seconds == 20


def test_waiting_ends_when_the_time_is_over() -> None:
    done = run(check("a.never", failed(), eventually=True), wait_s=25)

    assert done.results[0].outcome.status is Status.FAIL
    assert done.results[0].attempts == 4
    assert done.seconds == 25


def test_waiting_ends_at_once_when_something_fails_that_time_does_not_mend() -> None:
    done = run(check("a.soon", failed(), eventually=True), check("a.wrong", failed()), wait_s=900)

    assert [result.attempts for result in done.results] == [1, 1]
    assert done.seconds == 0


def test_progress_hears_of_every_step() -> None:
    heard: list[str] = []

    class Ear(runner.Progress):
        def started(self, check: Check) -> None:
            heard.append(f"start {check.id}")

        def finished(self, result: Result) -> None:
            heard.append(f"{result.outcome.status.value} {result.check.id}")

        def waiting(self, checks: Any, seconds_left: float) -> None:
            heard.append(f"wait {[one.id for one in checks]} {seconds_left}")

    soon = check("a.soon", lambda context: PASSED if context.number == 2 else failed(), eventually=True)
    run(soon, check("a.after", PASSED, "a.soon"), wait_s=30, progress=Ear())

    assert heard == [
        "start a.soon",
        "fail a.soon",
        "blocked a.after",
        "wait ['a.soon', 'a.after'] 30.0",
        "start a.soon",
        "pass a.soon",
        "start a.after",
        "pass a.after",
    ]


def test_ctrl_c_keeps_what_is_known_and_ends_with_130() -> None:
    release = threading.Event()

    class Interrupting(runner.Progress):
        def finished(self, result: Result) -> None:
            assert result.check.id == "a.known"
            raise KeyboardInterrupt

    done = run(
        check("a.known", failed()),
        check("a.slow", lambda _: release.wait(5) and PASSED),
        progress=Interrupting(),
    )
    release.set()

    assert done.exit_code(strict=False) == 130
    assert done.results[0].outcome.status is Status.FAIL
    assert done.results[1].outcome.summary == "interrupted before it was asked"


@pytest.mark.parametrize(
    ("outcomes", "strict", "code"),
    [
        ([PASSED], False, 0),
        ([PASSED, warned()], False, 0),
        ([PASSED, warned()], True, 3),
        ([failed(), warned()], True, 1),
        ([AskError("x", code="aws-refused")], False, 2),
        ([AskError("x", code="aws-refused"), failed()], False, 1),
        ([skipped("not here")], True, 0),
    ],
)
def test_the_exit_code_tells_pass_failure_error_and_warning_apart(
    outcomes: list[Any], strict: bool, code: int
) -> None:
    done = run(*(check(f"a.{number}", outcome) for number, outcome in enumerate(outcomes)))

    assert done.exit_code(strict=strict) == code


# --- pool and retries ---------------------------------------------------------------------------------


def test_a_lost_request_is_asked_again_after_growing_pauses() -> None:
    answers = [TransportError("reset"), TransportError("reset"), "here"]
    pauses: list[float] = []

    assert retrying(lambda: _next(answers), retries=2, sleep=pauses.append) == "here"
    assert pauses == [0.5, 1.0]


@pytest.mark.parametrize("error", [TransportError("reset"), ValueError("no")])
def test_only_lost_requests_are_asked_again_and_not_for_ever(error: Exception) -> None:
    asked: list[int] = []

    def ask() -> None:
        asked.append(1)
        raise error

    with pytest.raises(type(error)):
        retrying(ask, retries=2, sleep=lambda _: None)
    assert len(asked) == (3 if isinstance(error, TransportError) else 1)


def _next(answers: list[Any]) -> Any:
    answer = answers.pop(0)
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_the_pool_keeps_order_bounds_its_threads_and_returns_exceptions() -> None:
    running, most, lock = [0], [0], threading.Lock()
    begun, together = itertools.count(), threading.Barrier(3, timeout=60)

    def work(number: int) -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            first = next(begun) < 3
        if first:
            together.wait()
        time.sleep(0.01)
        with lock:
            running[0] -= 1
        return 10 // number

    settled = Pool(3).settle(work, [5, 0, 2, 1, 1, 1, 1])

    assert [item for item, _ in settled] == [5, 0, 2, 1, 1, 1, 1]
    assert settled[0][1] == 2
    assert isinstance(settled[1][1], ZeroDivisionError)
    assert most[0] == 3


def test_a_memo_asks_once_even_when_many_ask_at_the_same_time() -> None:
    asked: list[int] = []
    memo = Memo()

    def ask() -> int:
        time.sleep(0.02)
        asked.append(1)
        return 7

    settled = Pool(8).settle(lambda _: memo.get("x", ask), range(8))

    assert [answer for _, answer in settled] == [7] * 8
    assert len(asked) == 1


def test_a_memo_remembers_a_failure_so_that_it_is_waited_for_once() -> None:
    asked: list[int] = []
    memo = Memo()

    def ask() -> None:
        asked.append(1)
        raise TransportError("time-out")

    for _ in range(2):
        with pytest.raises(TransportError):
            memo.get("x", ask)
    assert len(asked) == 1
