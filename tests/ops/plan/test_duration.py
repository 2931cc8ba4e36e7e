"""How long `ops plan` says that `up` takes: on small graphs made by hand, and on the program."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from ops.plan.duration import JOINS, ONE_CALL, TYPICAL, Duration, Schedule, Step, render, schedule
from tests.conftest import CERTIFICATE

STACKS = {
    "dev": {},
    "one node": {"hybridNodes": [{"name": "only", "os": "al2023"}]},
    "https": {"albCertificateArn": CERTIFICATE},
    "three zones and logs": {"availabilityZones": 3, "controlPlaneLogs": ["api"]},
}
CLUSTER = "eks:index:Cluster"
INSTANCE = "aws:ec2/instance:Instance"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def least() -> int:
    """What no program can do with less than: control plane, one boot of the slower kind, one workload."""
    boot = max(TYPICAL[NODE_GROUP].typical, TYPICAL[INSTANCE].typical + TYPICAL[JOINS].typical)
    return TYPICAL[CLUSTER].typical + boot + TYPICAL[DEPLOYMENT].typical


@pytest.mark.parametrize("stack", STACKS)
def test_the_chain_is_at_most_15_percent_longer_than_the_least_possible(record, stack):
    assert least() <= schedule(record(**STACKS[stack])).total() <= 1.15 * least()


def test_hybrid_nodes_that_waited_for_managed_nodes_would_be_found_out(dev):
    group = dev.one(NODE_GROUP).urn
    slower = {r.urn: replace(r, dependencies=r.dependencies | {group}) for r in dev.of_type(INSTANCE)}
    assert schedule(replace(dev, resources={**dev.resources, **slower})).total() > 1.15 * least()


def test_the_chain_leads_from_the_network_through_the_cluster_to_a_workload(dev):
    kinds = [step.kind for step, _ in schedule(dev).chain]
    assert kinds[0] == "aws:ec2/vpc:Vpc"
    assert CLUSTER in kinds
    assert {JOINS, NODE_GROUP} & set(kinds)
    assert kinds[-1].startswith("kubernetes:")


def test_the_starts_of_the_chain_add_up(dev):
    plan = schedule(dev)
    clock = 0
    for step, start in plan.chain:
        assert start == clock
        clock += step.duration.typical
    assert clock == plan.total()
    assert plan.total("low") < plan.total() < plan.total("high")


def test_only_workloads_wait_until_a_hybrid_node_has_joined(dev):
    steps = schedule(dev).steps.values()
    assert {step.kind for step in steps if any(wait.startswith(JOINS) for wait in step.waits)} == {DEPLOYMENT}


def test_a_workload_that_up_does_not_wait_for_takes_one_call(dev):
    steps = {step.name: step.duration for step in schedule(dev).steps.values() if step.kind == DEPLOYMENT}
    assert steps["coredns-hybrid"] == steps["nw-check-closed-hybrid"] == ONE_CALL
    assert steps["sample-app"] == steps["nw-check-managed"] == TYPICAL[DEPLOYMENT]


def test_a_component_takes_no_time(dev):
    assert dev.one("ekshybrid:calico:CalicoControllers").urn not in schedule(dev).steps


# --- graphs made by hand ------------------------------------------------------------------------


def step(name: str, seconds: int, *waits: str) -> Step:
    duration = Duration(low=seconds, typical=seconds, high=2 * seconds, source="made up")
    return Step(kind="thing", name=name, duration=duration, waits=frozenset(waits))


def test_the_longer_of_two_branches_is_the_chain():
    plan = Schedule(
        steps={
            "end": step("end", 5, "slow", "quick"),  # given before what it waits for
            "start": step("start", 10),
            "slow": step("slow", 30, "start"),
            "quick": step("quick", 4, "start"),
        }
    )
    assert [(s.name, start) for s, start in plan.chain] == [("start", 0), ("slow", 10), ("end", 40)]
    assert (plan.total(), plan.total("high")) == (45, 90)


def test_an_empty_plan_takes_no_time():
    assert (Schedule(steps={}).total(), Schedule(steps={}).chain) == (0, [])


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
    return [[*path, key] for wait in waits for path in every_path(steps, wait)] or [[key]]


@given(steps=graphs())
@settings(max_examples=100)
def test_the_chain_is_the_longest_of_all_paths(steps):
    plan = Schedule(steps=steps)
    lengths = [sum(steps[key].duration.typical for key in p) for end in steps for p in every_path(steps, end)]
    assert plan.total() == sum(s.duration.typical for s, _ in plan.chain) == max(lengths)


# --- what is printed ----------------------------------------------------------------------------


def test_the_printed_estimate_says_that_it_is_one_and_shows_the_chain(dev):
    console = Console(width=160)
    with console.capture() as capture:
        console.print(render(schedule(dev)))
    text = capture.get()
    assert "An estimate from public logs (ops/plan/duration.yaml)" in text
    assert "Cluster eks" in text
    assert "510 to 900 s" in text


def test_every_duration_is_a_range_around_the_usual_one_and_has_a_source():
    for duration in (*TYPICAL.values(), ONE_CALL):
        assert 0 < duration.low <= duration.typical <= duration.high
        assert duration.source
    # From the public log of a real join.
    assert (TYPICAL[JOINS].low, TYPICAL[JOINS].typical, TYPICAL[JOINS].high) == (70, 105, 240)


def test_every_type_in_the_table_is_one_that_the_program_makes(dev):
    assert set(TYPICAL) - {JOINS} <= {resource.type for resource in dev.resources.values()}
