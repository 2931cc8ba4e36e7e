"""Where the real scheduler puts what this program sends, as nodes of both kinds come and go."""

import copy

import pytest

from infra.names import (
    CHECK_HYBRID,
    CHECK_MANAGED,
    CHECK_NAMESPACE,
    HYBRID_CORE_DNS,
    SAMPLE_APP,
    SAMPLE_NAMESPACE,
    SAMPLE_SERVICE,
    SYSTEM_NAMESPACE,
)
from k8s import nw_check
from tests.cluster.api import RefusedError, wait_for
from tests.cluster.machines import managed_node
from tests.cluster.world import World, calico, hybrid_machine, names, unschedulable, workload

pytestmark = pytest.mark.cluster

IDS = [f"aaaaaaaa-0000-0000-0000-00000000000{number}" for number in range(5)]
MANAGED = (CHECK_MANAGED, CHECK_NAMESPACE)
HYBRID = (CHECK_HYBRID, CHECK_NAMESPACE)
SAMPLE = (SAMPLE_APP, SAMPLE_NAMESPACE)
CORE_DNS = ("coredns", "kube-system")
HYBRID_DNS = (HYBRID_CORE_DNS, SYSTEM_NAMESPACE)
DNS_PODS = "eks.amazonaws.com/component=coredns"
# What a hybrid node's pods are told apart by.
OF_HYBRID, OF_MANAGED = f"app={CHECK_HYBRID}", f"app={CHECK_MANAGED}"


@pytest.mark.parametrize(("managed", "hybrid"), [(1, 1), (2, 2), (3, 5)])
def test_everything_becomes_available_and_every_node_gets_its_check(
    world: World, managed: int, hybrid: int
) -> None:
    # As pulumi up does it: a node group is complete before its pods come, hybrid nodes join when they do.
    ids, cloud = IDS[:hybrid], names(world.managed(managed))
    warnings = world.deploy(managed, ids)
    on_prem = names(world.hybrid(*ids))
    world.wait_available(MANAGED, HYBRID, SAMPLE, CORE_DNS, HYBRID_DNS)

    assert warnings == []
    assert world.hosts(CHECK_NAMESPACE, OF_MANAGED) == dict.fromkeys(cloud, 1)
    assert world.hosts(CHECK_NAMESPACE, OF_HYBRID) == dict.fromkeys(on_prem, 1)


@pytest.mark.parametrize(("hybrid", "pods"), [(1, 1), (3, 3), (5, 3)])
def test_the_sample_app_runs_on_different_hybrid_nodes(world: World, hybrid: int, pods: int) -> None:
    on_prem = names(world.hybrid(*IDS[:hybrid]))
    world.managed(1)
    world.deploy(1, IDS[:hybrid])
    world.wait_available(SAMPLE)

    hosts = world.hosts(*_sample_pods())
    assert set(hosts) <= on_prem
    assert list(hosts.values()) == [1] * pods


def test_the_sample_app_spreads_also_where_one_node_is_busier(world: World) -> None:
    idle, busy = world.hybrid(*IDS[:2])
    world.put(_work(busy))
    world.deploy(1, IDS[:2])
    world.wait_available(SAMPLE)

    assert world.hosts(*_sample_pods()) == dict.fromkeys(names([idle, busy]), 1)


def test_the_sample_app_answers_from_the_nodes_there_are(world: World) -> None:
    (node,) = world.hybrid(IDS[0])
    world.deploy(1, IDS[:3])
    world.wait_available(SAMPLE)

    assert world.hosts(*_sample_pods()) == {node["metadata"]["name"]: 3}


def test_the_sample_service_has_every_pod_behind_its_port(world: World) -> None:
    world.hybrid(*IDS[:2])
    world.deploy(1, IDS[:2])
    world.wait_available(SAMPLE)

    def endpoints() -> list[str]:
        label = f"kubernetes.io/service-name={SAMPLE_SERVICE}"
        slices = world.api.items(
            "discovery.k8s.io/v1", "EndpointSlice", namespace=SAMPLE_NAMESPACE, labels=label
        )
        ports = {port["port"] for each in slices for port in each["ports"] or []}
        ready = [
            one["targetRef"]["name"]
            for each in slices
            for one in each["endpoints"] or []
            if one["conditions"]["ready"]
        ]
        return sorted(ready) if ports == {5678} else []

    pods = sorted(pod["metadata"]["name"] for pod in world.pods(SAMPLE_NAMESPACE))
    assert wait_for("two endpoints", lambda: len(endpoints()) == 2 and endpoints()) == pods


