"""Makes the context of a run: the stack's outputs and the real clients. The one place that knows them all."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ops.clients.aws import Aws
from ops.clients.http import Http
from ops.clients.kube import Kube
from ops.clients.pool import Pool
from ops.clients.stack_outputs import Deployment
from ops.verify.context import Context, Limits


@contextmanager
def connect(deployment: Deployment, limits: Limits, *, profile: str | None) -> Generator[Context, None, None]:
    """Sign in to the cluster and to AWS. `profile` wins over the one the stack was deployed with.

    Raises:
        AskError: the kubeconfig or the AWS profile cannot be used.

    """
    profile = profile or deployment.checks.profile or None
    aws = Aws(
        region=deployment.checks.region,
        profile=profile,
        timeout_s=limits.timeout_s,
        retries=limits.retries,
    )
    kube = Kube(deployment.kubeconfig, profile=profile, timeout_s=limits.timeout_s, retries=limits.retries)
    http = Http(timeout_s=limits.timeout_s, connections=limits.concurrency)
    try:
        yield Context(
            deployment=deployment, kube=kube, aws=aws, http=http, limits=limits, pool=Pool(limits.concurrency)
        )
    finally:
        kube.close()
        http.close()
