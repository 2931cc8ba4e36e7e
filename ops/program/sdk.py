"""All that `ops plan` takes from the Pulumi SDK beyond its documented interface, in one place.

The program runs in the SDK's own runtime; only the engine at the far end is ours. The SDK has no public way to do
that, so names stand here that a new release may change: `tests/ops/program/test_sdk.py` says which. The lock pins the
release; after `make lock`, that test is the first to look at.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

from google.protobuf import empty_pb2
from pulumi.runtime import mocks, rpc, set_all_config, settings, stack

# How a secret and a reference to a resource are marked in a struct on the wire.
SIGNATURE, SECRET, REFERENCE = rpc._special_sig_key, rpc._special_secret_sig, rpc._special_resource_sig


class _NoMocks(mocks.Mocks):
    """The SDK's monitor wants mocks; ours overrides every method that would call them."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict]:
        raise LookupError(f"the recording monitor does not read existing resources: {args.typ} {args.name}")

    def call(self, args: mocks.MockCallArgs) -> tuple[dict, None]:
        raise LookupError(f"the recording monitor does not call {args.token}")


class Monitor(mocks.MockMonitor):
    """The engine's end of the wire. A subclass overrides RegisterResource, RegisterResourceOutputs and Invoke."""

    def __init__(self) -> None:
        super().__init__(mocks=_NoMocks())


def run(
    monitor: Monitor,
    program: Callable[[], None],
    *,
    project: str,
    stack_name: str,
    config: Mapping[str, str],
) -> tuple[tuple[str, str], ...]:
    """Run a program against a monitor; its log messages come back as (level, text).

    Call it in a context of its own (`contextvars.copy_context`): the SDK keeps its settings there.

    Errors: whatever the program raises.
    """
    log = _Log()
    logger = logging.Logger("pulumi", level=logging.INFO)
    logger.addHandler(log)
    settings.configure(
        mocks.MockSettings(
            monitor=monitor,
            monitor_features=set(monitor.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures),
            engine=mocks.MockEngine(logger),
            project=project,
            stack=stack_name,
            dry_run=False,
            organization="organization",
            callbacks=None,
            outputs=set(),
        )
    )
    settings.ROOT.set(None)
    set_all_config(dict(config))
    with _without_collection():
        _loop().run_until_complete(stack.run_in_stack(program))
    return tuple(log.messages)


@contextmanager
def _without_collection() -> Generator[None]:
    """Look for no garbage: a run leaves none before its end, and with the whole SDK in memory each look is long."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


_LOOPS: list[asyncio.AbstractEventLoop] = []


def _loop() -> asyncio.AbstractEventLoop:
    """One loop for all runs: the SDK's runtime keeps objects that belong to the first loop it sees."""
    if not _LOOPS:
        _LOOPS.append(asyncio.new_event_loop())
        asyncio.set_event_loop(_LOOPS[0])
    return _LOOPS[0]


class _Log(logging.Handler):
    """Collects what the program logs through pulumi.log."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append((record.levelname.lower(), record.getMessage()))
