"""The program, recorded without a network: Calico's manifest is a stand-in of four objects."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ops.fake_cloud import FakeCloud
from ops.recorder import Recording, evaluate
from ops.stack_config import stack_config

# An Output in an f-string inserts a warning into the text; with this it is an error.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"

PROJECT = Path(__file__).parents[1]


def _manifest() -> str:
    """The least that the program takes for Calico's manifest."""
    container = {"name": "calico-node", "env": []}
    pool = (
        "CALICO_IPV4POOL_CIDR",
        "CALICO_IPV4POOL_VXLAN",
        "IP_AUTODETECTION_METHOD",
        "FELIX_AWSSRCDSTCHECK",
    )
    container["env"] = [{"name": name, "value": "x"} for name in pool]
    pod = {"metadata": {}, "spec": {"containers": [container]}}
    objects = [
        ("v1", "ConfigMap", "calico-config", {"data": {"calico_backend": "vxlan"}}),
        ("apps/v1", "DaemonSet", "calico-node", {"spec": {"template": pod}}),
        ("apps/v1", "Deployment", "calico-kube-controllers", {"spec": {"template": pod}}),
        ("policy/v1", "PodDisruptionBudget", "calico-kube-controllers", {"spec": {}}),
    ]
    return yaml.safe_dump_all(
        {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "kube-system"}, **rest}
        for api, kind, name, rest in objects
    )


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, str]]:
    """The dev stack's raw configuration with settings changed; values as JSON would have them."""
    file = tmp_path_factory.mktemp("calico") / "manifest.yaml"
    file.write_text(_manifest())
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()

    def make(**overrides: object) -> dict[str, str]:
        raw = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in overrides.items()
        }
        return stack_config(
            PROJECT, "dev", {"calicoManifest": str(file), "calicoManifestSha256": sha256, **raw}
        )

    return make


@pytest.fixture(scope="session")
def record(config: Callable[..., dict[str, str]]) -> Callable[..., Recording]:
    """Records the program with settings changed. What was recorded once is not recorded again."""
    recordings: dict[str, Recording] = {}

    def make(**overrides: object) -> Recording:
        key = json.dumps(overrides, sort_keys=True)
        if key not in recordings:
            recordings[key] = evaluate(PROJECT, "dev", config(**overrides))
        return recordings[key]

    return make


@pytest.fixture(scope="session")
def dev(record: Callable[..., Recording]) -> Recording:
    """The dev stack: one node of each OS of the example."""
    return record()


@pytest.fixture(scope="session")
def record_in(config: Callable[..., dict[str, str]]) -> Callable[..., Recording]:
    """Records the dev stack in another partition and region."""

    def make(*, partition: str, region: str, dns_suffix: str) -> Recording:
        cloud = FakeCloud(partition=partition, region=region, dns_suffix=dns_suffix)
        return evaluate(PROJECT, "dev", config() | {"aws:region": region}, cloud=cloud)

    return make
