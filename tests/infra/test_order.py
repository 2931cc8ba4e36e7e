"""The order of creation of several stacks, against the tables of order.py. A wait less is minutes less for a user."""

from dataclasses import replace

import pytest

from ops.program.recorder import Recording
from tests.conftest import CERTIFICATE, OWN_SITE
from tests.infra.order import (
    ACCESS_ENTRY,
    ACTIVATION,
    ADDON,
    CLUSTER,
    DEPLOYMENT,
    INSTANCE,
    LOAD_BALANCER,
    NEVER,
    NODE_GROUP,
    OBJECTS,
    RULES,
    TARGET,
    Edge,
    explicit_edges,
    forbidden,
    needless_edges,
    required_edges,
    unordered,
)
from tests.waits import waits_for

STACKS = {
    "dev": {},
    "one node": {"hybridNodes": [{"name": "only", "os": "al2023"}]},
    "https": {"albCertificateArn": CERTIFICATE},
    "three zones and logs": {"availabilityZones": 3, "controlPlaneLogs": ["api"]},
    "no sample app": {"sampleApp": False},
    "own site": OWN_SITE,
    "own site behind a VPN": {
        **OWN_SITE,
        "site": {"nodeCidrs": OWN_SITE["site"]["nodeCidrs"], "vpnGatewayId": "vgw-0123456789abcdef0"},
    },
}
CLEANUP = "pulumi-python:dynamic/ekshybrid:NodeCleanup"


@pytest.fixture(params=STACKS.values(), ids=list(STACKS))
def recording(request, record):
    return record(**request.param)


def with_edge(recording: Recording, later: str, earlier: str) -> Recording:
    """The plan with one more `depends_on`."""
    resource = recording.resources[later]
    changed = replace(resource, dependencies=resource.dependencies | {earlier})
    return replace(recording, resources={**recording.resources, later: changed})


def without_edge(recording: Recording, edge: Edge) -> Recording:
    resource = recording.resources[edge.later]
    changed = replace(resource, dependencies=resource.dependencies - {edge.earlier})
    return replace(recording, resources={**recording.resources, edge.later: changed})


def test_everything_that_the_design_puts_in_order_is_in_order(recording):
    assert unordered(recording) == {}


def test_nothing_waits_without_a_reason(recording):
    assert [str(edge) for edge in needless_edges(recording)] == []
    assert forbidden(recording) == []


def test_every_explicit_wait_is_one_that_the_design_asks_for(recording):
    edges = list(explicit_edges(recording))
    assert len(edges) > 10
    for edge in edges:
        assert edge in required_edges(recording), str(edge)
        assert edge in unordered(without_edge(recording, edge)), str(edge)


# --- the tables can fail --------------------------------------------------------------------------


@pytest.mark.parametrize("row", NEVER, ids=lambda row: f"{row[0].rpartition(':')[2]} {row[1]}")
def test_a_wait_that_must_not_be_would_be_found_out(dev, row):
    type_, name, types, because = row
    later = next(resource for resource in dev.of_type(type_) if resource.name.startswith(name))
    (earlier, *_) = [r for earlier in types for r in dev.of_type(earlier) if r.urn != later.urn]
    assert later.urn not in waits_for(dev, earlier.urn), "a circle is no danger: the row says nothing"
    slower = with_edge(dev, later.urn, earlier.urn)
    assert any(line.endswith(because) for line in forbidden(slower))


def test_every_rule_of_the_table_concerns_a_stack(record):
    stacks = [record(**settings) for settings in STACKS.values()]
    reasons = {because for stack in stacks for because in required_edges(stack).values()}
    assert reasons == {rule.because for rule in RULES}


def test_a_wait_that_follows_from_others_is_needless_even_when_a_rule_asks_for_it(dev):
    service = dev.one("kubernetes:core/v1:Service")
    namespace = dev.one("kubernetes:core/v1:Namespace", "sample")
    edge = Edge(later=service.urn, earlier=namespace.urn)
    assert edge in required_edges(dev)
    assert needless_edges(with_edge(dev, edge.later, edge.earlier)) == [edge]


def test_a_wait_that_carries_a_value_is_never_needless(dev):
    listener = dev.one("aws:lb/listener:Listener")
    assert listener.dependencies
    assert not [edge for edge in explicit_edges(dev) if edge.later == listener.urn]


