"""One real control plane for all tests of this folder, empty again after each of them."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra import versions
from tests.cluster.control_plane import BINARIES, ControlPlane
from tests.cluster.stack import Machines, RealApis, RealRig, RealStack
from tests.cluster.world import World, core_dns_objects
from tests.manifest import real_manifest

PROVIDER = "pulumi-resource-kubernetes"


def _skip_without(*commands: str) -> None:
    if missing := [name for name in commands if shutil.which(name) is None]:
        pytest.skip(f"not on the PATH: {', '.join(missing)}; make test-cluster builds what it can")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane without nodes."""
    _skip_without(*BINARIES, "openssl")
    with ControlPlane.start(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture
def world(cluster: ControlPlane) -> Iterator[World]:
    """The control plane for one test, empty before and after."""
    one = World(cluster)
    yield one
    one.clear()


@pytest.fixture(scope="session")
def new_real_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], RealRig]]:
    """Make a stack that is configured and has nothing yet, with a control plane that is empty."""
    _skip_without(*BINARIES, "openssl", "pulumi", PROVIDER)
    provider = Path(str(shutil.which(PROVIDER))).resolve().parent
    cli = Path(str(shutil.which("pulumi"))).resolve().parent
    with contextlib.ExitStack() as ends:

        def make() -> RealRig:
            folder = tmp_path_factory.mktemp("real")
            cluster = ends.enter_context(ControlPlane.start(folder / "kubernetes"))
            stack = RealStack(folder / "it", cli, provider=provider, cluster=cluster)
            apis = RealApis(stack.standin, cluster)
            ends.callback(apis.close)
            stack.environment["AWS_ENDPOINT_URL"] = apis.aws_url
            stack.configure(
                aws_region="eu-central-1",
                calicoManifest=str(real_manifest(versions.CALICO_DEFAULT)),
                hybridNodes=[{"name": "hybrid-1", "os": "ubuntu-24.04"}],
                # Narrow, so that the program warns of nothing, and a warning is the provider's.
                apiAllowedCidrs=["203.0.113.0/24"],
                albAllowedCidrs=["203.0.113.0/24"],
            )
            # The stand-in says that the add-on is there; what EKS puts into the cluster with it is put here.
            for obj in core_dns_objects():
                cluster.api.apply(obj, manager="eks", force=True)
            machines = Machines(stack, apis, cluster)
            ends.callback(machines.close)
            return RealRig(stack=stack, cluster=cluster, machines=machines, apis=apis)

        yield make
