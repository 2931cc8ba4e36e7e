"""What later runs of `pulumi up` change, and what they leave alone."""

import pytest

from tests.engine.conftest import FIRST
from tests.engine.harness import PROFILE
from tests.engine.proof import DOCUMENT

pytestmark = pytest.mark.engine

INSTANCE = "aws:ec2/instance:Instance"
ACTIVATION = "aws:ssm/activation:Activation"
ATTACHMENT = "aws:lb/targetGroupAttachment:TargetGroupAttachment"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def kinds(step, *wanted):
    """Return what a step did, as (kind, type, name without generation)."""
    return [
        (
            call.kind,
            call.type,
            call.name.partition(".")[0] if call.type in (INSTANCE, ACTIVATION) else call.name,
        )
        for call in step.calls
        if call.kind in wanted
    ]


def test_a_second_up_changes_nothing_even_when_the_image_has_moved(repeated):
    assert [call.details["inputs"]["name"] for call in repeated.of("Invoke", "aws:ssm/getParameter:")]
    assert repeated.changes == []
    assert "updated" not in repeated.run.text


def test_changing_tags_and_descriptions_replaces_nothing(retagged):
    assert {kind for kind, _ in retagged.changes} == {"Update"}
    assert [call.key for call in retagged.of("Diff") if call.details["replaces"]] == []


def test_a_profile_that_is_set_later_is_stored_for_the_clean_up(created, retagged):
    (before,), (after,) = (
        [each for each in step.resources if each["type"] == "pulumi-python:dynamic/ekshybrid:NodeCleanup"]
        for step in (created, retagged)
    )
    assert before["outputs"].get("profile") is None
    assert after["outputs"]["profile"] == PROFILE
    assert after["id"] == before["id"]


def test_a_new_default_tag_reaches_what_can_take_it(retagged):
    # An activation cannot be tagged later: AWS has no call for it.
    updated = {call.type for call in retagged.of("Update")}
    assert {INSTANCE, "aws:ec2/vpc:Vpc", "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"} <= updated
    tags = retagged.one("Update", INSTANCE).details["inputs"]["tagsAll"]
    assert tags["Owner"] == "the network team"


def test_a_new_hybrid_node_brings_only_what_it_needs(grown):
    assert sorted(kinds(grown, "Create", "Delete")) == [
        ("Create", INSTANCE, "hybrid-2"),
        ("Create", ATTACHMENT, "hybrid-hybrid-2"),
        ("Create", ACTIVATION, "hybrid-2"),
    ]


def test_a_new_hybrid_node_changes_only_what_counts_nodes(grown):
    # The replicas and where they may run, and the weights between the two sides.
    assert sorted(kinds(grown, "Update")) == [
        ("Update", "aws:lb/listener:Listener", "alb"),
        ("Update", DEPLOYMENT, "coredns-hybrid"),
        ("Update", DEPLOYMENT, "nw-check-hybrid"),
        ("Update", DEPLOYMENT, "sample-app"),
    ]


def test_another_operating_system_replaces_activation_and_instance_together(other_os):
    assert sorted(kinds(other_os, "Create", "Delete")) == [
        ("Create", INSTANCE, "hybrid-1"),
        ("Create", ATTACHMENT, "hybrid-hybrid-1"),
        ("Create", ACTIVATION, "hybrid-1"),
        ("Delete", INSTANCE, "hybrid-1"),
        ("Delete", ATTACHMENT, "hybrid-hybrid-1"),
        ("Delete", ACTIVATION, "hybrid-1"),
    ]


def test_another_operating_system_takes_another_image(created, other_os):
    old, new = created.one("Create", INSTANCE), other_os.one("Create", INSTANCE)
    # The look-ups of both nodes run side by side.
    asked = [call.details["inputs"]["name"] for call in other_os.of("Invoke", "aws:ssm/getParameter:")]
    assert any("ubuntu/server/22.04" in name for name in asked)
    assert old.details["inputs"]["ami"] != new.details["inputs"]["ami"]


def test_the_new_node_carries_the_workload_before_the_old_one_goes(other_os):
    moved = other_os.one("Update", DEPLOYMENT, "nw-check-hybrid")
    assert other_os.one("Create", INSTANCE).ended <= moved.started
    assert moved.ended <= other_os.one("Delete", INSTANCE).started


def test_an_upgrade_reaches_the_control_plane_before_any_node(upgraded):
    # A kubelet must not be newer than the API server.
    control_plane = upgraded.one("Update", "aws:eks/cluster:Cluster")
    assert control_plane.details["inputs"]["version"] == "1.35"
    nodes = [upgraded.one("Update", "aws:eks/nodeGroup:NodeGroup"), *upgraded.of("Create", INSTANCE)]
    assert len(nodes) == 3
    assert control_plane.ended <= min(node.started for node in nodes)