def test_a_port_that_redirects_before_the_other_one_answers_would_be_found_out(record):
    recording = record(**STACKS["https"])
    first, second = (recording.one("aws:lb/listener:Listener", name).urn for name in ("alb-https", "alb"))
    without = without_edge(recording, Edge(later=second, earlier=first))
    assert list(map(str, unordered(without))) == ["Listener alb after Listener alb-https"]


def test_a_component_only_passes_its_waits_on(dev):
    controllers = dev.one("ekshybrid:calico:CalicoControllers")
    assert controllers.dependencies
    assert not [edge for edge in explicit_edges(dev) if edge.later == controllers.urn]


def test_a_plan_without_calicos_objects_has_the_same_order(dev):
    empty = {r.urn: replace(r, inputs={}) for r in dev.of_type(OBJECTS)}
    offline = replace(dev, resources={**dev.resources, **empty})
    assert needless_edges(offline) == []
    assert unordered(offline) == {}


# --- what is no pair of a table: the order of a destroy, and whole sets ---------------------------


def test_the_clean_up_stands_between_activation_and_instance(dev):
    # On destroy: instance first (a live kubelet would put its Node back), then Node and mi-*, then the activation.
    for instance in dev.of_type(INSTANCE):
        cleanup, activation = dev.one(CLEANUP, instance.name), dev.one(ACTIVATION, instance.name)
        assert cleanup.urn in instance.property_dependencies["userData"]
        assert activation.urn in cleanup.property_dependencies["activation_id"]
        # By an output, because a depends_on a packaged component orders creation only.
        assert dev.one(ACCESS_ENTRY).urn in cleanup.property_dependencies["cluster_name"]


@pytest.mark.parametrize("type_", [ACCESS_ENTRY, NODE_GROUP, ADDON])
def test_what_must_go_before_the_cluster_takes_the_name_of_the_real_cluster_inside(dev, type_):
    names = dev.one(type_).property_dependencies["clusterName"]
    assert [urn for urn in names if "aws:eks/cluster:Cluster" in urn], (
        "a dependency on the packaged component alone does not reach the cluster inside on destroy"
    )


def test_every_kubernetes_resource_goes_down_with_the_cluster(dev):
    # Deleted one by one, Calico's DaemonSet can vanish while nodes still drain: long hangs.
    inside = [r for r in dev.resources.values() if r.type.startswith("kubernetes:") or r.type == ADDON]
    assert len(inside) == 18
    assert {r.options.deleted_with for r in inside} == {dev.one(CLUSTER).urn}


def test_the_control_plane_waits_for_its_subnets_and_security_group_only(dev):
    assert {dev.resources[urn].name for urn in waits_for(dev, dev.one(CLUSTER).urn)} == {
        "eks",
        "eks-private-1",
        "eks-private-2",
        "control-plane",
    }


def test_an_api_that_is_not_open_to_all_waits_for_the_nat_addresses(record):
    recording = record(apiAllowedCidrs=["203.0.113.0/24"])
    cluster = recording.one(CLUSTER)
    addresses = {r.outputs["publicIp"] for r in recording.of_type("aws:ec2/eip:Eip")}
    assert set(cluster.inputs["publicAccessCidrs"]) == {"203.0.113.0/24", *(f"{a}/32" for a in addresses)}
    assert len(addresses) == 2
    assert {recording.resources[u].name for u in cluster.property_dependencies["publicAccessCidrs"]} == {
        "eks-nat",
        "on-prem-nat",
    }


def test_a_load_balancer_waits_for_nothing_of_the_other_side(dev):
    waits = waits_for(dev, dev.one(LOAD_BALANCER).urn)
    assert not [urn for urn in waits if "on-prem" in dev.resources[urn].name]


def test_targets_wait_for_their_own_node_only(dev):
    for target in dev.of_type(TARGET):
        waits = [dev.resources[urn] for urn in waits_for(dev, target.urn) if urn in dev.resources]
        (instance,) = [resource.name for resource in waits if resource.type == INSTANCE]
        assert instance.startswith(target.name.removeprefix("hybrid-"))


def test_nothing_waits_for_the_pods_that_only_a_check_asks(dev):
    closed = {
        r.urn for r in dev.resources.values() if r.type.startswith("kubernetes:") and "closed" in r.name
    }
    assert len(closed) == 3
    assert not [r for r in dev.resources.values() if closed & waits_for(dev, r.urn)]


def test_an_up_does_not_wait_for_the_pods_of_dns_on_the_hybrid_side(dev):
    for type_, name in ((DEPLOYMENT, "coredns-hybrid"), ("kubernetes:core/v1:ServicePatch", "kube-dns")):
        assert dev.one(type_, name).inputs["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
