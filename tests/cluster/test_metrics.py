"""metrics-server's objects in a real API server, with a stand-in for the program: what it measures is made up.

Real are the aggregation of its API, the rights, and the HorizontalPodAutoscaler that scales by it.
"""

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from infra.names import SYSTEM_NAMESPACE
from k8s import metrics_server
from tests.cluster import foreign
from tests.cluster.api import RefusedError, wait_for
from tests.cluster.control_plane import ControlPlane
from tests.cluster.world import World, names, workload

pytestmark = pytest.mark.cluster

GROUP = "/apis/metrics.k8s.io/v1beta1"


@pytest.fixture
def measured(cluster: ControlPlane, world: World) -> Iterator[int]:
    """The port of something that serves metrics.k8s.io as metrics-server does: every pod uses 100m, every node 1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answer(self.path.partition("?")[0])).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    def sample(obj: dict, **usage: Any) -> dict:
        metadata = {key: obj["metadata"][key] for key in ("name", "namespace") if key in obj["metadata"]}
        metadata["labels"] = obj["metadata"].get("labels", {})
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"metadata": metadata, "timestamp": now, "window": "15s", **usage}

    def answer(path: str) -> dict:
        if path == GROUP:
            kinds = [("nodes", "NodeMetrics", False), ("pods", "PodMetrics", True)]
            resources = [
                {
                    "name": name,
                    "singularName": "",
                    "kind": kind,
                    "namespaced": inside,
                    "verbs": ["get", "list"],
                }
                for name, kind, inside in kinds
            ]
            return {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": "metrics.k8s.io/v1beta1",
                "resources": resources,
            }
        usage = {"cpu": "100m", "memory": "64Mi"}
        if path.endswith("/nodes"):
            kind, items = (
                "NodeMetricsList",
                [sample(one, usage=usage) for one in world.api.items("v1", "Node")],
            )
        else:
            containers = [{"name": "main", "usage": usage}]
            found = world.api.items("v1", "Pod", namespace="default")
            kind, items = "PodMetricsList", [sample(one, containers=containers) for one in found]
        return {"kind": kind, "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items}

    serving = cluster.folder / "serving"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(serving / "apiserver.crt", serving / "apiserver.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def deploy(world: World) -> list[str]:
    return world.put(*objects())


def objects() -> list[dict]:
    return [
        *metrics_server.objects(),
        workload("APIService", metrics_server.api()),
        workload("Deployment", metrics_server.deployment()),
    ]


def lead_to(world: World, port: int) -> None:
    """Let the Service lead to this machine: no packet is routed to a pod here."""
    service, api = (one for one in objects() if one["kind"] in ("Service", "APIService"))
    ports = [{"port": port, "name": "https"}]
    world.put(
        {
            **service,
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": ports, "selector": None},
        }
    )
    world.put({**api, "spec": {**api["spec"], "service": {**api["spec"]["service"], "port": port}}})


def test_it_runs_on_a_managed_node_and_the_api_server_warns_of_nothing(world: World) -> None:
    world.hybrid("aaaaaaaa-0000-0000-0000-000000000001")
    cloud = names(world.managed(2))
    assert deploy(world) == []
    world.wait_available((metrics_server.NAME, SYSTEM_NAMESPACE))
    assert set(world.hosts(SYSTEM_NAMESPACE, f"k8s-app={metrics_server.NAME}")) < cloud


def test_a_new_one_takes_the_place_of_the_old_one_on_the_only_node(world: World) -> None:
    world.managed(1)
    deploy(world)
    world.wait_available((metrics_server.NAME, SYSTEM_NAMESPACE))
    changed = workload("Deployment", metrics_server.deployment())
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/metrics-server:next"
    world.put(changed)
    # Two at once would want one port: the scheduler would refuse the second for ever.
    world.wait_available((metrics_server.NAME, SYSTEM_NAMESPACE))


# --- where somebody has one of his own --------------------------------------------------------------------


@pytest.mark.parametrize("checked", [False, True], ids=["unchecked", "with an authority"])
def test_beside_one_of_the_users_own_it_is_made_and_takes_the_api_and_nothing_else(
    world: World, cluster: ControlPlane, *, checked: bool
) -> None:
    world.managed(1)
    theirs = foreign.metrics_server(authority=cluster.authority if checked else "")
    *parts, api = theirs
    for obj in theirs:
        world.put_as(foreign.MANAGER, obj)
    world.wait_available((foreign.NAME, foreign.NAMESPACE))
    before = [spec_of(world, obj) for obj in parts]

    assert deploy(world) == []

    world.wait_available((foreign.NAME, foreign.NAMESPACE), (metrics_server.NAME, SYSTEM_NAMESPACE))
    assert [spec_of(world, obj) for obj in parts] == before
    for name, labels in (
        (foreign.NAME, "app.kubernetes.io/name=metrics-server"),
        (metrics_server.NAME, f"k8s-app={metrics_server.NAME}"),
    ):
        (pod,) = world.pods(SYSTEM_NAMESPACE, labels)
        assert behind(world, name) == [pod["metadata"]["name"]]
    spec = spec_of(world, api)["spec"]
    assert spec["service"] == {"name": metrics_server.NAME, "namespace": "kube-system", "port": 443}
    assert spec["insecureSkipTLSVerify"] is True
    assert "caBundle" not in spec


def test_another_one_that_is_installed_later_takes_the_api_and_gives_it_back_when_it_is_applied_again(
    world: World,
) -> None:
    deploy(world)
    *_, api = foreign.metrics_server()
    world.put_as(foreign.MANAGER, api)
    assert spec_of(world, api)["spec"]["service"]["name"] == foreign.NAME

    assert deploy(world) == []
    assert spec_of(world, api)["spec"]["service"]["name"] == metrics_server.NAME


def test_what_is_applied_a_second_time_stays_as_it_is(world: World) -> None:
    deploy(world)
    kept = [one for one in objects() if one["kind"] != "Deployment"]
    first = [world.api.apply(one, force=True).object["metadata"]["managedFields"] for one in kept]
    again = [world.api.apply(one, force=True).object["metadata"]["managedFields"] for one in kept]
    assert first == again


def spec_of(world: World, obj: dict) -> dict:
    """What an object says, without what controllers write."""
    found = world.api.get(obj)
    labels = found["metadata"]["labels"]
    return {"labels": labels, **{key: found[key] for key in ("spec", "rules", "roleRef") if key in found}}


def behind(world: World, service: str) -> list[str]:
    """The pods that a Service leads to."""

    def found() -> list[str]:
        slices = world.api.items(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            namespace=SYSTEM_NAMESPACE,
            labels=f"kubernetes.io/service-name={service}",
        )
        return [one["targetRef"]["name"] for each in slices for one in each["endpoints"] or []]

    return wait_for(f"Service {service} leads to a pod", found)


def test_every_node_of_both_sides_is_measured(world: World, measured: int) -> None:
    nodes = names(world.managed(1)) | names(world.hybrid("aaaaaaaa-0000-0000-0000-000000000001"))
    deploy(world)
    lead_to(world, measured)

    def known() -> set[str]:
        try:
            answer = world.api.request("GET", f"{GROUP}/nodes").object
        except RefusedError:
            return set()
        return {one["metadata"]["name"] for one in answer.get("items", [])}

    assert wait_for("the API answers", known) == nodes


def test_a_horizontal_pod_autoscaler_scales_by_it(world: World, measured: int) -> None:
    world.managed(2)
    deploy(world)
    lead_to(world, measured)
    labels = {"app": "busy"}
    container = {
        "name": "main",
        "image": "registry.example/busy:1",
        "resources": {"requests": {"cpu": "50m"}},
    }
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 100}},
    }
    busy = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "busy"}
    world.put(
        workload("Deployment", {"metadata": {"name": "busy", "namespace": "default"}, "spec": busy}),
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "busy", "namespace": "default"},
            "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3, "metrics": [metric]},
        },
    )

    # Each pod uses twice what it asks for, however many there are: it goes up to the most that is allowed.
    wait_for("three pods", lambda: len(world.pods("default", "app=busy")) == 3, seconds=180)
