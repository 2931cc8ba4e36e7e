"""Ends `pulumi up` half way, and what docs/changes.md says to do then."""

import contextlib
import os
import signal
import subprocess
import time

INSTANCE = "aws:ec2/instance:Instance"


def interrupt(stack):
    """Start `pulumi up` and press Ctrl-C once as soon as the creation of an instance hangs."""
    return stop(stack, INSTANCE, signal.SIGINT)


def kill(stack, token):
    """Start `pulumi up` and kill its processes as soon as the creation of a type hangs and nothing else moves."""
    return stop(stack, token, signal.SIGKILL, quiet_s=2)


def stop(stack, token, by, quiet_s=0.0):
    """Start `pulumi up` and send it a signal as soon as the creation of a type hangs, and all is quiet."""
    before, started = len(stack.journal()), time.monotonic()
    process = stack.start("up", "--yes", "--skip-preview")
    while True:
        calls = stack.journal()[before:]
        hangs = any((call.kind, call.type) == ("Hang", token) for call in calls)
        if hangs and time.monotonic() - calls[-1].ended >= quiet_s:
            break
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() - started < 600
        time.sleep(0.2)
    plugins = descendants(process.pid)
    os.killpg(process.pid, by)
    run = stack.finish(process, started)
    if by == signal.SIGKILL:
        # Nobody else ends them: the plugin of dynamic providers would stay for ever.
        send(plugins, by)
    return run


def send(processes, signal_):
    """Send a signal to processes, of which some may have ended."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal_)


class CallCount:
    """Counts the calls of some kinds that the stand-ins have answered since it was made, and does not read twice."""

    def __init__(self, stack, *kinds):
        self._journal, self._count = stack.standin / "journal.jsonl", 0
        self._starts = tuple(f'{{"call": "{kind}"'.encode() for kind in kinds)
        self._read = self._journal.stat().st_size if self._journal.exists() else 0

    def count(self):
        if not self._journal.exists():
            return 0
        with self._journal.open("rb") as file:
            file.seek(self._read)
            lines = file.read()
        whole = lines[: lines.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            self._count += line.startswith(self._starts) and b'"error": ' not in line
        return self._count


def descendants(process):
    """Return the ids of a process's children, and of theirs."""
    rows = subprocess.run(["ps", "-Ao", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    parents = {int(pid): int(parent) for pid, parent in map(str.split, rows.splitlines())}
    found = {process}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {process}


def settle(stack):
    """Do what docs/changes.md says after a kill."""
    stack.pulumi("cancel", "--yes")
    return stack.pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
