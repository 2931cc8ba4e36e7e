"""A run from request to verdict: the program, the clients, the checks."""

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console

import settings
from k8s.calico_source import CalicoManifestError
from ops.checks import runner
from ops.checks.model import Check, Run
from ops.checks.progress import LiveProgress
from ops.clients import stack_outputs, tools
from ops.clients.aws import AwsClient
from ops.clients.http import Http
from ops.clients.kube import Kube
from ops.clients.stack_file import StackFileError
from ops.program.running import PROJECT_DIR, Evaluated, UnknownStackError, run_stack
from ops.ready.context import Context

CONCURRENCY = 16
EXAMPLE = "dev"


def check(stack: str | None, checks: Sequence[Check], *, timeout_s: float, retries: int) -> Run:
    """Ask all checks about a stack (None: the selected one); `timeout_s` and `retries` are for one request, in seconds.

    Where none is selected, the example stands for the one that is to be made.
    """
    stack = stack or tools.selected_stack(PROJECT_DIR) or EXAMPLE
    program = _program(stack)
    subject = {"stack": stack}
    if isinstance(program, Evaluated):
        subject["region"] = program.config.values["aws:region"]
    http = Http(timeout_s=timeout_s, connections=1)
    context = Context(
        stack=stack,
        folder=PROJECT_DIR,
        program=program,
        sign_in=lambda: _sign_in(program, timeout_s, retries),
        http=http,
        kube=lambda: _cluster(stack, timeout_s, retries),
    )
    with closing(http), closing(LiveProgress(Console(stderr=True), len(checks))) as progress:
        return runner.run(
            checks, context, concurrency=CONCURRENCY, command="ready", subject=subject, progress=progress
        )


def _program(stack: str) -> Evaluated | Exception:
    try:
        return run_stack(stack, {}, project_dir=Path(PROJECT_DIR))
    except (settings.SettingsError, CalicoManifestError, UnknownStackError, StackFileError) as error:
        return error


def _cluster(stack: str, timeout_s: float, retries: int) -> Kube:
    """Sign in to the stack's cluster."""
    found = stack_outputs.deployment(outputs=None, stack=stack)
    profile = found.checks.profile or None
    return Kube(found.kubeconfig, profile=profile, timeout_s=timeout_s, retries=retries)


def _sign_in(program: Evaluated | Exception, timeout_s: float, retries: int) -> AwsClient:
    """Sign in as the stack does."""
    values = program.config.values if isinstance(program, Evaluated) else {}
    return AwsClient(
        region=values.get("aws:region") or os.environ.get("AWS_REGION", "us-east-1"),
        profile=values.get("aws:profile") or None,
        roles=settings.roles(values),
        timeout_s=timeout_s,
        retries=retries,
    )
