"""A deployment to verify: the stand-in world over real HTTP, with the real Kubernetes client in front of it."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ops.checks import runner
from ops.checks.model import Result, Run, select
from ops.clients.http import Answer, Http
from ops.clients.kube import Kube
from ops.clients.pool import Pool
from ops.clients.stack_outputs import Deployment
from ops.verify.catalogue import CHECKS
from ops.verify.context import Context, Limits


class PortHttp(Http):
    """The real client. Nobody listens on port 80 of this machine: the stand-in's port takes its place."""

    port_80 = 0

    def get(self, url: str, *, any_name: bool = False) -> Answer:
        """Ask the other port."""
        return super().get(
            url.replace("http://localhost/", f"http://localhost:{self.port_80}/"), any_name=any_name
        )


@pytest.fixture
def context(
    standin: SimpleNamespace,
    world: Any,
    outputs: Callable[..., dict[str, Any]],
    secure: Callable[[], tuple[Any, Any]],
) -> Iterator[Callable[..., Context]]:
    """Make a context with the real Kubernetes and HTTP clients."""
    opened: list[Any] = []

    def make(*, timeout_s: float = 5.0, retries: int = 1, **more: int) -> Context:
        chosen = Limits(timeout_s=timeout_s, retries=retries, **more)
        https, http_80 = secure() if world.certificate else (None, None)
        deployment = Deployment.model_validate(outputs(https and https.url))
        kube = Kube(deployment.kubeconfig, timeout_s=chosen.timeout_s, retries=chosen.retries)
        http = PortHttp(timeout_s=chosen.timeout_s, connections=chosen.concurrency)
        http.port_80 = http_80.server_port if http_80 else 0
        opened.extend((kube, http))
        return Context(
            deployment=deployment,
            kube=kube,
            aws=standin.cloud.StandInAws(world),
            http=http,
            limits=chosen,
            pool=Pool(chosen.concurrency),
        )

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def verify(context: Callable[..., Context]) -> Callable[..., Run]:
    """Run checks (all, or those matching `only`) against the world."""

    def go(only: str | None = None, skip: str | None = None, **limits: Any) -> Run:
        made = context(**limits)
        checks = select(CHECKS, only=only, skip=skip)
        return runner.run(checks, made, concurrency=16, command="verify", subject=made.deployment.subject)

    return go


@pytest.fixture
def ask(verify: Callable[..., Run]) -> Callable[[str], Result]:
    """Run one check by its id."""
    return lambda check_id: verify(only=f"^{check_id}$").results[0]
