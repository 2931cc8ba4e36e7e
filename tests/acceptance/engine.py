"""One stack of the project, driven through Pulumi's Automation API. What the engine did is kept as operations."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation.errors import create_command_error

from tests.acceptance.stopping import Stopper

Line = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One thing that the engine did to a resource. Times are the engine's own, in whole seconds since 1970."""

    op: str
    type: str
    name: str
    started: int
    ended: int
    failed: bool = False

    @property
    def seconds(self) -> int:
        """How long it took."""
        return self.ended - self.started


class EngineError(Exception):
    """A command of Pulumi failed. The text is what it wrote, as far as it matters."""


class _Command(automation.PulumiCommand):
    """The pulumi on the PATH, started by the stopper: see there why the SDK's own way does not do."""

    def __init__(self, stopper: Stopper) -> None:
        super().__init__()
        self._stopper = stopper

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> automation.CommandResult:
        """Run a Pulumi command as the SDK does. Errors: CommandError."""
        environment = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        done = self._stopper.run(
            [self.command, "--non-interactive", *args],
            cwd=cwd,
            environment=environment,
            on_output=on_output,
            on_error=on_error,
        )
        result = automation.CommandResult(stdout=done.stdout, stderr=done.stderr, code=done.code)
        if done.code:
            raise create_command_error(result)
        return result


class Engine:
    """A new stack of the project in `folder`. Making it starts nothing in AWS.

    Raises:
        EngineError: in every method, when Pulumi's command fails.
        Stopped: in every method, when the run is to end.

    """

    def __init__(self, stack: str, *, folder: Path, stopper: Stopper) -> None:
        self.name = stack
        self._folder, self._stopper = folder, stopper
        self._workspace: automation.LocalWorkspace | None = None
        self._stack: automation.Stack | None = None

    def create(self) -> None:
        """Make the stack, in the backend that Pulumi is logged in to."""
        try:
            command = _Command(self._stopper)
        except OSError as error:
            raise EngineError(
                f"pulumi cannot be started: {error.strerror}. Install it: https://www.pulumi.com/docs/install/"
            ) from None
        self._workspace = automation.LocalWorkspace(work_dir=str(self._folder), pulumi_command=command)
        workspace = self._workspace
        self._stack = self._asked(lambda: automation.Stack.create(self.name, workspace))

    @property
    def _made(self) -> automation.Stack:
        if self._stack is None:
            raise EngineError(f"the stack {self.name} was not made")
        return self._stack

    def configure(self, values: Mapping[str, str]) -> None:
        """Set settings, by name or path, as `pulumi config set` does."""
        for path in (False, True):
            part = {
                key: automation.ConfigValue(value=value)
                for key, value in values.items()
                if ("[" in key or "." in key) is path
            }
            if part:
                self._asked(lambda part=part, path=path: self._made.set_all_config(part, path=path))

    def forget(self, path: str) -> None:
        """Take a setting away, by its path."""
        self._asked(lambda: self._made.remove_config(path, path=True))

    def preview(self, line: Line) -> None:
        """Show what would be built."""
        self._asked(lambda: self._made.preview(on_output=line, on_error=line, color="never"))

    def up(self, line: Line, *, expect_no_changes: bool = False) -> list[Operation]:
        """Build, or change, and say what the engine did."""
        return self._operations(self._made.up, line, expect_no_changes=expect_no_changes)

    def destroy(self, line: Line, *, refresh: bool = False) -> list[Operation]:
        """Remove all that the state knows."""
        return self._operations(self._made.destroy, line, refresh=refresh or None)

    def _operations(self, command: Callable[..., object], line: Line, **options: Any) -> list[Operation]:
        events = Events()
        output: dict[str, Any] = {"on_output": line, "on_error": line, "on_event": events.heard}
        self._asked(lambda: command(**output, color="never", show_secrets=False, **options))
        return events.operations

    def cancel(self) -> None:
        """Take away the lock that a killed command has left."""
        self._asked(self._made.cancel)

    def left(self) -> list[str]:
        """What the state still knows and AWS or Kubernetes holds: type and name of each."""
        deployment = self._asked(self._made.export_stack).deployment or {}
        return [
            f"{each['type']} {each['urn'].rpartition('::')[2]}"
            for each in deployment.get("resources") or ()
            if each.get("custom") and not each["type"].startswith("pulumi:")
        ]

    def remove(self) -> None:
        """Remove the stack itself, its settings file too; it must be empty."""
        if self._workspace is not None:
            workspace = self._workspace
            self._asked(lambda: workspace.remove_stack(self.name))

    def _asked(self, command: Callable[[], Any]) -> Any:
        try:
            return command()
        except automation.CommandError as error:
            raise EngineError(_said(str(error))) from None


class Events:
    """Makes operations of the engine's events; the events come from another thread."""

    def __init__(self) -> None:
        self._begun: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        self.operations: list[Operation] = []

    def heard(self, event: automation.EngineEvent) -> None:
        """Take one event."""
        with self._lock:
            if event.resource_pre_event is not None:
                metadata = event.resource_pre_event.metadata
                self._begun[metadata.urn, str(metadata.op.value)] = event.timestamp
                return
            ended = event.res_outputs_event or event.res_op_failed_event
            if ended is None:
                return
            urn, op = ended.metadata.urn, str(ended.metadata.op.value)
            # Providers are the engine's own affair: one that only a look-up used comes and goes.
            if op in ("same", "read", "refresh", "replace") or ended.metadata.type.startswith("pulumi:"):
                return
            self.operations.append(
                Operation(
                    op=op,
                    type=ended.metadata.type,
                    name=urn.rpartition("::")[2],
                    started=self._begun.pop((urn, op), event.timestamp),
                    ended=event.timestamp,
                    failed=event.res_op_failed_event is not None,
                )
            )


def _said(text: str, most: int = 40) -> str:
    """What Pulumi says is wrong: its diagnostics, or else its last lines."""
    lines = [line for line in text.splitlines() if line.strip()]
    start = next((i for i, line in enumerate(lines) if line.startswith(("Diagnostics:", " stderr:"))), None)
    if start is None:
        return "\n".join(lines[-most:])
    end = next(
        (i for i, line in enumerate(lines) if i > start and line.startswith(("Outputs:", "Resources:"))), None
    )
    return "\n".join(lines[start:end][:most])
