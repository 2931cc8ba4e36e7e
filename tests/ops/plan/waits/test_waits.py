"""What `ops plan` says of waiting: on small graphs made by hand, and on the program."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from ops.clients.durations import Measured
from ops.plan.waits import Edge, Schedule, critical_path, needless_edges, render, unordered
from ops.plan.waits.durations import ONE_CALL, TYPICAL, Duration, duration_of
from ops.plan.waits.order import explicit_edges, required_edges
from ops.plan.waits.path import JOINS, Step
from ops.program.recorder import Recording
from tests.conftest import CERTIFICATE

STACKS = {
    "dev": {},
    "one node": {"hybridNodes": [{"name": "only", "os": "al2023"}]},
    "https": {"albCertificateArn": CERTIFICATE},
    "three zones and logs": {"availabilityZones": 3, "controlPlaneLogs": ["api"]},
}
INSTANCE = "aws:ec2/instance:Instance"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"


@pytest.fixture(params=STACKS.values(), ids=list(STACKS))
def recording(request, record):
    return record(**request.param)


def shown(schedule, needless=(), out_of_order=None, width=160) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(render(schedule, needless, out_of_order or {}))
    return capture.get()


def with_edge(recording: Recording, later: str, earlier: str) -> Recording:
    """The plan with one more `depends_on`."""
    resource = recording.resources[later]
    changed = replace(resource, dependencies=resource.dependencies | {earlier})
    return replace(recording, resources={**recording.resources, later: changed})


def without_edge(recording: Recording, edge: Edge) -> Recording:
    resource = recording.resources[edge.later]
    changed = replace(resource, dependencies=resource.dependencies - {edge.earlier})
    return replace(recording, resources={**recording.resources, edge.later: changed})


# --- the program --------------------------------------------------------------------------------


def test_the_chain_is_at_most_15_percent_longer_than_the_least_possible(recording):
    assert 1.0 <= critical_path(recording).ratio <= 1.15


def test_nothing_waits_without_a_reason(recording):
    assert [str(edge) for edge in needless_edges(recording)] == []


def test_everything_that_the_design_puts_in_order_is_in_order(recording):
    assert unordered(recording) == {}


def test_every_explicit_wait_is_one_that_the_design_asks_for(recording):
    edges = list(explicit_edges(recording))
    assert len(edges) > 20
    for edge in edges:
        assert edge in required_edges(recording), str(edge)
        assert edge in unordered(without_edge(recording, edge)), str(edge)


def test_hybrid_nodes_that_waited_for_managed_nodes_would_be_found_out(dev):
    group = dev.one(NODE_GROUP).urn
    slower = dev
    for instance in dev.of_type(INSTANCE):
        slower = with_edge(slower, instance.urn, group)
    assert {edge.earlier for edge in needless_edges(slower)} == {group}
    assert len(needless_edges(slower)) == 2
    assert critical_path(slower).ratio > 1.15


def test_a_load_balancer_that_waited_for_the_cluster_would_be_found_out(dev):
    slower = with_edge(dev, dev.one("aws:lb/loadBalancer:LoadBalancer").urn, dev.one("eks:index:Cluster").urn)
    assert [str(edge) for edge in needless_edges(slower)] == ["LoadBalancer alb after Cluster eks"]


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
    assert controllers.urn not in critical_path(dev).steps


def test_a_plan_without_calicos_objects_has_the_same_order(dev):
    empty = {r.urn: replace(r, inputs={}) for r in dev.of_type("kubernetes:yaml/v2:ConfigGroup")}
    offline = replace(dev, resources={**dev.resources, **empty})
    assert needless_edges(offline) == []
    assert unordered(offline) == {}


def test_the_chain_leads_from_the_network_through_the_cluster_to_a_workload(dev):
    kinds = [step.kind for step, _ in critical_path(dev).chain]
    assert kinds[0] == "aws:ec2/vpc:Vpc"
    assert "eks:index:Cluster" in kinds
    assert {JOINS, NODE_GROUP} & set(kinds)
    assert kinds[-1].startswith("kubernetes:")


def test_the_starts_of_the_chain_add_up(dev):
    schedule = critical_path(dev)
    clock = 0
    for step, start in schedule.chain:
        assert start == clock
        clock += step.duration.typical
    assert clock == schedule.total
    assert schedule.total_on("low") < schedule.total < schedule.total_on("high")


def test_the_least_possible_is_control_plane_and_one_boot_and_one_workload(dev):
    parts = ("eks:index:Cluster", INSTANCE, "kubernetes:apps/v1:Deployment")
    expected = sum(duration_of(kind).typical for kind in parts) + TYPICAL[JOINS].typical
    assert critical_path(dev).lower_bound == expected


def test_only_workloads_wait_until_a_hybrid_node_has_joined(dev):
    steps = critical_path(dev).steps
    waiting = {step.kind for step in steps.values() if any(w.startswith(JOINS) for w in step.waits)}
    assert waiting == {"kubernetes:apps/v1:Deployment"}


def test_the_network_way_out_and_the_load_balancer_have_minutes_to_spare(dev):
    schedule = critical_path(dev)
    for type_ in ("aws:ec2/natGateway:NatGateway", "aws:lb/loadBalancer:LoadBalancer"):
        for resource in dev.of_type(type_):
            assert schedule.slack[resource.urn] > 300


# --- graphs made by hand ------------------------------------------------------------------------


def step(name: str, seconds: int, *waits: str, kind: str = "thing") -> Step:
    duration = Duration(low=seconds, typical=seconds, high=2 * seconds, source="made up")
    return Step(kind=kind, name=name, duration=duration, waits=frozenset(waits))


def test_the_longer_of_two_branches_is_the_chain_and_the_other_has_slack():
    schedule = Schedule(
        steps={
            "end": step("end", 5, "slow", "quick"),  # given before what it waits for
            "start": step("start", 10),
            "slow": step("slow", 30, "start"),
            "quick": step("quick", 4, "start"),
        }
    )
    assert [(s.name, start) for s, start in schedule.chain] == [("start", 0), ("slow", 10), ("end", 40)]
    assert schedule.total == 45
    assert schedule.total_on("high") == 90
    assert schedule.slack == {"start": 0, "slow": 0, "end": 0, "quick": 26}


def test_an_empty_plan_takes_no_time():
    schedule = Schedule(steps={})
    assert (schedule.total, schedule.chain, schedule.ratio) == (0, [], 1.0)


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 7))
    return {
        str(number): step(
            str(number),
            draw(st.integers(1, 9)),
            *(str(earlier) for earlier in range(number) if draw(st.booleans())),
        )
        for number in draw(st.permutations(range(count)))
    }


def every_path(steps, key):
    """All chains that end at a step, by brute force."""
    waits = steps[key].waits
    if not waits:
        return [[key]]
    return [[*path, key] for wait in waits for path in every_path(steps, wait)]


@given(steps=graphs(), later=st.integers(1, 5))
@settings(max_examples=100)
def test_the_chain_is_the_longest_of_all_paths_and_slack_is_what_can_be_lost(steps, later):
    schedule = Schedule(steps=steps)
    lengths = [
        sum(steps[key].duration.typical for key in path) for end in steps for path in every_path(steps, end)
    ]
    assert schedule.total == max(lengths)
    for key, slack in schedule.slack.items():
        longer = steps[key].duration.typical + slack
        grown = replace(steps[key], duration=replace(steps[key].duration, typical=longer))
        assert Schedule(steps={**steps, key: grown}).total == schedule.total
        grown = replace(steps[key], duration=replace(steps[key].duration, typical=longer + later))
        assert Schedule(steps={**steps, key: grown}).total == schedule.total + later


# --- what is printed ----------------------------------------------------------------------------


def test_the_printed_estimate_says_that_it_is_one_and_shows_chain_bound_ratio_and_slack(dev):
    schedule = critical_path(dev)
    text = shown(schedule)
    assert "An estimate from public logs" in text
    assert "Cluster eks" in text
    assert "510 to 900 s" in text
    assert f"The chain is {schedule.ratio:.2f} times that." in text
    assert "LoadBalancer alb" in text
    assert "Waits that nothing asks for: none." in text
    assert "Out of order" not in text


def test_the_printed_estimate_names_needless_waits_and_broken_order(dev):
    edge = next(edge for edge in explicit_edges(dev) if "coredns" in edge.later)
    broken = without_edge(dev, edge)
    text = shown(critical_path(broken), [edge], unordered(broken))
    assert "Waits that nothing asks for: Addon coredns after NodeGroup managed." in text
    assert "Addon coredns after NodeGroup managed: CoreDNS hangs DEGRADED" in text


def test_many_nodes_share_a_line(dev):
    instance = dev.of_type(INSTANCE)[0]
    crowd = {
        f"{instance.urn}-{n}": replace(instance, urn=f"{instance.urn}-{n}", name=f"n{n:03}")
        for n in range(200)
    }
    text = shown(critical_path(replace(dev, resources={**dev.resources, **crowd})))
    assert "Instance n000, Instance n001, Instance n002 and 197 more" in text
    assert len(text.splitlines()) < 45


def test_every_duration_is_a_range_around_the_usual_one_and_has_a_source():
    for duration in (*TYPICAL.values(), ONE_CALL):
        assert 0 < duration.low <= duration.typical <= duration.high
        assert duration.source


def test_every_type_in_the_table_is_one_that_the_program_makes(dev):
    assert set(TYPICAL) - {JOINS} <= {resource.type for resource in dev.resources.values()}


MEASURED = {
    "eks:index:Cluster": Measured(low=400, typical=410, high=420, count=1),
    JOINS: Measured(low=90, typical=90, high=90, count=1),
}


def test_measured_durations_take_the_place_of_estimates(dev):
    schedule = critical_path(dev, MEASURED)
    found = {step.kind: step.duration for step in schedule.steps.values()}
    assert found["eks:index:Cluster"] == Duration(low=400, typical=410, high=420, source="measured")
    assert found[JOINS].typical == 90
    assert found[NODE_GROUP] == TYPICAL[NODE_GROUP]
    assert schedule.total < critical_path(dev).total
    assert schedule.lower_bound < critical_path(dev).lower_bound


def test_the_report_says_what_was_measured_and_what_was_not(dev):
    console = Console(width=160)
    with console.capture() as capture:
        console.print(
            render(critical_path(dev, MEASURED), [], {}, where="stack acceptance-1 in eu-central-1")
        )
    text = " ".join(capture.get().split())
    assert "Measured: stack acceptance-1 in eu-central-1. Not measured there" in text
    assert "NodeGroup" in text.partition("Not measured there")[2].partition(".")[0]
    assert "nothing was measured" not in text
    assert "nothing was measured" in shown(critical_path(dev))