def test_core_dns_spreads_also_where_one_host_is_busier(world: World) -> None:
    idle, busy = world.managed(2)
    world.put(_work(busy))
    world.deploy(2, IDS[:1])
    world.wait_available(CORE_DNS)

    assert world.hosts("kube-system", DNS_PODS) == dict.fromkeys(names([idle, busy]), 1)


def test_core_dns_does_not_wait_for_a_second_host(world: World) -> None:
    (node,) = world.managed(1)
    world.deploy(1, IDS[:1])
    world.wait_available(CORE_DNS)

    assert world.hosts("kube-system", DNS_PODS) == {node["metadata"]["name"]: 2}


# --- nodes that come late, never, or leave -----------------------------------------------------------------


def test_the_hybrid_check_is_complete_only_when_the_last_node_has_joined(world: World) -> None:
    world.managed(2)
    early = names(world.hybrid(*IDS[:2]))
    world.deploy(2, IDS[:3])
    world.wait_available(MANAGED)
    (waiting,) = wait_for("one pod waits", lambda: world.pending(*_hybrid_pods()))
    assert world.hosts(*_hybrid_pods()) == dict.fromkeys(early, 1)
    assert "topology spread constraints" in unschedulable(waiting)
    assert not world.available(*HYBRID)

    late = names(world.hybrid(IDS[2]))
    world.wait_available(HYBRID)
    assert world.hosts(*_hybrid_pods()) == dict.fromkeys(early | late, 1)


def test_without_min_domains_the_first_node_would_pass_for_all(world: World) -> None:
    deployment = copy.deepcopy(nw_check.hybrid_deployment(IDS[:3]))
    del deployment["spec"]["template"]["spec"]["topologySpreadConstraints"][0]["minDomains"]
    (node,) = world.hybrid(IDS[0])
    world.deploy(1, IDS[:1])
    world.put(workload("Deployment", deployment))
    world.wait_available(HYBRID)

    assert world.hosts(*_hybrid_pods()) == {node["metadata"]["name"]: 3}


def test_a_hybrid_node_of_another_stack_does_not_stand_in_for_one_that_is_missing(world: World) -> None:
    own = names(world.hybrid(IDS[0]))
    world.hybrid("bbbbbbbb-0000-0000-0000-000000000000")
    world.deploy(1, IDS[:2])
    wait_for("one pod waits", lambda: world.pending(*_hybrid_pods()))

    assert world.hosts(*_hybrid_pods()) == dict.fromkeys(own, 1)


def test_a_replaced_hybrid_node_gets_the_check_and_the_old_one_loses_it(world: World) -> None:
    kept, old = world.hybrid(*IDS[:2])
    world.managed(1)
    world.deploy(1, IDS[:2])
    world.wait_available(HYBRID)

    # As pulumi up does it: the new machine first, then the Deployment, then the old machine goes.
    (new,) = world.hybrid(IDS[2])
    world.put(workload("Deployment", nw_check.hybrid_deployment([IDS[0], IDS[2]])))
    world.wait_available(HYBRID)
    assert world.hosts(*_hybrid_pods()) == dict.fromkeys(names([kept, new]), 1)
    world.leave(old)
    assert world.available(*HYBRID)


def test_a_rollout_never_shows_pulumi_a_replica_set_that_is_complete_too_early(world: World) -> None:
    world.managed(1)
    world.hybrid(*IDS[:2])
    world.deploy(1, IDS[:2])
    world.wait_available(HYBRID)
    listed = world.api.listing("apps/v1", "ReplicaSet", namespace=CHECK_NAMESPACE)
    old, since = names(listed["items"]), listed["metadata"]["resourceVersion"]

    world.put(workload("Deployment", nw_check.hybrid_deployment(IDS[:3])))
    wait_for("a pod waits for the third node", lambda: world.pending(*_hybrid_pods()))
    seen = world.api.history("apps/v1", "ReplicaSet", namespace=CHECK_NAMESPACE, since=since)
    new = [each for each in seen if each["metadata"]["name"] not in old]
    # The provider is content when as many pods are ready as the ReplicaSet is to have.
    assert {each["spec"]["replicas"] for each in new} == {3}
    assert all(each["spec"]["replicas"] > 0 for each in seen)

    world.hybrid(IDS[2])
    world.wait_available(HYBRID)


