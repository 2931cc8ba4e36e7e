"""What happens to workloads while hybrid nodes come and go, in the real API server, scheduler and controllers."""

import base64
import copy
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from infra.eks_api import EksApi
from infra.leaving import DRAIN_WITHIN_S, drain, forget_dead
from infra.names import CHECK_HYBRID, CHECK_NAMESPACE, SAMPLE_APP, SAMPLE_NAMESPACE, SAMPLE_SERVICE
from k8s import nw_check, sample_app
from tests.cluster.api import RefusedError, wait_for
from tests.cluster.world import World, hybrid_machine, names, workload

pytestmark = pytest.mark.cluster

IDS = [f"aaaaaaaa-0000-0000-0000-00000000000{number}" for number in range(5)]
CHECK = (CHECK_HYBRID, CHECK_NAMESPACE)
SAMPLE = (SAMPLE_APP, SAMPLE_NAMESPACE)
SAMPLE_PODS = f"app={SAMPLE_APP}"
# Somebody's own workload, which nobody moves but the drain.
SHOP = {
    "metadata": {"name": "shop", "namespace": SAMPLE_NAMESPACE},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": {"app": "shop"}},
            "spec": {
                "nodeSelector": {"eks.amazonaws.com/compute-type": "hybrid"},
                "containers": [{"name": "shop", "image": "shop"}],
            },
        },
    },
}
BUDGET: dict[str, Any] = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": SHOP["metadata"],
    "spec": {"minAvailable": 1, "selector": SHOP["spec"]["selector"]},
}


class Eks:
    """Describes the test's cluster as EKS would."""

    exceptions = SimpleNamespace(ResourceNotFoundException=LookupError)

    def __init__(self, world: World) -> None:
        self._cluster = {
            "arn": "arn:aws:eks:eu-central-1:123456789012:cluster/test",
            "status": "ACTIVE",
            "endpoint": world.cluster.url,
            "certificateAuthority": {"data": base64.b64encode(world.cluster.authority.encode()).decode()},
        }

    def describe_cluster(self, *, name: str) -> dict[str, Any]:
        if name != "test":
            raise LookupError(name)
        return {"cluster": self._cluster}


def client_of(world: World, lines: list[str], sleep: Callable[[float], None] = time.sleep) -> EksApi:
    """The program's own client, signed in as the administrator of the test's cluster."""
    token, report = lambda: "admin-token", lines.append
    return EksApi("test", eks=Eks(world), ssm=None, token=token, report=report, sleep=sleep)


def drain_node(world: World, activation_id: str) -> list[str]:
    """Drain what joined with an activation; returns the lines reported."""
    lines: list[str] = []
    drain(activation_id, client_of(world, lines))
    return lines


def update(world: World, activation_ids: list[str]) -> None:
    """Change the two Deployments on the hybrid nodes as `pulumi up` does: one after the other, each awaited."""
    world.put(workload("Deployment", nw_check.hybrid_deployment(activation_ids)))
    world.wait_available(CHECK)
    world.put(workload("Deployment", sample_app.app_deployment(activation_ids)))
    world.wait_available(SAMPLE)


def ready_on(world: World) -> list[str]:
    """The nodes behind the sample Service, one for each ready endpoint."""
    label = f"kubernetes.io/service-name={SAMPLE_SERVICE}"
    slices = world.api.items("discovery.k8s.io/v1", "EndpointSlice", namespace=SAMPLE_NAMESPACE, labels=label)
    found = [one for each in slices for one in each.get("endpoints") or []]
    return sorted(one["nodeName"] for one in found if one["conditions"].get("ready"))


@contextmanager
def seen_behind_the_service(world: World) -> Generator[list[list[str]]]:
    """Look at the Service's ready endpoints all the time; what was seen, in order."""
    seen: list[list[str]] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.05):
            seen.append(ready_on(world))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def test_the_sample_app_follows_nodes_that_join_and_answers_all_the_time(world: World) -> None:
    first = names(world.hybrid(IDS[0]))
    world.deploy(1, IDS[:1])
    world.wait_available(CHECK, SAMPLE)
    wait_for("an endpoint", lambda: ready_on(world) == sorted(first))
    with seen_behind_the_service(world) as seen:
        everywhere = names(world.hybrid(*IDS[1:])) | first
        update(world, IDS)
        wait_for("three nodes behind the Service", lambda: len(set(ready_on(world))) == 3)

    hosts = world.hosts(SAMPLE_NAMESPACE, SAMPLE_PODS)
    assert list(hosts.values()) == [1, 1, 1]
    assert set(hosts) <= everywhere
    assert seen
    assert all(seen)


