"""What ends a run early: Ctrl-C, a SIGTERM, the time limit. What runs is stopped gently; the removal then goes on.

Everything that a run starts is in a session of its own, so that a Ctrl-C of the terminal comes here alone: an engine
that gets a second interrupt ends at once and forgets what is being created.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import IO


class Stopped(Exception):  # noqa: N818 - no error: somebody wanted it
    """A step was stopped, or is not begun because the run is to end."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A program that has ended: its exit code and all that it wrote."""

    code: int
    stdout: str
    stderr: str


class Stopper:
    """Starts programs, and stops them when the run is to end. `reason` is empty until then.

    `abandoned`: the removal was stopped too.

    Args:
        say: writes one line for the user.
        grace_s: how long an interrupted program may take to end by itself, in seconds. A control plane that is being
            created takes minutes until the engine lets go of it.

    """

    def __init__(self, say: Callable[[str], None], *, grace_s: float = 600) -> None:
        self._say, self._grace_s = say, grace_s
        self._running: subprocess.Popen[str] | None = None
        self._timers: list[threading.Timer] = []
        self._removing = False
        self._warned = False
        self.abandoned = False
        self.reason = ""

    @contextmanager
    def listening(self, limit_s: float) -> Generator[None]:
        """Listen to Ctrl-C and SIGTERM, and watch the time (seconds), while the block lasts."""
        before = {each: signal.signal(each, self._signalled) for each in (signal.SIGINT, signal.SIGTERM)}
        limit = threading.Timer(limit_s, self.stop, [f"the time limit of {limit_s / 60:g} minutes is over"])
        limit.daemon = True
        limit.start()
        try:
            yield
        finally:
            limit.cancel()
            for each, handler in before.items():
                signal.signal(each, handler)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        self.stop("Ctrl-C" if number == signal.SIGINT else "SIGTERM")

    def stop(self, reason: str) -> None:
        """End what runs. While the stack is being removed, the first time only warns, and time limits do nothing."""
        by_time = "time limit" in reason
        if self._removing:
            if by_time:
                return
            if not self._warned:
                self._warned = True
                self.reason = self.reason or reason
                self._say(
                    "The stack is being removed, which goes on. Once more stops that too: "
                    "then what is left stays, and is billed."
                )
                return
            self._abandon()
            return
        again, self.reason = bool(self.reason), self.reason or reason
        self._say(f"{reason}: stopping this step, then the stack is removed.")
        self._interrupt(signal.SIGINT)
        if not again:
            self._later(self._grace_s, signal.SIGINT)
            self._later(self._grace_s + 60, signal.SIGKILL)

    def _abandon(self) -> None:
        self._say("The removal is stopped.")
        self.abandoned = True
        self._interrupt(signal.SIGINT)
        self._later(self._grace_s, signal.SIGKILL)

    def _later(self, seconds: float, number: int) -> None:
        timer = threading.Timer(seconds, self._interrupt, [number])
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def _interrupt(self, number: int) -> None:
        running = self._running
        if running is not None and running.poll() is None:
            # It may end in between.
            with suppress(ProcessLookupError):
                os.killpg(running.pid, number)

    def removing(self) -> None:
        """Begin the removal: from now on programs are started although the run is to end."""
        self._removing = True

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: str,
        environment: Mapping[str, str],
        on_output: Callable[[str], None] | None = None,
        on_error: Callable[[str], None] | None = None,
    ) -> Ended:
        """Run a program without a terminal, `environment` being all of it; each line goes to the callbacks as it comes.

        Raises:
            Stopped: the run is to end, and this is not the removal.
            OSError: the program cannot be started.

        """
        if self.reason and not self._removing:
            raise Stopped(self.reason)
        with subprocess.Popen(
            list(command),
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process:
            self._running = process
            # A signal between the question above and this line found nothing to stop.
            if self.reason and not self._removing:
                self._interrupt(signal.SIGINT)
            texts: tuple[list[str], list[str]] = ([], [])
            readers = [
                threading.Thread(target=_read, args=(stream, callback, lines), daemon=True)
                for stream, callback, lines in (
                    (process.stdout, on_output, texts[0]),
                    (process.stderr, on_error, texts[1]),
                )
            ]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
            code = process.wait()
        self._running = None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        return Ended(code=code, stdout="\n".join(texts[0]), stderr="\n".join(texts[1]))


def _read(stream: IO[str], callback: Callable[[str], None] | None, lines: list[str]) -> None:
    for line in stream:
        text = line.rstrip()
        lines.append(text)
        if callback is not None:
            callback(text)
