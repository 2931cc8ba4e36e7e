"""A stand-in deployment that every command can be put against: a cluster's API and a load balancer over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.ops.standin import cloud, objects, server, shell
from tests.ops.standin import world as world_

TOKEN = "k8s-aws-v1.c2VjcmV0LXRva2Vu"  # planted: no report may show it


@pytest.fixture(scope="session")
def standin() -> SimpleNamespace:
    """The modules of standin/."""
    return SimpleNamespace(world=world_, objects=objects, shell=shell, cloud=cloud, server=server)


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
