"""CoreDNS on both sides of a real control plane: where its pods are, and whom a pod asks, as nodes come and go."""

import pytest

from infra import versions
from infra.names import DNS_SERVICE, HYBRID_CORE_DNS, SYSTEM_NAMESPACE
from k8s import hybrid_dns
from tests.cluster.api import RefusedError, wait_for
from tests.cluster.machines import managed_node
from tests.cluster.world import (
    World,
    core_dns_objects,
    hybrid_dns_objects,
    names,
    unschedulable,
    workload,
)

pytestmark = pytest.mark.cluster

IDS = [f"aaaaaaaa-0000-0000-0000-{number:012}" for number in range(40)]
ADD_ON = ("coredns", "kube-system")
BESIDE = (HYBRID_CORE_DNS, SYSTEM_NAMESPACE)
ADD_ON_PODS = ("kube-system", "eks.amazonaws.com/component=coredns")
BESIDE_PODS = ("kube-system", "eks-hybrid-calico/side=hybrid")
ZONES = ["eu-central-1a", "eu-central-1b"]


def deploy(world: World, hybrid: int, zones: int = 2) -> None:
    world.put(*core_dns_objects(zones=zones), *hybrid_dns_objects(hybrid))


def own_side_first(world: World) -> None:
    """What the program's patch does to the add-on's Service, as a manager of its own and without force."""
    world.api.apply(
        workload("Service", hybrid_dns.own_side_first(versions.KUBERNETES_DEFAULT)),
        manager="pulumi-kubernetes-patch",
    )


@pytest.mark.parametrize(("managed", "hybrid", "beside"), [(1, 1, 1), (2, 1, 1), (2, 2, 2), (3, 5, 2)])
def test_each_side_has_its_own_pods(world: World, managed: int, hybrid: int, beside: int) -> None:
    cloud, on_prem = names(world.managed(managed)), names(world.hybrid(*IDS[:hybrid]))
    deploy(world, hybrid)
    world.wait_available(ADD_ON, BESIDE)

    assert set(world.hosts(*ADD_ON_PODS)) <= cloud
    assert len(world.hosts(*ADD_ON_PODS)) == min(managed, 2)
    assert set(world.hosts(*BESIDE_PODS)) <= on_prem
    assert list(world.hosts(*BESIDE_PODS).values()) == [1] * beside


def test_the_add_on_is_complete_before_any_hybrid_node_and_stays_where_it_is_when_they_come(
    world: World,
) -> None:
    world.managed(2)
    deploy(world, 2)
    world.wait_available(ADD_ON)
    before = world.hosts(*ADD_ON_PODS)
    wait_for("two pods wait", lambda: len(world.pending(*BESIDE_PODS)) == 2)

    (first,) = world.hybrid(IDS[0])
    wait_for("a pod on the first", lambda: world.hosts(*BESIDE_PODS) == {first["metadata"]["name"]: 1})
    (waiting,) = wait_for("one waits", lambda: world.pending(*BESIDE_PODS))
    assert "topology spread constraints" in unschedulable(waiting)
    (second,) = world.hybrid(IDS[1])
    world.wait_available(BESIDE)

    assert world.hosts(*BESIDE_PODS) == dict.fromkeys(names([first, second]), 1)
    assert world.hosts(*ADD_ON_PODS) == before


def test_a_hybrid_node_that_leaves_hands_its_pod_to_one_that_stays(world: World) -> None:
    nodes = world.hybrid(*IDS[:3])
    world.managed(1)
    deploy(world, 3)
    world.wait_available(BESIDE)
    gone = next(node for node in nodes if node["metadata"]["name"] in world.hosts(*BESIDE_PODS))
    stay = names(nodes) - names([gone])

    world.leave(gone)
    for pod in world.pods(*BESIDE_PODS):
        if pod["spec"]["nodeName"] == gone["metadata"]["name"]:
            world.api.delete({**pod, "apiVersion": "v1", "kind": "Pod"}, gracePeriodSeconds=0)

    wait_for("a pod on each that stays", lambda: world.hosts(*BESIDE_PODS) == dict.fromkeys(stay, 1))


def test_fewer_hybrid_nodes_in_the_settings_leave_no_pod_waiting(world: World) -> None:
    first, second = world.hybrid(*IDS[:2])
    world.managed(1)
    deploy(world, 2)
    world.wait_available(BESIDE)

    world.put(*hybrid_dns_objects(1))
    world.leave(second)
    for pod in world.pods(*BESIDE_PODS):
        if pod["spec"]["nodeName"] == second["metadata"]["name"]:
            world.api.delete({**pod, "apiVersion": "v1", "kind": "Pod"}, gracePeriodSeconds=0)

    wait_for("one pod", lambda: world.hosts(*BESIDE_PODS) == {first["metadata"]["name"]: 1})
    world.wait_available(BESIDE)


