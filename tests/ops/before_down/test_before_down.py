"""What a destroy would leave behind is said before it starts, and nothing keeps it from starting."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.before_down.command import outliving
from ops.cli import app
from ops.clients.kube import Kube


def _item(name: str, space: str = "", **rest: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **({"namespace": space} if space else {})}, **rest}


ADDRESS = {"loadBalancer": {"ingress": [{"hostname": "a1b2.elb.amazonaws.com"}]}}
CLUSTER: Any = SimpleNamespace(
    services=lambda: [
        _item("web", "shop", spec={"type": "LoadBalancer"}, status=ADDRESS),
        _item("new", "shop", spec={"type": "LoadBalancer"}),
        _item("inside", "shop", spec={"type": "ClusterIP"}),
        _item("sample-svc", "sample", spec={"type": "NodePort"}),
    ],
    ingresses=lambda: [_item("site", "shop", status=ADDRESS), _item("of-nobody", "shop", status={})],
    volumes=lambda: [
        _item("pvc-1", spec={"csi": {}, "claimRef": {"namespace": "shop", "name": "data"}}),
        _item("pv-2", spec={"awsElasticBlockStore": {}}),
        _item("local", spec={"hostPath": {}}),
    ],
)


def test_what_controllers_made_is_named_with_what_deletes_it() -> None:
    assert list(outliving(CLUSTER)) == [
        "Service shop/web (a1b2.elb.amazonaws.com): kubectl -n shop delete service web",
        "Service shop/new: kubectl -n shop delete service new",
        "Ingress shop/site (a1b2.elb.amazonaws.com): kubectl -n shop delete ingress site",
        "PersistentVolume pvc-1 (of claim shop/data): kubectl -n shop delete persistentvolumeclaim data",
        "PersistentVolume pv-2: kubectl delete persistentvolume pv-2",
    ]


def test_a_cluster_of_this_program_alone_leaves_nothing() -> None:
    nothing: Any = SimpleNamespace(services=list, ingresses=list, volumes=list)
    assert list(outliving(nothing)) == []


@pytest.fixture
def run(outputs: Callable[[], dict[str, Any]], tmp_path: Path) -> Callable[[], Any]:
    """Run the command on a deployment's outputs."""

    def started() -> Any:
        path = tmp_path / "outputs.json"
        path.write_text(json.dumps(outputs()))
        return CliRunner().invoke(app, ["before-down", "--outputs", str(path)])

    return started


def test_the_command_warns_and_ends_well(run: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("services", "ingresses", "volumes"):
        monkeypatch.setattr(Kube, kind, lambda _, kind=kind: getattr(CLUSTER, kind)())
    result = run()
    assert result.exit_code == 0
    assert result.stderr.startswith("These were made inside the cluster and outlive the stack")
    assert (
        "\n  Service shop/web (a1b2.elb.amazonaws.com): kubectl -n shop delete service web\n" in result.stderr
    )


def test_a_cluster_without_any_of_it_is_passed_in_silence(
    run: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("services", "ingresses", "volumes"):
        monkeypatch.setattr(Kube, kind, lambda _: [])
    assert (run().exit_code, run().output) == (0, "")


def test_a_cluster_that_cannot_be_asked_keeps_nobody_from_the_destroy(tmp_path: Path) -> None:
    path = tmp_path / "outputs.json"
    path.write_text("{}")
    result = CliRunner().invoke(app, ["before-down", "--outputs", str(path)])
    assert result.exit_code == 0
    assert result.stderr.startswith("Not looked for what outlives the stack: ")
