"""A verification from request to result: outputs, clients, progress, run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from ops.clients import stack_names, stack_outputs
from ops.clients.leftovers import LeftoversAws
from ops.verify import connection, runner
from ops.verify.checks.leftovers import Leftovers
from ops.verify.context import Limits
from ops.verify.model import Check, Run
from ops.verify.progress import LiveProgress


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asks for. Times in seconds."""

    stack: str | None
    outputs: str | None
    profile: str | None
    region: str | None
    cluster_name: str | None
    wait_s: float
    timeout_s: float
    retries: int
    concurrency: int
    requests: int


def verify(request: Request, checks: Sequence[Check]) -> Run:
    """Verify a deployed stack.

    Raises:
        AskError: the outputs or the credentials cannot be had, so no check can be asked.

    """
    limits = Limits(
        timeout_s=request.timeout_s,
        retries=request.retries,
        concurrency=request.concurrency,
        requests=request.requests,
    )
    deployment = stack_outputs.deployment(outputs=request.outputs, stack=request.stack)
    with connection.connect(deployment, limits, profile=request.profile) as context:
        return _run(request, checks, context, deployment.subject)


def leftovers(request: Request, checks: Sequence[Check]) -> Run:
    """Verify that nothing of a destroyed stack is left.

    Raises:
        AskError: it cannot be found out what the stack's things were called.

    """
    looked_up = stack_names.look_up(
        outputs=request.outputs,
        stack=request.stack,
        region=request.region,
        cluster=request.cluster_name,
        profile=request.profile,
    )
    aws = LeftoversAws(
        region=looked_up.names.region,
        profile=looked_up.profile,
        timeout_s=request.timeout_s,
        retries=request.retries,
    )
    return _run(request, checks, Leftovers(aws=aws, names=looked_up.names), looked_up.names.subject)


def _run(request: Request, checks: Sequence[Check], context: object, subject: dict[str, str]) -> Run:
    progress = LiveProgress(Console(stderr=True), len(checks))
    try:
        return runner.run(
            checks,
            context,
            concurrency=request.concurrency,
            subject=subject,
            wait_s=request.wait_s,
            progress=progress,
        )
    finally:
        progress.stop()