def test_an_upgrade_replaces_no_control_plane_and_no_network(upgraded):
    assert {call.type for call in upgraded.of("Delete")} == {INSTANCE, ACTIVATION, ATTACHMENT}


@pytest.mark.parametrize("step", ["other_os", "shrunk"])
def test_a_node_that_goes_is_terminated_then_forgotten_then_its_activation_goes(step, request):
    done = request.getfixturevalue(step)
    instance, activation = done.one("Delete", INSTANCE), done.one("Delete", ACTIVATION)
    node, machine = done.one("DeleteNode", ""), done.one("Deregister", "")
    assert node.details["activation"] == machine.details["activation"] == activation.details["id"]
    assert instance.ended <= node.started
    assert node.ended <= machine.started
    assert machine.ended <= activation.started


@pytest.mark.parametrize("step", ["other_os", "upgraded", "shrunk"])
def test_a_node_that_goes_is_drained_after_the_workload_has_moved_and_before_its_machine_goes(step, request):
    done = request.getfixturevalue(step)
    moved = [done.one("Update", DEPLOYMENT, name) for name in ("nw-check-hybrid", "sample-app")]
    gone = {call.name: call for call in done.of("Delete", INSTANCE)}
    assert gone
    # In this order: the load balancer sends nothing any more, then the pods leave, then the machine.
    for call in gone.values():
        activation = activation_of(call, request.getfixturevalue("rig"))
        (cordon,) = [each for each in done.of("Cordon") if each.details["activation"] == activation]
        (evicted,) = [each for each in done.of("Evict") if each.details["activation"] == activation]
        target = done.one("Delete", ATTACHMENT, f"hybrid-{call.name.partition('.')[0]}")
        assert max(each.ended for each in moved) <= target.started
        assert target.ended <= cordon.started
        assert cordon.ended <= evicted.started
        assert evicted.ended <= call.started
    assert len(done.of("Cordon")) == len(gone), "no other node is drained"
    assert "drained, pods evicted: 1" in done.run.text


def activation_of(instance, rig):
    """Return the id of the activation that an instance was made with: their names have the generation in common."""
    (made,) = [
        call
        for call in rig.stack.journal()
        if call.kind == "Create" and call.key == f"{ACTIVATION}::{instance.name}"
    ]
    return made.details["id"]


def test_an_upgrade_removes_old_hybrid_nodes_after_the_workload_has_moved(upgraded):
    moved = upgraded.one("Update", DEPLOYMENT, "nw-check-hybrid")
    assert max(call.ended for call in upgraded.of("Create", INSTANCE)) <= moved.started
    assert moved.ended <= min(call.started for call in upgraded.of("Delete", INSTANCE))


def test_a_target_is_taken_out_of_the_load_balancer_before_its_node_goes(shrunk):
    assert shrunk.one("Delete", ATTACHMENT).ended <= shrunk.one("Delete", INSTANCE).started


def test_removing_a_node_leaves_the_other_one_alone(shrunk):
    assert {name for _, token, name in kinds(shrunk, "Delete") if token != ATTACHMENT} == {"hybrid-2"}


def test_a_refresh_alone_would_give_the_new_machine_an_activation_that_is_used_up(looked_for, terminated):
    # Nothing refuses that: an activation admits one machine, and the second one would never join.
    assert looked_for.of("Create") == []
    assert f"aws:ec2:Instance {FIRST['name']}." in looked_for.run.text
    assert terminated in looked_for.of("Check", INSTANCE)[-1].details["inputs"]["userData"]


def test_a_terminated_machine_is_made_again_with_an_activation_of_its_own(remade, terminated):
    new = remade.one("Create", ACTIVATION)
    assert new.details["id"] != terminated
    assert new.details["id"] in remade.one("Create", INSTANCE).details["inputs"]["userData"]
    assert remade.one("Delete", ACTIVATION).details["id"] == terminated
    assert remade.of("Delete", INSTANCE) == []


def test_the_node_of_a_terminated_machine_goes_before_the_new_machine_may_get_its_address(remade, terminated):
    gone, new = remade.one("DeleteNode", ""), remade.one("Create", INSTANCE)
    assert gone.details["activation"] == terminated
    assert gone.ended <= new.started
    # Its registration is found by the clean-up of the old activation, at the end.
    assert new.ended <= remade.one("Deregister", "").started
    assert f"before {FIRST['name']} is made: {gone.name}: nothing is heard of its machine" in remade.run.text


def test_the_document_says_how_a_terminated_machine_is_made_again():
    assert "pulumi up --refresh --replace '**:Activation::NAME.*'" in DOCUMENT.read_text(encoding="utf-8")
