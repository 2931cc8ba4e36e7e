"""What is going on while a run goes on: a live line on a terminal, a line per waiting round elsewhere."""

from collections.abc import Sequence

from rich.console import Console
from rich.status import Status as Spinner

from ops.checks.model import Check, Result, Status, listed
from ops.checks.runner import Progress


class LiveProgress(Progress):
    """Writes to standard error, so that a report on standard output stays clean."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._running: list[str] = []
        self._ended: set[str] = set()
        self._spinner: Spinner | None = None
        if console.is_terminal:
            self._spinner = console.status("starting ...")
            self._spinner.start()

    def started(self, check: Check) -> None:
        """Show that it runs."""
        self._running.append(check.id)
        self._show()

    def finished(self, result: Result) -> None:
        """Show a failure, and what still runs."""
        if result.check.id in self._running:
            self._running.remove(result.check.id)
        self._ended.add(result.check.id)
        if result.outcome.status is Status.FAIL and self._spinner is not None:
            self._console.print(f"[red]failed[/red] {result.check.id}", highlight=False)
        self._show()

    def waiting(self, checks: Sequence[Check], seconds_left: float) -> None:
        """Show what is waited for."""
        names = listed((check.id for check in checks), most=4)
        text = f"waiting for {names} (at most {seconds_left:.0f} s more)"
        if self._spinner is None:
            self._console.print(text, highlight=False)
        else:
            self._ended.difference_update(check.id for check in checks)
            self._spinner.update(text)

    def close(self) -> None:
        """Take the live line away."""
        if self._spinner is not None:
            self._spinner.stop()

    def _show(self) -> None:
        if self._spinner is not None:
            now = listed(self._running, most=3) or "done"
            self._spinner.update(f"{len(self._ended)} of {self._total}  {now}")