def test_a_hybrid_node_that_is_taken_out_of_the_settings_leaves_the_check_complete(world: World) -> None:
    nodes = world.hybrid(*IDS[:3])
    world.deploy(1, IDS[:3])
    world.wait_available(HYBRID)

    world.put(workload("Deployment", nw_check.hybrid_deployment(IDS[:2])))
    world.wait_available(HYBRID)
    world.leave(nodes[2])
    assert world.hosts(*_hybrid_pods()) == dict.fromkeys(names(nodes[:2]), 1)


def test_a_hybrid_node_that_leaves_by_itself_is_missed(world: World) -> None:
    nodes = world.hybrid(*IDS[:2])
    world.deploy(1, IDS[:2])
    world.wait_available(HYBRID)

    world.leave(nodes[1])
    (pod,) = [
        each
        for each in world.pods(*_hybrid_pods())
        if each["spec"]["nodeName"] == nodes[1]["metadata"]["name"]
    ]
    # Pods of a Node that is gone are collected after about a minute; the test does not wait for that.
    world.api.delete({**pod, "apiVersion": "v1", "kind": "Pod"}, gracePeriodSeconds=0)
    wait_for("its pod waits", lambda: world.pending(*_hybrid_pods()))
    wait_for("the check is not complete any more", lambda: not world.available(*HYBRID))


def test_a_node_group_that_shrinks_takes_its_checks_together(world: World) -> None:
    nodes = world.managed(3)
    world.deploy(3, IDS[:1])
    world.wait_available(MANAGED)

    for node in nodes[1:]:
        world.leave(node)
    for pod in world.pods(CHECK_NAMESPACE, OF_MANAGED):
        if pod["spec"]["nodeName"] != nodes[0]["metadata"]["name"]:
            world.api.delete({**pod, "apiVersion": "v1", "kind": "Pod"}, gracePeriodSeconds=0)
    wait_for(
        "three pods on the node that stays",
        lambda: world.hosts(CHECK_NAMESPACE, OF_MANAGED) == {nodes[0]["metadata"]["name"]: 3},
    )


def test_a_cordoned_node_does_not_count_as_a_host_to_fill(world: World) -> None:
    first, second = world.managed(2)
    world.api.merge(second, {"spec": {"unschedulable": True}})
    wait_for("the taint", lambda: world.api.get(second)["spec"].get("taints"))
    world.deploy(2, IDS[:1])
    world.wait_available(MANAGED)

    assert world.hosts(CHECK_NAMESPACE, OF_MANAGED) == {first["metadata"]["name"]: 2}


def test_a_managed_node_without_room_is_missed_and_not_passed_over(world: World) -> None:
    roomy, full = managed_node(0), managed_node(1, pods=0)
    world.join(roomy, full)
    world.deploy(2, IDS[:1])
    (waiting,) = wait_for("one pod waits", lambda: world.pending(CHECK_NAMESPACE, OF_MANAGED))

    assert world.hosts(CHECK_NAMESPACE, OF_MANAGED) == dict.fromkeys(names([roomy]), 1)
    assert "Too many pods" in unschedulable(waiting)


def test_what_belongs_on_hybrid_nodes_does_not_go_to_managed_ones(world: World) -> None:
    world.managed(1)
    world.deploy(1, IDS[:1])
    world.wait_available(MANAGED)
    (waiting,) = wait_for("the hybrid check waits", lambda: world.pending(*_hybrid_pods()))
    assert "didn't match Pod's node affinity" in unschedulable(waiting)
    assert wait_for("the sample waits", lambda: world.pending(*_sample_pods()))


