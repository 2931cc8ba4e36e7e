"""The story: its steps in order, the rule that the first failure ends it, and the removal that always comes last."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from infra import versions
from ops.acceptance import changes
from ops.acceptance.claims import ARTICLE_CHECKS
from ops.acceptance.commands import Answer, Ops
from ops.acceptance.engine import Engine, EngineError, Line, Operation
from ops.acceptance.folder import Folder
from ops.acceptance.stopping import Stopped, Stopper

# Not the default, which the added node has.
_ANOTHER_SYSTEM = "al2023"
_ADDED = "added"
# A destroy that failed is tried once more: most of what stands in the way goes by itself (network interfaces).
_PAUSE_S = 60
_READY_MOST = "20m"
_GONE_MOST = "10m"
# Of what is left, so much on the terminal.
_SHOWN = 15


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
    hybrid_nodes: int = 1
    kubernetes: str = versions.KUBERNETES_DEFAULT
    upgrade: bool = False
    keep: bool = False
    pause_s: float = _PAUSE_S


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


def previous_minor(kubernetes: str) -> str:
    """Give the Kubernetes minor before this one.

    Raises:
        StepError: the table of versions has none.

    """
    known = list(versions.STANDARD_SUPPORT_ENDS)
    if kubernetes not in known[1:]:
        raise StepError(
            f"--upgrade ends at Kubernetes {kubernetes}; it must be one of {', '.join(known[1:])}: "
            f"--config kubernetesVersion={versions.KUBERNETES_DEFAULT}"
        )
    return known[known.index(kubernetes) - 1]


class Story:
    """One run. `consent` shows the plan to the user and asks; it raises Declined."""

    def __init__(
        self,
        options: Options,
        *,
        stack: Engine,
        ops: Ops,
        stopper: Stopper,
        folder: Folder,
        say: Callable[[str], None],
        consent: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._options, self._stack, self._ops = options, stack, ops
        self._stopper, self._folder, self._say, self._consent = stopper, folder, say, consent
        self._node = f"hybridNodes[{options.hybrid_nodes}]"
        self._created = self._removing = False
        self.found = Found()

    def tell(self) -> Found:
        """Take the steps, then remove the stack, whatever happened."""
        steps = self._steps()
        try:
            for number, (id_, title, step) in enumerate(steps):
                if not self._take(id_, title, step):
                    for later, words, _ in steps[number + 1 :]:
                        self.found.taken.append(Taken(id=later, title=words, status=Status.NOT_TAKEN))
                    break
            self._explain()
        finally:
            self._end()
        return self.found

    def _steps(self) -> list[tuple[str, str, Callable[[Line], str]]]:
        steps = [
            ("stack", "make a stack of its own, with its settings", self._make),
            ("ready", "ops ready: what a deployment needs is there", self._ready),
            ("plan", "ops plan: what is built, billed, and how long it takes", self._planned),
            ("preview", "pulumi preview", self._preview),
            ("agree", "what it may cost, and whether to go on", self._agree),
            ("up", "pulumi up", self._up),
            ("again", "a second pulumi up changes nothing", self._again),
            ("verify", "ops verify", self._verify),
            ("article", "the article's checks, by name", self._article),
            ("add", f"pulumi up: add the hybrid node {_ADDED}", self._add),
            ("verify-add", "ops verify", self._verify),
            ("change", f"pulumi up: another operating system on {_ADDED}", self._change),
            ("verify-change", "ops verify", self._verify),
            ("remove", f"pulumi up: remove {_ADDED}", self._remove_node),
            ("verify-remove", "ops verify", self._verify),
        ]
        if self._options.upgrade:
            title = f"pulumi up: Kubernetes {self._options.kubernetes}"
            steps += [("upgrade", title, self._upgrade), ("verify-upgrade", "ops verify", self._verify)]
        return steps

    def _take(self, id_: str, title: str, step: Callable[[Line], str]) -> bool:
        self._say(f"{id_}: {title} ...")
        lines: list[str] = []
        started, status = time.monotonic(), Status.PASS
        try:
            text = step(lines.append)
        except (Stopped, Declined) as reason:
            status, text = Status.STOPPED, str(reason)
        except Exception as error:
            # Whatever it is: it belongs in the report, and the removal comes next.
            known = isinstance(error, (StepError, EngineError))
            status, text = Status.FAIL, str(error) if known else f"{type(error).__name__}: {error}"
            lines.append(text)
        if self._stopper.reason and not self._removing:
            status, text = Status.STOPPED, self._stopper.reason
        seconds = time.monotonic() - started
        taken = Taken(id=id_, title=title, status=status, text=self._folder.redacted(text), seconds=seconds)
        self.found.taken.append(taken)
        self._folder.step(id_, lines)
        self._say(f"{id_}: {status} after {seconds:.0f} s" + (f": {taken.text}" if taken.text else ""))
        return status is Status.PASS

    # --- before anything is built ----------------------------------------------------------------

    def _make(self, _line: Line) -> str:
        options = self._options
        first = previous_minor(options.kubernetes) if options.upgrade else options.kubernetes
        self._created = True
        try:
            self._stack.create()
        except EngineError:
            # Where it was stopped, the stack may be there.
            self._created = bool(self._stopper.reason)
            raise
        self._stack.configure({**options.settings, "kubernetesVersion": first})
        return f"{options.stack}, Kubernetes {first}"

    def _asked(
        self, line: Line, *arguments: str, heard: Callable[[Answer], None] = lambda _answer: None
    ) -> Answer:
        """Ask a command of ops about the stack. `heard` gets its answer whatever it is."""
        answer = self._ops.ask(*arguments, "--stack", self._stack.name)
        line(answer.output)
        line(answer.errors)
        heard(answer)
        if answer.code:
            raise StepError("\n".join(answer.problems))
        if not answer.document:
            raise StepError(f"ops {arguments[0]} gave no JSON")
        return answer

    def _ready(self, line: Line) -> str:
        return f"{len(self._asked(line, 'ready', '-o', 'json').statuses)} checks"

    def _planned(self, line: Line) -> str:
        self.found.plan = self._asked(line, "plan", "--json").document
        return f"{sum(self.found.plan['counts'].values())} resources"

    def _preview(self, line: Line) -> str:
        self._stack.preview(line)
        return ""

    def _agree(self, _line: Line) -> str:
        self._consent(self.found.plan)
        return ""

    # --- built, and changed ----------------------------------------------------------------------

    def _up(self, line: Line) -> str:
        self.found.built = True
        self.found.first = self._stack.up(line)
        return f"{len(self.found.first)} operations"

    def _again(self, line: Line) -> str:
        operations = self._stack.up(line, expect_no_changes=True)
        if operations:
            found = ", ".join(f"{each.op} {each.type} {each.name}" for each in operations)
            raise StepError(f"the second pulumi up changed something: {found}")
        return "no change"

    def _verify(self, line: Line) -> str:
        return self._checked(line, "--wait", _READY_MOST)

    def _article(self, line: Line) -> str:
        names = "|".join(check.replace(".", r"\.") for check in ARTICLE_CHECKS)
        summary = self._checked(line, "--only", f"^({names})$")
        missing = [check for check in ARTICLE_CHECKS if check not in self.found.checks]
        if missing:
            raise StepError(
                f"ops verify has no check {', '.join(missing)} any more: ops/acceptance/claims.yaml"
            )
        return summary

    def _checked(self, line: Line, *arguments: str) -> str:
        def heard(answer: Answer) -> None:
            for check, status in answer.statuses.items():
                self.found.checks.setdefault(check, []).append(status)

        answer = self._asked(line, "verify", "-o", "json", *arguments, heard=heard)
        return f"{len(answer.statuses)} checks"

    def _add(self, line: Line) -> str:
        node = {"name": _ADDED, **self._as_the_first()}
        self._stack.configure({f"{self._node}.{key}": value for key, value in node.items()})
        return self._judged(line, changes.added)

    def _as_the_first(self) -> dict[str, str]:
        """Give the new node the first one's instance type: what the account may start."""
        given = self._options.settings
        return {key: given[path] for key in ("instanceType",) if (path := f"hybridNodes[0].{key}") in given}

    def _change(self, line: Line) -> str:
        self._stack.configure({f"{self._node}.os": _ANOTHER_SYSTEM})
        return self._judged(line, changes.changed)

    def _remove_node(self, line: Line) -> str:
        self._stack.forget(self._node)
        return self._judged(line, changes.removed)

    def _upgrade(self, line: Line) -> str:
        self._stack.configure({"kubernetesVersion": self._options.kubernetes})
        return self._judged(line, changes.upgraded)

    def _judged(self, line: Line, judge: Callable[[Sequence[Operation]], list[str]]) -> str:
        operations = self._stack.up(line)
        self.found.later += operations
        problems = judge(operations)
        if problems:
            raise StepError("; ".join(problems))
        return f"{len(operations)} operations"

    # --- the end ---------------------------------------------------------------------------------

    def _explain(self) -> None:
        """After a failure, ask doctor while the stack is still there."""
        failed = any(each.status is Status.FAIL for each in self.found.taken)
        if not (failed and self.found.built):
            return
        bundle = str(self._folder.path / "doctor.tgz")
        try:
            answer = self._ops.ask("doctor", "--stack", self._stack.name, "--bundle", bundle)
        except (Stopped, OSError):
            return
        self._folder.step("doctor", [answer.output, answer.errors])
        self._say(f"ops doctor says why: {self._folder.path / 'doctor.txt'}")

    def _end(self) -> None:
        name = self._stack.name
        if not self._created:
            return
        self.found.commands = [
            f"pulumi destroy --stack {name}",
            f"ops verify --destroyed --stack {name}",
            f"pulumi stack rm {name}",
        ]
        if self._options.keep and self.found.built:
            self._say(f"The stack {name} is kept, and is billed. To remove it:")
            self._say("\n".join(f"  {command}" for command in self.found.commands))
            return
        self._stopper.removing()
        self._removing = True
        if self.found.built:
            self._take("destroy", "pulumi destroy", self._destroy)
            self._take("verify-destroyed", "ops verify --destroyed", self._verify_destroyed)
        ended = [each for each in self.found.taken if each.id in ("destroy", "verify-destroyed")]
        if all(each.status is Status.PASS for each in ended):
            self._remove_stack()
        else:
            self._name_what_is_left()

    def _destroy(self, line: Line) -> str:
        try:
            self._stack.destroy(line)
        except EngineError as error:
            if self._stopper.abandoned:
                raise
            line(str(error))
            self._say(f"pulumi destroy failed; once more in {self._options.pause_s:g} s ...")
            time.sleep(self._options.pause_s)
            self._unlock(line)
            self._stack.destroy(line, refresh=True)
            return "at the second attempt"
        return ""

    def _unlock(self, line: Line) -> None:
        """Take away the lock of an engine that was killed. There is none as a rule, which Pulumi calls an error."""
        try:
            self._stack.cancel()
        except EngineError as error:
            line(str(error))

    def _verify_destroyed(self, line: Line) -> str:
        if self._stopper.abandoned:
            raise Stopped("the removal was stopped")

        def heard(answer: Answer) -> None:
            self.found.left += answer.problems if answer.code else []

        arguments = ("verify", "--destroyed", "--wait", _GONE_MOST, "-o", "json")
        return f"{len(self._asked(line, *arguments, heard=heard).statuses)} checks"

    def _remove_stack(self) -> None:
        try:
            self._stack.remove()
            self.found.commands = []
        except (EngineError, Stopped) as error:
            self.found.commands = self.found.commands[-1:]
            self._say(f"Nothing is left but the empty stack: {error}")

    def _name_what_is_left(self) -> None:
        try:
            self.found.left += [f"{each} (in the stack's state)" for each in self._stack.left()]
        except (EngineError, Stopped) as error:
            self.found.left.append(f"the stack's state cannot be read: {error}")
        self.found.left = [self._folder.redacted(each) for each in self.found.left]
        self._say("Not everything is removed. What is left, and is billed:")
        self._say("\n".join(f"  {each}" for each in self.found.left[:_SHOWN]))
        if len(self.found.left) > _SHOWN:
            self._say(f"  and {len(self.found.left) - _SHOWN} more, all in report.md")
        self._say("To remove it:\n" + "\n".join(f"  {command}" for command in self.found.commands))
