"""A deployment to verify: the stand-in world over real HTTP, with the real Kubernetes client in front of it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ops.verify import runner
from ops.verify.catalogue import CHECKS, select
from ops.verify.context import Context, Limits
from ops.verify.http import RealHttp
from ops.verify.kube_client import RealKube
from ops.verify.model import Result, Run
from ops.verify.pool import Pool
from ops.verify.stack_outputs import Deployment

TOKEN = "k8s-aws-v1.c2VjcmV0LXRva2Vu"  # planted: no report may show it


def _load(name: str) -> ModuleType:
    """Load a module of standin/; tests are no package, so it cannot be imported by name."""
    full = f"verify_standin_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).parent / "standin" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
    return sys.modules[full]


@pytest.fixture(scope="session")
def standin() -> SimpleNamespace:
    """The modules of standin/."""
    names = ("world", "objects", "shell", "cloud", "server")
    return SimpleNamespace(**{name: _load(name) for name in names})


@pytest.fixture
def world(standin: SimpleNamespace) -> Any:
    """A healthy deployment; a test plants its fault in it."""
    return standin.world.World()


@pytest.fixture
def api(standin: SimpleNamespace, world: Any) -> Iterator[Any]:
    """The Kubernetes API server of the world."""
    server = standin.server.Server(
        standin.server.KubeHandler, world=world, objects=standin.objects, run=standin.shell.run, token=TOKEN
    )
    yield server
    server.stop()


@pytest.fixture
def balancer(standin: SimpleNamespace, world: Any) -> Iterator[Any]:
    """The load balancer of the world."""
    server = standin.server.Server(standin.server.BalancerHandler, world=world)
    yield server
    server.stop()


@pytest.fixture
def outputs(standin: SimpleNamespace, world: Any, api: Any, balancer: Any) -> Callable[[], dict[str, Any]]:
    """The stack outputs; called after the test has arranged the world."""
    return lambda: standin.world.outputs(world, api_url=api.url, alb_url=balancer.url, token=TOKEN)


@pytest.fixture
def context(
    standin: SimpleNamespace, world: Any, outputs: Callable[[], dict[str, Any]]
) -> Iterator[Callable[..., Context]]:
    """Make a context with the real Kubernetes and HTTP clients."""
    opened: list[Any] = []

    def make(*, timeout_s: float = 5.0, retries: int = 1, **more: int) -> Context:
        chosen = Limits(timeout_s=timeout_s, retries=retries, **more)
        deployment = Deployment.model_validate(outputs())
        kube = RealKube(deployment.kubeconfig, timeout_s=chosen.timeout_s, retries=chosen.retries)
        http = RealHttp(timeout_s=chosen.timeout_s, connections=chosen.concurrency)
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
        return runner.run(checks, made, concurrency=16, subject=made.deployment.subject)

    return go


@pytest.fixture
def ask(verify: Callable[..., Run]) -> Callable[[str], Result]:
    """Run one check by its id."""
    return lambda check_id: verify(only=f"^{check_id}$").results[0]
