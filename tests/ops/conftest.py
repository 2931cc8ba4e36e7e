"""A stand-in deployment that every command can be put against: a cluster's API and a load balancer over real HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.ops.standin import certificates, cloud, objects, server, shell
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
def secure(
    standin: SimpleNamespace, world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], tuple[Any, Any]]]:
    """Start a load balancer with the world's certificate: ports 443 and 80 of it. This machine trusts its authority."""
    started: list[Any] = []

    def start() -> tuple[Any, Any]:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority(tmp_path)))
        tls = certificates.context(world.certificate)
        https = standin.server.Server(standin.server.BalancerHandler, tls, world=world)
        redirect = world.lb_redirect and world.lb_redirect.format(port=https.server_port)
        http = standin.server.Server(standin.server.BalancerHandler, world=world, redirect=redirect)
        for port, each in ((443, https), (80, http)):
            if port in world.lb_closed:
                each.stop()
            else:
                started.append(each)
        return https, http

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def outputs(standin: SimpleNamespace, world: Any, api: Any, balancer: Any) -> Callable[..., dict[str, Any]]:
    """The stack outputs; called after the test has arranged the world."""
    return lambda alb_url=None: standin.world.outputs(
        world, api_url=api.url, alb_url=alb_url or balancer.url, token=TOKEN
    )
