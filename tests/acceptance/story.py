"""A run: the steps it has taken, the rule that the first failure ends it, and the removal that always comes last."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest
from _pytest.outcomes import OutcomeException

from tests.acceptance.commands import Answer, Ops
from tests.acceptance.engine import Engine, EngineError, Operation
from tests.acceptance.folder import Folder
from tests.acceptance.stopping import Stopped, Stopper

# The node that comes, changes and goes.
ADDED = "added"
# A destroy that failed is tried once more: most of what stands in the way goes by itself (network interfaces).
PAUSE_S: float = 60
_GONE_MOST = "10m"
# Of what is left, so much on the terminal.
_SHOWN = 15
REMOVAL = {"destroy": "pulumi destroy", "verify-destroyed": "ops verify --destroyed"}


class Status(StrEnum):
    """What came of a step."""

    PASS = "pass"
    FAIL = "fail"
    STOPPED = "stopped"
    NOT_TAKEN = "not taken"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A step that was taken, or would have been. `text` is a line for a pass, all of the problem otherwise."""

    id: str
    title: str
    status: Status
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user wants. `settings` are texts by a setting's name or path; times in seconds."""

    stack: str
    settings: Mapping[str, str]
    hybrid_nodes: int
    # The minor at the end; with an upgrade, `first` is the one before.
    kubernetes: str
    first: str
    keep: bool
    limit_s: float
    pause_s: float = PAUSE_S


class StepError(Exception):
    """A step did not show what it should."""


class Declined(Exception):  # noqa: N818 - no error: the user said no
    """The user does not want the stack to be built."""


@dataclass
class Found:
    """What a run has found out so far: for the report."""

    taken: list[Taken] = field(default_factory=list)
    checks: dict[str, list[str]] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    first: list[Operation] = field(default_factory=list)
    later: list[Operation] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    # What a person does about what is left, and whether there can be anything.
    commands: list[str] = field(default_factory=list)
    built: bool = False

    @property
    def passed(self) -> bool:
        """Whether every step passed."""
        return bool(self.taken) and all(step.status is Status.PASS for step in self.taken)


