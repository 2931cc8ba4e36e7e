"""How long each kind of thing took, from what the engine did."""

from pulumi.automation import EngineEvent

from tests.acceptance.changes import INSTANCE
from tests.acceptance.durations import JOINS, created
from tests.acceptance.engine import Events, _said
from tests.acceptance.test_run import operation

DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def event(kind, at, op="create", type_=INSTANCE, name="hybrid-1"):
    metadata = {"op": op, "urn": f"urn:pulumi:s::p::{type_}::{name}", "type": type_, "provider": ""}
    return EngineEvent.from_json({"sequence": at, "timestamp": at, kind: {"metadata": metadata}})


def test_an_operation_lasts_from_its_first_event_to_its_last():
    events = Events()
    for each in (
        event("resourcePreEvent", 10),
        event("resourcePreEvent", 12, name="hybrid-2"),
        event("resOutputsEvent", 25),
        event("resOpFailedEvent", 30, name="hybrid-2"),
    ):
        events.heard(each)
    assert [(each.name, each.seconds, each.failed) for each in events.operations] == [
        ("hybrid-1", 15, False),
        ("hybrid-2", 18, True),
    ]


def test_what_changes_nothing_and_the_engines_own_providers_are_no_operations():
    events = Events()
    for each in (
        event("resOutputsEvent", 1, op="same"),
        event("resOutputsEvent", 2, op="read"),
        event("resOutputsEvent", 3, op="delete", type_="pulumi:providers:aws", name="default"),
    ):
        events.heard(each)
    assert events.operations == []


def test_shortest_median_and_longest_are_kept_and_failures_are_not():
    times = [operation("create", f"n{s}", ended=s) for s in (20, 10, 90)]
    found = created([*times, operation("create", "bad", ended=900, failed=True)], [operation("delete")])
    assert (found[INSTANCE].low, found[INSTANCE].typical, found[INSTANCE].high) == (10, 20, 90)
    assert found[INSTANCE].count == 3


def test_a_join_lasts_from_the_running_machine_to_its_pod_without_the_pods_own_start():
    first = [
        operation("create", "hybrid-1", started=600, ended=615),
        operation("create", "hybrid-2", started=600, ended=620),
        operation("create", "nw-check-managed-1", DEPLOYMENT, started=700, ended=725),
        operation("create", "nw-check-hybrid-1", DEPLOYMENT, started=620, ended=845),
        operation("create", "sample-app-1", DEPLOYMENT, started=620, ended=850),
    ]
    found = created(first)
    assert found[JOINS].typical == 845 - 620 - 25
    # Those on hybrid nodes measure the nodes.
    assert (found[DEPLOYMENT].high, found[DEPLOYMENT].count) == (25, 1)


def test_without_the_gate_no_join_is_measured():
    assert JOINS not in created([operation("create")])


def test_what_pulumi_says_is_cut_to_its_diagnostics():
    text = " code: 255\n stdout: lines\nDiagnostics:\n  error: no\n\nOutputs:\n  a: 1\n stderr: \n"
    assert _said(text) == "Diagnostics:\n  error: no"
    assert _said(" code: 255\n stdout: \n stderr: error: no stack\n") == " stderr: error: no stack"
