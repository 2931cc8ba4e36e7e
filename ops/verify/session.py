"""A verification from request to result: outputs, clients, progress, run."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from rich.console import Console

from ops.checks import runner
from ops.checks.model import Check, Run
from ops.checks.progress import LiveProgress
from ops.clients import stack_names, stack_outputs
from ops.clients.aws import AwsClient
from ops.clients.http import Http
from ops.clients.kube import Kube
from ops.clients.pool import Pool
from ops.verify.checks.leftovers import Leftovers
from ops.verify.context import Context, Limits


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asks for. Times in seconds."""

    stack: str | None
    outputs: str | None
    profile: str | None
    region: str | None
    cluster_name: str | None
    wait_s: float
    limits: Limits


def verify(request: Request, checks: Sequence[Check]) -> Run:
    """Verify a deployed stack. `request.profile` wins over the one the stack was deployed with.

    Errors: AskError (the outputs or the credentials cannot be had, so no check can be asked).
    """
    limits = request.limits
    deployment = stack_outputs.deployment(outputs=request.outputs, stack=request.stack)
    profile = request.profile or deployment.checks.profile or None
    aws = AwsClient(
        region=deployment.checks.region,
        profile=profile,
        timeout_s=limits.timeout_s,
        retries=limits.retries,
        roles=deployment.checks.roles,
    )
    kube = Kube(deployment.kubeconfig, profile=profile, timeout_s=limits.timeout_s, retries=limits.retries)
    http = Http(timeout_s=limits.timeout_s, connections=limits.concurrency)
    pool = Pool(limits.concurrency)
    context = Context(deployment=deployment, kube=kube, aws=aws, http=http, limits=limits, pool=pool)
    with closing(kube), closing(http):
        return _run(request, checks, context, deployment.subject)


def leftovers(request: Request, checks: Sequence[Check]) -> Run:
    """Verify that nothing of a destroyed stack is left.

    Errors: AskError (it cannot be found out what the stack's things were called).
    """
    looked_up = stack_names.look_up(
        outputs=request.outputs,
        stack=request.stack,
        region=request.region,
        cluster=request.cluster_name,
        profile=request.profile,
    )
    aws = AwsClient(
        region=looked_up.names.region,
        profile=looked_up.profile,
        roles=looked_up.roles,
        timeout_s=request.limits.timeout_s,
        retries=request.limits.retries,
    )
    return _run(request, checks, Leftovers(aws=aws, names=looked_up.names), looked_up.names.subject)


def _run(request: Request, checks: Sequence[Check], context: object, subject: dict[str, str]) -> Run:
    with closing(LiveProgress(Console(stderr=True), len(checks))) as progress:
        return runner.run(
            checks,
            context,
            concurrency=request.limits.concurrency,
            command="verify",
            subject=subject,
            wait_s=request.wait_s,
            progress=progress,
        )
