"""The closed pods of nw-check on a real control plane: where they are, and whom the policy selects.

Nobody enforces a policy here: that is Calico's work, and `ops verify` proves it in a real cluster (net.policy).
"""

import pytest

from infra.names import (
    CHECK_HYBRID,
    CHECK_MANAGED,
    CHECK_NAMESPACE,
    CLOSED_HYBRID,
    CLOSED_MANAGED,
    CLOSED_POLICY,
)
from k8s import nw_check
from tests.cluster.api import wait_for
from tests.cluster.world import World, names, namespace, unschedulable, workload

pytestmark = pytest.mark.cluster

IDS = [f"aaaaaaaa-0000-0000-0000-00000000000{number}" for number in range(5)]
MANAGED = (CLOSED_MANAGED, CHECK_NAMESPACE)
HYBRID = (CLOSED_HYBRID, CHECK_NAMESPACE)
OF_MANAGED = (CHECK_NAMESPACE, f"app={CLOSED_MANAGED}")
OF_HYBRID = (CHECK_NAMESPACE, f"app={CLOSED_HYBRID}")


def deploy(world: World, managed: int, activation_ids: list[str]) -> list[str]:
    """Apply all of nw-check, as the program does."""
    return world.put(
        namespace(CHECK_NAMESPACE),
        workload("Deployment", nw_check.managed_deployment(managed)),
        workload("Deployment", nw_check.hybrid_deployment(activation_ids)),
        workload("NetworkPolicy", nw_check.closed_policy()),
        workload("Deployment", nw_check.closed_managed()),
        workload("Deployment", nw_check.closed_hybrid()),
    )


@pytest.mark.parametrize(("managed", "hybrid"), [(1, 1), (2, 2), (3, 5)])
def test_each_side_has_one_closed_pod_and_the_api_server_warns_of_nothing(
    world: World, managed: int, hybrid: int
) -> None:
    cloud, on_prem = names(world.managed(managed)), names(world.hybrid(*IDS[:hybrid]))
    assert deploy(world, managed, IDS[:hybrid]) == []
    world.wait_available(MANAGED, HYBRID)

    assert set(world.hosts(*OF_MANAGED)) <= cloud
    assert set(world.hosts(*OF_HYBRID)) <= on_prem
    assert [*world.hosts(*OF_MANAGED).values(), *world.hosts(*OF_HYBRID).values()] == [1, 1]


def test_the_policy_selects_the_closed_pods_and_lets_in_these_and_no_open_one(world: World) -> None:
    world.managed(2)
    world.hybrid(*IDS[:2])
    deploy(world, 2, IDS[:2])
    world.wait_available(MANAGED, HYBRID)

    found = world.api.find("networking.k8s.io/v1", "NetworkPolicy", CLOSED_POLICY, namespace=CHECK_NAMESPACE)
    assert found is not None
    (rule,) = found["spec"]["ingress"]
    (peer,) = rule["from"]
    # Without a namespaceSelector a peer is in the policy's own namespace.
    assert peer.keys() == {"podSelector"}
    for selector in (found["spec"]["podSelector"], peer["podSelector"]):
        assert selector.keys() == {"matchLabels"}
        labels = ",".join(f"{key}={value}" for key, value in selector["matchLabels"].items())
        pods = {pod["metadata"]["labels"]["app"] for pod in world.pods(CHECK_NAMESPACE, labels)}
        assert pods == {CLOSED_MANAGED, CLOSED_HYBRID}
    assert len(world.pods(CHECK_NAMESPACE)) == 6


def test_the_closed_pod_of_the_hybrid_side_waits_for_the_first_node_and_holds_up_nobody(
    world: World,
) -> None:
    world.managed(1)
    deploy(world, 1, IDS[:2])
    world.wait_available((CHECK_MANAGED, CHECK_NAMESPACE), MANAGED)
    (waiting,) = wait_for("one pod waits", lambda: world.pending(*OF_HYBRID))
    assert "didn't match Pod's node affinity" in unschedulable(waiting)

    (first,) = world.hybrid(IDS[0])
    world.wait_available(HYBRID)
    world.hybrid(IDS[1])
    world.wait_available((CHECK_HYBRID, CHECK_NAMESPACE))
    assert world.hosts(*OF_HYBRID) == {first["metadata"]["name"]: 1}


def test_the_closed_pod_of_a_node_that_is_drained_goes_to_one_that_stays(world: World) -> None:
    nodes = world.hybrid(*IDS[:2])
    world.managed(1)
    deploy(world, 1, IDS[:2])
    world.wait_available(HYBRID)
    (pod,) = world.pods(*OF_HYBRID)
    old = next(node for node in nodes if node["metadata"]["name"] == pod["spec"]["nodeName"])
    world.api.merge(old, {"spec": {"unschedulable": True}})

    metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction"
    world.api.request("POST", path, {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata})

    stays = names(nodes) - names([old])
    wait_for("the pod on the other", lambda: world.hosts(*OF_HYBRID) == dict.fromkeys(stays, 1))
    world.wait_available(HYBRID)


def test_a_second_apply_of_all_of_it_changes_nothing(world: World) -> None:
    deploy(world, 1, IDS[:1])
    kinds = [("networking.k8s.io/v1", "NetworkPolicy", CLOSED_POLICY)]
    kinds += [("apps/v1", "Deployment", name) for name in (CLOSED_MANAGED, CLOSED_HYBRID)]

    def generations() -> list[int]:
        found = [world.api.find(*kind, namespace=CHECK_NAMESPACE) for kind in kinds]
        return [one["metadata"]["generation"] for one in found if one]

    before = generations()
    deploy(world, 1, IDS[:1])
    assert generations() == before == [1, 1, 1]