def test_what_belongs_on_managed_nodes_does_not_go_to_hybrid_ones(world: World) -> None:
    world.hybrid(IDS[0])
    world.deploy(1, IDS[:1])
    world.wait_available(HYBRID, SAMPLE)
    (waiting,) = wait_for("the managed check waits", lambda: world.pending(CHECK_NAMESPACE, OF_MANAGED))
    assert "didn't match Pod's node affinity" in unschedulable(waiting)


# --- Calico --------------------------------------------------------------------------------------------


def test_calico_runs_on_every_node_whatever_taint_it_has(world: World) -> None:
    world.put(*_calico_workloads())
    cloud, on_prem = world.managed(2), world.hybrid(*IDS[:2])
    taints = [
        {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"},
        {"key": "dedicated", "value": "x", "effect": "NoSchedule"},
    ]
    tainted = managed_node(2)
    tainted["spec"]["taints"] = taints
    world.api.create(tainted)

    everywhere = names([*cloud, *on_prem, tainted])
    wait_for(
        "a calico-node on every node",
        lambda: world.hosts("kube-system", "k8s-app=calico-node") == dict.fromkeys(everywhere, 1),
    )


def test_calicos_controllers_can_be_drained_and_come_back(world: World) -> None:
    world.put(*_calico_workloads())
    first, second = world.managed(2)
    world.wait_available(("calico-kube-controllers", "kube-system"))
    (pod,) = world.pods("kube-system", "k8s-app=calico-kube-controllers")
    world.api.merge({**_node(pod)}, {"spec": {"unschedulable": True}})

    _evict(world, pod)
    other = names([first, second]) - {pod["spec"]["nodeName"]}
    wait_for(
        "the controllers on the other node",
        lambda: world.hosts("kube-system", "k8s-app=calico-kube-controllers") == dict.fromkeys(other, 1),
    )


def test_a_drain_never_takes_both_core_dns_pods_at_once(world: World) -> None:
    nodes = world.managed(2)
    world.deploy(2, IDS[:1])
    world.wait_available(CORE_DNS)
    wait_for("the budget knows its pods", lambda: _budget(world).get("disruptionsAllowed") == 1)
    for node in nodes:  # so that the pod that is evicted first has nowhere to go
        world.api.merge(node, {"spec": {"unschedulable": True}})
    one, two = world.pods("kube-system", DNS_PODS)

    _evict(world, one)
    wait_for("the replacement waits", lambda: world.pending("kube-system", DNS_PODS))
    with pytest.raises(RefusedError, match="disruption budget") as refusal:
        _evict(world, two)
    assert refusal.value.status == 429


def _hybrid_pods() -> tuple[str, str]:
    return CHECK_NAMESPACE, OF_HYBRID


def _sample_pods() -> tuple[str, str]:
    return SAMPLE_NAMESPACE, f"app={SAMPLE_APP}"


def _work(node: dict) -> dict:
    """A pod that takes most of a node."""
    container = {
        "name": "main",
        "image": "quay.io/example/work:1",
        "resources": {"requests": {"cpu": "1500m", "memory": "2Gi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "work", "namespace": "default"},
        "spec": {"nodeName": node["metadata"]["name"], "containers": [container]},
    }


def _calico_workloads() -> list[dict]:
    return [obj for obj in calico("3.32.1") if obj["kind"] in _NEEDED_BY_PODS]


_NEEDED_BY_PODS = {"ServiceAccount", "ConfigMap", "DaemonSet", "Deployment", "PodDisruptionBudget"}


def _node(pod: dict) -> dict:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": pod["spec"]["nodeName"]}}


def _budget(world: World) -> dict:
    found = world.api.find("policy/v1", "PodDisruptionBudget", "coredns", namespace="kube-system")
    return (found or {}).get("status", {})


def _evict(world: World, pod: dict) -> None:
    """What kubectl drain and a managed node group's update ask for."""
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    world.api.request(
        "POST", f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction", eviction
    )


def test_the_labels_of_the_test_nodes_are_those_the_selectors_ask_for() -> None:
    """Otherwise the tests above would prove something about other machines."""
    hybrid = hybrid_machine(IDS[0])["metadata"]["labels"]
    assert hybrid["eks-hybrid-calico/activation"] == IDS[0]
    assert "eks.amazonaws.com/compute-type" not in managed_node(0)["metadata"]["labels"]
