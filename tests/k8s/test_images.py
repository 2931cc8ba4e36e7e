"""With a registry of one's own no image comes from anywhere else, and nothing but images is different."""

import json

import pytest
from typer.testing import CliRunner

from k8s.images import images, mirrored, moved
from ops.cli import app

REGISTRY = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/mirror"


def of_kubernetes(recording):
    return {urn: dict(r.inputs) for urn, r in recording.resources.items() if r.type.startswith("kubernetes:")}


def test_every_image_comes_from_the_registry_and_nothing_else_changes(record, dev):
    public, own = of_kubernetes(dev), of_kubernetes(record(imageRegistry=REGISTRY))
    found = list(images(list(own.values())))
    assert len(found) > 8
    assert all(image.startswith(f"{REGISTRY}/") for image in found)
    assert own != public
    assert own == {urn: moved(inputs, REGISTRY) for urn, inputs in public.items()}
    # Calico's are inside a group of objects.
    assert f"{REGISTRY}/calico/node" in str(found)
    for part in (
        "nicolaka/netshoot",
        "hashicorp/http-echo",
        "coredns/coredns",
        "metrics-server/metrics-server",
    ):
        assert f"{REGISTRY}/{part}:" in " ".join(found)


def test_without_one_they_come_from_where_they_are_published(dev):
    hosts = {image.partition("/")[0] for image in images(list(of_kubernetes(dev).values()))}
    assert hosts == {"docker.io", "ghcr.io", "quay.io", "registry.k8s.io"}


def test_only_what_a_pod_runs_is_an_image():
    schema = {"properties": {"image": {"type": "string"}, "containers": {"items": {"image": "x"}}}}
    objects = {"spec": {"image": "kept", "initContainers": [{"image": "quay.io/a/b:1"}], **schema}}
    assert moved(objects, "mine") == {
        "spec": {"image": "kept", "initContainers": [{"image": "mine/a/b:1"}], **schema}
    }
    assert list(images(objects)) == ["quay.io/a/b:1"]
    assert (
        mirrored("docker.io/hashicorp/http-echo:1.0.0", "host:5000") == "host:5000/hashicorp/http-echo:1.0.0"
    )


@pytest.mark.parametrize("registry", ["", REGISTRY])
def test_the_commands_copy_every_image_to_where_the_nodes_look_for_it(config, record, registry):
    raw = config()
    options = [
        f"--config={name}={value}"
        for name, value in (
            ("calicoManifest", raw["eks-hybrid-calico:calicoManifest"]),
            ("calicoManifestSha256", raw["eks-hybrid-calico:calicoManifestSha256"]),
            ("imageRegistry", registry),
        )
    ]
    done = CliRunner().invoke(app, ["plan", "--stack", "dev", "--images", *options])
    assert done.exit_code == 0, done.output
    commands = [line.split() for line in done.stdout.splitlines() if not line.startswith("#")]
    wanted = set(
        images(
            list(of_kubernetes(record(imageRegistry=registry or "registry.example.internal/mirror")).values())
        )
    )
    assert {to for _, _, _, to in commands} == wanted
    assert {start for _, _, start, _ in commands} == set(images(list(of_kubernetes(record()).values())))
    assert json.dumps(done.stdout).count("no digest") == 1