class Story:
    """One run. A test of test_story.py is a step of it: `taking` stands around the test."""

    def __init__(
        self,
        options: Options,
        *,
        stack: Engine,
        ops: Ops,
        stopper: Stopper,
        folder: Folder,
        say: Callable[[str], None],
        agreed: Callable[[], bool],
    ) -> None:
        self.options, self.stack, self.agreed = options, stack, agreed
        self.node = f"hybridNodes[{options.hybrid_nodes}]"
        self.found = Found()
        self._ops, self._stopper, self._folder, self._say = ops, stopper, folder, say
        self._created = self._removing = False
        self._lines: list[str] = []

    @property
    def code(self) -> int:
        """The exit code: 0 all was shown, 1 something was not, 2 nothing was built, 130 it was stopped."""
        if self.found.passed:
            return 0
        if self._stopper.reason:
            return 130
        return 1 if self.found.built else 2

    def say(self, text: str) -> None:
        """Tell the user, without what is secret."""
        self._say(self._folder.redacted(text))

    def line(self, text: str) -> None:
        """Keep a line of what a step writes."""
        self._lines.append(text)

    @contextmanager
    def taking(self, id_: str, title: str) -> Generator[None]:
        """Take a step: what its block raises ends the story, and pytest hears of it without a traceback or a secret."""
        removal = id_ in REMOVAL
        if removal:
            if not self._to_remove:
                pytest.skip("the stack is kept" if self.found.built else "nothing was built")
            self._begin_removal()
        elif any(step.status is not Status.PASS for step in self.found.taken):
            self.found.taken.append(Taken(id=id_, title=title, status=Status.NOT_TAKEN))
            pytest.skip("not taken")
        self.say(f"{id_}: {title} ...")
        self._lines, text = [], ""
        started, status = time.monotonic(), Status.PASS
        try:
            yield
        except (Stopped, Declined) as reason:
            status, text = Status.STOPPED, str(reason)
        # Whatever it is: it belongs in the report, and the removal comes next.
        except Exception as error:
            known = isinstance(error, (StepError, EngineError, AssertionError))
            status, text = Status.FAIL, str(error) if known else f"{type(error).__name__}: {error}"
            self._lines.append(text)
        if self._stopper.reason and not removal:
            status, text = Status.STOPPED, self._stopper.reason
        seconds, text = time.monotonic() - started, self._folder.redacted(text)
        self.found.taken.append(Taken(id=id_, title=title, status=status, text=text, seconds=seconds))
        self._folder.step(id_, self._lines)
        self.say(f"{id_}: {status} after {seconds:.0f} s" + (f": {text}" if text else ""))
        if status is Status.STOPPED:
            pytest.skip(text)
        if status is Status.FAIL:
            pytest.fail(text, pytrace=False)

    def make(self) -> None:
        """Make the stack, with its settings."""
        self._created = True
        try:
            self.stack.create()
        except EngineError:
            # Where it was stopped, the stack may be there.
            self._created = bool(self._stopper.reason)
            raise
        self.stack.configure({**self.options.settings, "kubernetesVersion": self.options.first})

    def ask(self, *arguments: str, heard: Callable[[Answer], None] = lambda _answer: None) -> Answer:
        """Ask a command of ops about the stack. `heard` gets its answer whatever it is."""
        answer = self._ops.ask(*arguments, "--stack", self.stack.name)
        self.line(answer.output)
        self.line(answer.errors)
        heard(answer)
        if answer.code:
            raise StepError("\n".join(answer.problems))
        if not answer.document:
            raise StepError(f"ops {arguments[0]} gave no JSON")
        return answer

    def verify(self, *arguments: str) -> None:
        """Ask `ops verify`, and keep what it says of each check."""

        def heard(answer: Answer) -> None:
            for check, status in answer.statuses.items():
                self.found.checks.setdefault(check, []).append(status)

        self.ask("verify", "-o", "json", *arguments, heard=heard)

    def change(self, judge: Callable[[Sequence[Operation]], list[str]]) -> None:
        """Let `pulumi up` change the stack; `judge` says what the engine should not have done."""
        operations = self.stack.up(self.line)
        self.found.later += operations
        problems = judge(operations)
        if problems:
            raise StepError("; ".join(problems))

    # --- the end ---------------------------------------------------------------------------------

    @property
    def _to_remove(self) -> bool:
        return self.found.built and not self.options.keep

    def _begin_removal(self) -> None:
        """Ask doctor after a failure, while the stack is still there; then nothing but a second Ctrl-C stops it."""
        if self._removing:
            return
        if any(step.status is Status.FAIL for step in self.found.taken):
            with suppress(Stopped, OSError):
                bundle = str(self._folder.path / "doctor.tgz")
                answer = self._ops.ask("doctor", "--stack", self.stack.name, "--bundle", bundle)
                self._folder.step("doctor", [answer.output, answer.errors])
                self.say(f"ops doctor says why: {self._folder.path / 'doctor.txt'}")
        self._stopper.removing()
        self._removing = True

    def destroy(self) -> None:
        """Remove what the stack has built; once more where that fails, with a refresh."""
        try:
            self.stack.destroy(self.line)
        except EngineError as error:
            if self._stopper.abandoned:
                raise
            self.line(str(error))
            self.say(f"pulumi destroy failed; once more in {self.options.pause_s:g} s ...")
            time.sleep(self.options.pause_s)
            # An engine that was killed has left a lock. There is none as a rule, which Pulumi calls an error.
            with suppress(EngineError):
                self.stack.cancel()
            self.stack.destroy(self.line, refresh=True)

    def verify_destroyed(self) -> None:
        """Ask whether anything of the stack is left in the account."""
        if self._stopper.abandoned:
            raise Stopped("the removal was stopped")

        def heard(answer: Answer) -> None:
            self.found.left += answer.problems if answer.code else []

        self.ask("verify", "--destroyed", "--wait", _GONE_MOST, "-o", "json", heard=heard)

    def end(self) -> None:
        """Remove what no step has removed, and the stack itself; name what is left."""
        name = self.stack.name
        if not self._created:
            return
        self.found.commands = [
            f"pulumi destroy --stack {name}",
            f"ops verify --destroyed --stack {name}",
            f"pulumi stack rm {name}",
        ]
        if self.options.keep and self.found.built:
            self.say(f"The stack {name} is kept, and is billed. To remove it:")
            self.say("\n".join(f"  {command}" for command in self.found.commands))
            return
        # pytest may have ended before the steps of the removal.
        for id_, step in (("destroy", self.destroy), ("verify-destroyed", self.verify_destroyed)):
            if self.found.built and not any(taken.id == id_ for taken in self.found.taken):
                with suppress(OutcomeException), self.taking(id_, REMOVAL[id_]):
                    step()
        self._stopper.removing()
        if all(taken.status is Status.PASS for taken in self.found.taken if taken.id in REMOVAL):
            self._remove_stack()
        else:
            self._name_what_is_left()

    def _remove_stack(self) -> None:
        try:
            self.stack.remove()
            self.found.commands = []
        except (EngineError, Stopped) as error:
            self.found.commands = self.found.commands[-1:]
            self.say(f"Nothing is left but the empty stack: {error}")

    def _name_what_is_left(self) -> None:
        try:
            self.found.left += [f"{resource} (in the stack's state)" for resource in self.stack.left()]
        except (EngineError, Stopped) as error:
            self.found.left.append(f"the stack's state cannot be read: {error}")
        self.found.left = [self._folder.redacted(line) for line in self.found.left]
        self.say("Not everything is removed. What is left, and is billed:")
        self.say("\n".join(f"  {line}" for line in self.found.left[:_SHOWN]))
        if len(self.found.left) > _SHOWN:
            self.say(f"  and {len(self.found.left) - _SHOWN} more, all in report.md")
        self.say("To remove it:\n" + "\n".join(f"  {command}" for command in self.found.commands))
