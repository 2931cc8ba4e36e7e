"""What cannot be had leaves a gap and stops nothing; what is tagged is found without outputs."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from ops.doctor import collectors, discovery
from ops.doctor.facts import Facts
from ops.doctor.subject import Machine

NESTED = [
    {
        "metadata": 3,
        "Tags": 3,
        "status": "x",
        "State": 3,
        "health": [3],
        "involvedObject": "x",
        "type": "Warning",
    }
]
CLOUD = (
    "ec2 describe_instances",
    "ec2 get_console_output",
    "ssm describe_activations",
    "ssm describe_instance_information",
    "eks describe_cluster",
    "eks list_access_entries",
    "eks describe_access_entry",
    "eks list_nodegroups",
    "eks describe_nodegroup",
    "eks list_addons",
    "eks describe_addon",
    "elbv2 describe_target_health",
)
KUBE = ("nodes", "pods/kube-system", "events", "daemon_set", "logs")


@pytest.mark.parametrize("question", CLOUD)
def test_a_question_that_aws_refuses_leaves_a_gap_and_no_finding(
    world: Any, refusal: Any, question: str
) -> None:
    world.cloud.refused[question] = refusal(f"{question}: AccessDenied")
    diagnosis = world.diagnosis()
    assert diagnosis.findings == ()
    # The consoles of nodes that are Ready are of no interest.
    assert {gap.seen for gap in diagnosis.gaps} == (
        {f"{question}: AccessDenied"} if question != "ec2 get_console_output" else set()
    )
    assert diagnosis.exit_code == (2 if question != "ec2 get_console_output" else 0)


@pytest.mark.parametrize("question", KUBE)
def test_a_question_that_kubernetes_refuses_leaves_a_gap_and_no_finding(
    world: Any, refusal: Any, question: str
) -> None:
    world.kube.refused[question] = refusal(f"{question}: HTTP 403")
    diagnosis = world.diagnosis()
    assert diagnosis.findings == ()
    assert {gap.seen for gap in diagnosis.gaps} == {f"{question}: HTTP 403"}


def test_an_api_server_that_does_not_answer_is_asked_once(world: Any, refusal: Any) -> None:
    world.kube.refused["nodes"] = refusal("i/o timeout")
    world.diagnosis()
    assert world.kube.asked == ["nodes"]


def test_without_eks_and_outputs_kubernetes_is_not_asked(world: Any, refusal: Any) -> None:
    world.cloud.refused["eks describe_cluster"] = refusal("denied")
    assert world.section("Nodes").lines[0].text == "not asked: its address was to come from EKS"
    world.subject = dataclasses.replace(world.subject, kubeconfig={"users": []})
    assert world.section("Nodes").lines[0].text == "4 of 4 Ready"


def test_target_groups_that_cannot_be_found_are_a_gap_unless_outputs_name_them(
    make: Any, refusal: Any
) -> None:
    for world, gaps in ((make.healthy(), []), (make.node_group_failed(), ["target groups"])):
        world.cloud.refused["elbv2 describe_target_groups"] = refusal("denied")
        assert [gap.what for gap in world.diagnosis().gaps] == gaps


def test_a_cluster_that_cannot_be_reached_leaves_one_gap(world: Any, refusal: Any) -> None:
    world.connect_error = refusal("aws eks get-token: no credentials")
    assert [gap.what for gap in world.diagnosis().gaps] == ["kubernetes"]


def test_without_any_answer_nothing_is_found_and_nothing_crashes(world: Any, refusal: Any) -> None:
    for question in CLOUD:
        world.cloud.refused[question] = refusal("Unable to locate credentials")
    world.connect_error = refusal("Unable to locate credentials")
    diagnosis = world.diagnosis()
    assert diagnosis.findings == ()
    assert diagnosis.exit_code == 2


@pytest.mark.parametrize("answer", [None, 3, [None], [{}], {}, NESTED])
def test_an_answer_of_an_unknown_shape_leaves_a_gap_at_most(world: Any, answer: Any) -> None:
    for question in (
        "tagged_instances",
        "instances",
        "tagged_target_groups",
        "target_health",
        "activations",
        "cluster",
        "access_entries",
        "node_groups",
        "add_ons",
        "console",
        "registered",
    ):
        broken = dataclasses.replace(world.cloud)
        broken_world = dataclasses.replace(world, cloud=broken)
        setattr(broken, question, lambda *_: answer)
        assert broken_world.diagnosis().exit_code in (0, 1, 2)
    for question in ("nodes", "pods", "events", "daemon_set", "logs"):
        kube = dataclasses.replace(world.kube)
        setattr(kube, question, lambda *_, **__: answer)
        assert dataclasses.replace(world, kube=kube).diagnosis().exit_code in (0, 1, 2)


def test_an_unexpected_error_is_a_gap_that_asks_for_a_report(world: Any) -> None:
    world.cloud.refused["eks describe_cluster"] = KeyError("health")
    (gap,) = world.diagnosis().gaps
    assert gap.seen == "KeyError: 'health'"
    assert "--bundle" in gap.fix


def test_a_look_that_stumbles_is_a_gap(world: Any, make: Any) -> None:
    facts = Facts(subject=world.subject, now=make.now, answers={"node groups": [3]})
    gaps = [gap for section in collectors.sections(facts) for gap in section.gaps]
    assert [gap.what for gap in gaps] == ["cluster"]
    assert "AttributeError" in gaps[0].seen


def test_machines_are_found_by_tag_when_there_are_no_outputs(make: Any) -> None:
    world = make.node_group_failed()
    lines = [line.subject for line in world.section("Hybrid nodes").lines]
    assert lines == [f"hybrid-1 ({make.instance_id(1)})", f"hybrid-2 ({make.instance_id(2)})"]


def test_target_groups_are_found_by_tag_when_there_are_no_outputs(make: Any) -> None:
    world = make.node_group_failed()
    world.cloud.health = {make.target_group("hybrid"): [make.target("10.90.1.182")]}
    lines = {line.subject: line.text for line in world.section("Load balancer targets").lines}
    assert lines == {"hybrid targets": "1 of 1 healthy", "managed targets": "no target is registered"}


def test_the_nodes_of_the_node_group_are_no_hybrid_machines(world: Any) -> None:
    found = discovery.machines(world.subject, world.cloud.instances_, [])
    assert [machine.name for machine in found] == ["hybrid-1", "hybrid-2"]


def test_a_replacement_that_the_outputs_do_not_know_is_found_with_its_own_activation(
    world: Any, make: Any
) -> None:
    newer = {
        "InstanceId": "i-0new",
        "State": {"Name": "running"},
        "LaunchTime": make.now - timedelta(minutes=3),
        "PrivateIpAddress": "10.90.1.190",
        "Tags": world.cloud.instances_[0]["Tags"],
    }
    activation = world.cloud.activations_[0]
    later = {**activation, "ActivationId": "later", "CreatedDate": make.now - timedelta(minutes=1)}
    fitting = {**activation, "ActivationId": "fitting", "CreatedDate": make.now - timedelta(minutes=4)}
    older = {**activation, "ActivationId": "older", "CreatedDate": make.now - timedelta(minutes=9)}
    found = discovery.machines(
        world.subject, [*world.cloud.instances_, newer], [*world.cloud.activations_, older, fitting, later]
    )
    assert found[2:] == [
        Machine(name="hybrid-1", instance_id="i-0new", activation_id="fitting", private_ip="10.90.1.190")
    ]


def test_an_activation_whose_machine_was_never_made_is_kept_with_its_name(make: Any) -> None:
    world = make.node_group_failed()
    found = discovery.machines(world.subject, [], world.cloud.activations_)
    assert [(machine.name, machine.activation_id) for machine in found] == [
        ("hybrid-1", make.activation_id(1)),
        ("hybrid-2", make.activation_id(2)),
    ]


def test_activations_of_other_stacks_are_left_out(world: Any) -> None:
    mine = world.cloud.activations_[0]
    other = {
        **mine,
        "ActivationId": "other",
        "Tags": [],
        "Description": "Hybrid node x of EKS cluster another",
    }
    described = {**mine, "ActivationId": "described", "Tags": []}
    tagged = {**mine, "ActivationId": "tagged", "Description": ""}
    found = discovery.activations(world.subject, [mine, other, described, tagged])
    assert [item["ActivationId"] for item in found] == [mine["ActivationId"], "described", "tagged"]
