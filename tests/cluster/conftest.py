"""One real control plane for all tests of this folder, empty again after each of them."""

import shutil
from collections.abc import Iterator

import pytest

from tests.cluster.control_plane import ControlPlane, missing_binaries
from tests.cluster.world import World


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane without nodes."""
    if missing := missing_binaries():
        pytest.skip(
            f"not on the PATH: {', '.join(missing)}; run make test-cluster, "
            'or PATH="$(.ci/install-kubernetes):$PATH" first'
        )
    if not shutil.which("openssl"):
        pytest.skip("no openssl on the PATH: needed for the key that signs service accounts' tokens")
    with ControlPlane.start(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture
def world(cluster: ControlPlane) -> Iterator[World]:
    """The control plane for one test, empty before and after."""
    one = World(cluster)
    yield one
    one.clear()