def test_no_request_goes_to_a_machine_that_is_gone_when_the_only_node_is_replaced(world: World) -> None:
    (old,) = world.hybrid(IDS[0])
    world.deploy(1, IDS[:1])
    world.put(workload("Deployment", SHOP), BUDGET)
    world.wait_available(CHECK, SAMPLE, ("shop", SAMPLE_NAMESPACE))
    wait_for("an endpoint", lambda: ready_on(world))
    with seen_behind_the_service(world) as seen:
        (new,) = world.hybrid(IDS[1])
        update(world, [IDS[1]])
        lines = drain_node(world, IDS[0])
        # Here the engine terminates the instance.
        at_the_end = ready_on(world)
        world.leave(old)

    here, there = old["metadata"]["name"], new["metadata"]["name"]
    assert at_the_end == [there]
    assert all(seen), "at every moment somebody answered"
    assert [pod for pod in world.pods("") if pod["spec"].get("nodeName") == here] == []
    world.wait_available(("shop", SAMPLE_NAMESPACE))
    assert world.hosts(SAMPLE_NAMESPACE, "app=shop") == {there: 2}
    # The shop's two, and CoreDNS of the hybrid side; the two Deployments had moved before.
    assert lines[-1] == f"{here}: drained, pods evicted: 3"


def test_a_real_budget_that_allows_nothing_is_reported_in_the_servers_words_and_not_for_ever(
    world: World,
) -> None:
    (old,) = world.hybrid(IDS[0])
    world.deploy(1, IDS[:1])
    never = copy.deepcopy(BUDGET)
    never["spec"]["minAvailable"] = 2
    world.put(workload("Deployment", SHOP), never)
    world.wait_available(("shop", SAMPLE_NAMESPACE))
    clock = iter([0.0, 1.0, *[DRAIN_WITHIN_S + 1.0] * 9])
    lines: list[str] = []
    api = client_of(world, lines, sleep=lambda _: None)
    drain(IDS[0], api, now=lambda: next(clock))

    name = old["metadata"]["name"]
    shop = [line for line in lines if f"{name}: sample/shop-" in line]
    assert sum("violate the pod's disruption budget" in line for line in shop) == 2
    assert lines[-1].startswith(f"{name}: WARNING: after {DRAIN_WITHIN_S} s there is still")
    assert world.hosts(SAMPLE_NAMESPACE, "app=shop") == {name: 2}
    assert world.api.get({**old, "apiVersion": "v1", "kind": "Node"})["spec"]["unschedulable"] is True


def test_an_eviction_of_another_pod_of_that_name_is_refused_by_the_real_server(world: World) -> None:
    world.hybrid(IDS[0])
    world.deploy(1, IDS[:1])
    world.wait_available(SAMPLE)
    (pod,) = world.pods(*_sample())
    before = copy.deepcopy(pod)
    before["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    lines: list[str] = []
    assert "UID" in str(client_of(world, lines).evict(before))
    assert client_of(world, lines).evict(pod) is None


def test_the_node_of_a_dead_machine_makes_way_for_a_new_one_of_its_name(world: World) -> None:
    alive, dead = (hybrid_machine(identity) for identity in IDS[:2])
    del dead["metadata"]["annotations"]  # nobody plays its kubelet
    world.join(alive)
    world.api.create(dead)
    silent = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
    world.api.merge(dead, {"status": {"conditions": [silent]}}, "/status")
    lines: list[str] = []
    forget_dead("hybrid-1", IDS[2], client_of(world, lines))
    with pytest.raises(RefusedError, match="not found"):
        world.api.get(dead)
    assert world.api.get(alive)["metadata"]["name"] == alive["metadata"]["name"]
    assert lines[-1] == f"{dead['metadata']['name']}: Kubernetes Node deleted"


def _sample() -> tuple[str, str]:
    return SAMPLE_NAMESPACE, SAMPLE_PODS