def test_a_new_configuration_rolls_out_with_one_pod_per_host(world: World) -> None:
    world.managed(1)
    world.hybrid(*IDS[:2])
    deploy(world, 2)
    world.wait_available(BESIDE)

    changed = workload("Deployment", hybrid_dns.deployment(2))
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/coredns:next"
    world.put(changed)
    world.wait_available(BESIDE)

    assert sorted(world.hosts(*BESIDE_PODS).values()) == [1, 1]


def test_replicas_grow_with_the_hybrid_nodes(world: World) -> None:
    world.managed(1)
    world.hybrid(*IDS[:34])
    deploy(world, 34)
    world.wait_available(BESIDE)

    assert list(world.hosts(*BESIDE_PODS).values()) == [1] * 3


def test_three_zones_have_a_pod_of_the_add_on_each(world: World) -> None:
    nodes = [managed_node(number) for number in range(6)]
    for number, node in enumerate(nodes):
        node["metadata"]["labels"]["topology.kubernetes.io/zone"] = f"eu-central-1{'abc'[number // 2]}"
    world.join(*nodes)
    deploy(world, 1, zones=3)
    world.wait_available(ADD_ON)

    zone = {
        node["metadata"]["name"]: node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes
    }
    assert sorted(zone[host] for host in world.hosts(*ADD_ON_PODS)) == [*ZONES, "eu-central-1c"]


def test_a_drain_takes_one_pod_of_the_hybrid_side_at_a_time(world: World) -> None:
    nodes = world.hybrid(*IDS[:2])
    world.managed(1)
    deploy(world, 2)
    world.wait_available(BESIDE)

    def allowed() -> bool:
        found = world.api.find("policy/v1", "PodDisruptionBudget", HYBRID_CORE_DNS, namespace="kube-system")
        return (found or {}).get("status", {}).get("disruptionsAllowed") == 1

    wait_for("the budget knows its pods", allowed)
    for node in nodes:
        world.api.merge(node, {"spec": {"unschedulable": True}})
    one, two = world.pods(*BESIDE_PODS)
    _evict(world, one)
    wait_for("the replacement waits", lambda: world.pending(*BESIDE_PODS))
    with pytest.raises(RefusedError, match="disruption budget"):
        _evict(world, two)


# --- whom a pod asks ---------------------------------------------------------------------------------------


def test_a_pod_asks_the_core_dns_of_its_own_zone(world: World) -> None:
    world.managed(2)
    world.hybrid(IDS[0])
    deploy(world, 1)
    world.wait_available(ADD_ON, BESIDE)
    assert all(hints is None for _, hints in _endpoints(world)), "without the patch any pod asks any other"

    own_side_first(world)

    wanted = sorted((zone, [zone]) for zone in [*ZONES, "onprem"])
    wait_for("hints by zone", lambda: sorted(_endpoints(world)) == wanted)


def test_without_a_pod_on_its_own_side_a_pod_asks_the_other(world: World) -> None:
    world.managed(2)
    deploy(world, 1)
    own_side_first(world)
    world.wait_available(ADD_ON)

    # kube-proxy takes every endpoint where none has a hint for its zone.
    wait_for("hints", lambda: sorted(_endpoints(world)) == [(zone, [zone]) for zone in ZONES])
    assert "onprem" not in {zone for _, hints in _endpoints(world) for zone in hints or ()}


def test_the_patch_stays_when_the_add_on_is_applied_again(world: World) -> None:
    deploy(world, 1)
    own_side_first(world)
    # As EKS does with OVERWRITE: by server-side apply, with force.
    deploy(world, 1)

    service = world.api.find("v1", "Service", DNS_SERVICE, namespace="kube-system")
    assert service is not None
    assert service["spec"]["trafficDistribution"] == "PreferSameZone"
    assert service["spec"]["clusterIP"] == "172.16.0.10"


def _endpoints(world: World) -> list[tuple[str, list[str] | None]]:
    """Each CoreDNS pod behind the Service: its zone, and the zones whose pods ask it (None: all)."""
    slices = world.api.items(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        namespace="kube-system",
        labels="kubernetes.io/service-name=kube-dns",
    )
    return [
        (one["zone"], [zone["name"] for zone in one["hints"]["forZones"]] if "hints" in one else None)
        for each in slices
        for one in each["endpoints"] or []
        if one["conditions"]["ready"]
    ]


def _evict(world: World, pod: dict) -> None:
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction"
    world.api.request("POST", path, {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata})
