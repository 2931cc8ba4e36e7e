"""What a `pulumi up` would leave if it were killed: its state and the stand-ins' journal at many moments of one run.

All its processes are stopped for as long as both are copied, so each copy is what SIGKILL would have left.
"""

import json
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engine.aws_account import Account
from tests.engine.conftest import Rig
from tests.engine.harness import Run, Stack
from tests.engine.hybrid_apis import HybridApis
from tests.engine.stopping import CallCount, descendants, send


@dataclass(frozen=True, kw_only=True)
class Moment:
    """State file and journal, as texts."""

    state: str
    journal: str

    @property
    def deployment(self) -> dict[str, Any]:
        """What the state knows."""
        return json.loads(self.state)["checkpoint"]["latest"] or {}

    def account(self, folder: Path, pulumi: Callable[..., object]) -> Account:
        """Give what AWS had, as a copy in a folder."""
        journal = folder / "journal.jsonl"
        journal.write_text(self.journal, encoding="utf-8")
        return Account(journal, pulumi)

    def restored(self, rig: Rig) -> Rig:
        """Bring a stack back to this moment. No machine had joined."""
        rig.apis.close()
        rig.stack.state_file.write_text(self.state, encoding="utf-8")
        (rig.stack.standin / "journal.jsonl").write_text(self.journal, encoding="utf-8")
        apis = HybridApis(rig.stack.standin)
        rig.stack.environment["AWS_ENDPOINT_URL"] = apis.aws_url
        return Rig(stack=rig.stack, apis=apis)


def up(stack: Stack, after: Sequence[int]) -> tuple[Run, list[Moment]]:
    """Run `pulumi up` to its end; give the moments at which it had created so many resources."""
    started, moments, counts = time.monotonic(), list[Moment](), list(after)
    process, created = stack.start("up", "--yes", "--skip-preview"), CallCount(stack, "Create")
    with ThreadPoolExecutor(1) as reader:
        end = reader.submit(stack.finish, process, started)
        while not end.done():
            if counts and created.count() >= counts[0]:
                moments.append(_stopped(stack, process.pid))
                counts.pop(0)
            time.sleep(0.02)
    return end.result(), moments


def _stopped(stack: Stack, process: int) -> Moment:
    processes = {process, *descendants(process)}
    send(processes, signal.SIGSTOP)
    try:
        # In this order: AWS may end what it was asked for.
        state = stack.state_text()
        return Moment(state=state, journal=(stack.standin / "journal.jsonl").read_text(encoding="utf-8"))
    finally:
        send(processes, signal.SIGCONT)
