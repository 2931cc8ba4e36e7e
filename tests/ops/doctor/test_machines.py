"""How far each hybrid node got, from its instance to its Node."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ops.doctor.symptoms import State


def _line(world: Any, number: int = 1) -> Any:
    return next(
        line for line in world.section("Hybrid nodes").lines if line.subject.startswith(f"hybrid-{number} ")
    )


def test_a_healthy_deployment_has_no_findings(world: Any) -> None:
    diagnosis = world.diagnosis()
    assert diagnosis.findings == ()
    assert diagnosis.exit_code == 0
    assert {line.state for section in diagnosis.sections for line in section.lines} <= {
        State.GOOD,
        State.NOTE,
    }


def test_a_node_that_never_joined_is_explained_by_its_console(world: Any, make: Any) -> None:
    world.lost(1, make.too_old_console)
    assert world.causes() == ["nodeadm-too-old"]
    line = _line(world)
    assert line.state is State.BAD
    assert line.text.startswith(
        "the join script failed at step 4/7 install the Kubernetes components: nodeadm install"
    )
    assert "activation: 0 of 1 registered, ends 2026-11-24 14:30 UTC" in line.details
    assert "Systems Manager: not registered" in line.details


def test_a_node_that_joined_but_is_not_ready_is_left_to_its_node(world: Any, make: Any) -> None:
    name = world.kube.nodes_[2]["metadata"]["name"]
    message = "cni plugin not initialized"
    world.kube.nodes_[2] = make.node(
        name, alias="hybrid-1", activation=make.activation_id(1), ready=False, message=message
    )
    assert world.causes() == ["node-no-cni"]
    assert _line(world).text == f"joined as {name}, but not Ready"


def test_an_address_that_is_none_is_not_judged(world: Any) -> None:
    world.cloud.instances_[0]["PrivateIpAddress"] = "fd00::1"
    assert world.ids() == []


def test_the_last_lines_of_its_console_are_shown(world: Any, make: Any) -> None:
    world.lost(1, make.too_old_console)
    (tail,) = world.section("Hybrid nodes").tails
    assert tail.subject == f"console of hybrid-1 ({make.instance_id(1)})"
    assert "join: failed at step 4/7" in tail.lines[-1]
    assert len(tail.lines) == 6


def test_the_console_of_a_ready_node_counts_no_more(world: Any, make: Any) -> None:
    world.cloud.consoles[make.instance_id(1)] = make.too_old_console
    assert world.ids() == []


def test_a_join_under_way_waits(world: Any, make: Any) -> None:
    world.lost(1, make.joined.partition("2026-11-23T15:02:31Z join: step 6/7")[0])
    assert world.causes() == ["join-running"]
    step = "still in step 5/7 clear the CNI configuration since 15:02:31 UTC, 27 min, as usual"
    assert world.seen("join-running") == [f"hybrid-1 ({make.instance_id(1)}): {step}"]
    assert all(finding.waits for finding in world.diagnosis().causes)


def test_a_join_that_lasts_too_long_is_no_wait_any_more(world: Any, make: Any) -> None:
    console = make.joined.partition("2026-11-23T15:02:31Z join: step 6/7")[0]
    world.lost(1, console.replace("T15:", "T13:"))
    assert world.causes() == ["unknown"]
    assert "2 h, longer than any step takes" in world.seen("unknown")[0]


def test_an_empty_console_waits_while_the_machine_is_young(world: Any, make: Any) -> None:
    world.lost(1, "")
    world.cloud.instances_[0]["LaunchTime"] = make.now - timedelta(minutes=3)
    assert world.causes() == ["join-not-started"]
    world.cloud.instances_[0]["LaunchTime"] = make.now - timedelta(minutes=30)
    assert world.causes() == ["unknown"]
    assert "no line of the join script on its console, launched 30 min ago" in world.seen("unknown")[0]


def test_a_console_without_the_script_shows_what_stands_there(world: Any, make: Any) -> None:
    world.lost(1, "[ 1.0] a device that nobody knows\n[ 2.0] Kernel panic - not syncing: x\n")
    assert world.causes() == ["kernel-panic"]
    world.cloud.consoles[make.instance_id(1)] = "[ 1.0] a device that nobody knows\n"
    assert "a device that nobody knows" in " ".join(world.seen("unknown"))


def test_user_data_that_cloud_init_refuses_is_named(world: Any) -> None:
    world.lost(1, "[   21.4] cloud-init[812]: util.py[WARNING]: Failed loading yaml blob. Invalid format\n")
    assert world.causes() == ["user-data-refused"]


def test_a_node_that_joined_and_vanished_is_said(world: Any, make: Any) -> None:
    world.lost(1, make.joined)
    assert world.causes() == ["node-vanished"]
    assert "although the join script ended well: joined EKS cluster" in world.seen("node-vanished")[0]


def test_a_join_that_fails_for_an_unknown_reason_shows_its_step(world: Any, make: Any) -> None:
    said = make.joined.partition("2026-11-23T15:03:12Z")[0]
    world.lost(
        1, f"{said}2026-11-23T15:09:00Z join: failed at step 6/7 join the cluster: nodeadm init failed\n"
    )
    assert world.causes() == ["unknown"]
    assert "failed at step 6/7 join the cluster" in world.seen("unknown")[0]


def test_a_join_that_failed_and_goes_on_by_itself_says_so(world: Any, make: Any) -> None:
    said = make.joined.partition("2026-11-23T15:03:12Z")[0]
    world.lost(
        1,
        f"{said}2026-11-23T15:04:00Z join: at step 6/7: attempt 2 failed, the next one is in 20 s; at once: x\n"
        "2026-11-23T15:04:00Z join: failed at step 6/7 join the cluster: eks cluster is not active\n",
    )
    assert world.causes() == ["cluster-not-active"]
    assert _line(world).text.endswith("eks cluster is not active; it tries again by itself")


def test_a_refusal_that_passed_before_the_last_attempt_is_not_the_cause(world: Any, make: Any) -> None:
    old = "not authorized to perform: eks:ListAccessEntries"
    new = "node IP 10.91.0.4 is not in any of the remote network CIDR blocks"
    attempts = "".join(
        f"2026-11-23T15:0{number}:00Z {error}\n"
        f"2026-11-23T15:0{number}:01Z join: nodeadm init: attempt {number} of 3 failed with exit code 1\n"
        for number, error in ((3, old), (4, old), (5, new))
    )
    said = make.joined.partition("2026-11-23T15:03:12Z")[0]
    world.lost(
        1, f"{said}{attempts}2026-11-23T15:05:02Z join: failed at step 6/7 join the cluster: 3 times\n"
    )
    assert world.causes() == ["node-ip-outside"]


def test_a_node_is_found_by_its_activation_not_by_its_name(world: Any) -> None:
    labels = world.kube.nodes_[2]["metadata"]["labels"]
    labels["eks-hybrid-calico/activation"] = "99999999-0000"
    assert "node-vanished" in world.ids()
    assert "node-leftover" in world.ids()


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"Expired": True}, "activation-expired"),
        ({"RegistrationsCount": 1}, "activation-used-up"),
        ({"ExpirationDate": "past"}, "activation-expired"),
    ],
)
def test_an_activation_that_admits_nobody_is_the_cause(
    world: Any, make: Any, change: Any, finding: str
) -> None:
    world.lost(1, make.joined.partition("2026-11-23T15:03:12Z")[0])
    if "ExpirationDate" in change:
        change = {**change, "ExpirationDate": make.now - timedelta(hours=1)}
    world.cloud.activations_[0] |= change
    assert world.causes()[0] == finding
    assert "'**:Activation::hybrid-1.*'" in _fix(world, finding)


def _fix(world: Any, finding_id: str) -> str:
    from ops.doctor.diagnosis import fix_for

    diagnosis = world.diagnosis()
    return next(fix_for(one, diagnosis) for one in diagnosis.findings if one.id == finding_id)


@pytest.fixture
def own_world(world: Any) -> Any:
    """Two machines of one's own; one has not joined. Their URNs have no generation."""
    world.lost(1, "")
    world.cloud.consoles.clear()
    world.cloud.instances_ = [
        one for one in world.cloud.instances_ if "eks:nodegroup-name" in str(one["Tags"])
    ]
    parents = "a:HybridNodes$b:OwnMachine$aws:ssm/activation:Activation"
    world.subject = replace(
        world.subject,
        machines=tuple(replace(one, own=True, instance_id="") for one in world.subject.machines),
        state=world.state(
            urns=tuple(f"urn:pulumi:dev::p::{parents}::{name}" for name in ("hybrid-1", "hybrid-10"))
        ),
    )
    return world


def test_a_machine_of_ones_own_that_has_not_joined_waits_for_a_person_and_is_no_failure(
    own_world: Any,
) -> None:
    assert own_world.ids() == []
    line = next(one for one in own_world.section("Hybrid nodes").lines if one.subject == "hybrid-1")
    assert (line.state, line.text) == (State.NOTE, "not joined")
    assert "EC2: not asked, a machine of your own" in line.details
    assert any(one.startswith("it waits for a person: ops join hybrid-1;") for one in line.details)


def test_of_a_machine_of_ones_own_no_console_is_read(own_world: Any) -> None:
    own_world.diagnosis()
    assert "ec2 get_console_output" not in own_world.cloud.asked


def test_a_machine_of_ones_own_that_was_registered_and_has_no_node_is_a_finding(
    own_world: Any, make: Any
) -> None:
    mine = {"InstanceId": "mi-1", "ActivationId": make.activation_id(1), "PingStatus": "Online"}
    own_world.cloud.registered_.append(mine)
    assert own_world.causes() == ["node-vanished"]


def test_the_activation_of_a_machine_of_ones_own_is_replaced_by_its_urn(own_world: Any) -> None:
    own_world.cloud.activations_[0] |= {"Expired": True}
    assert own_world.causes() == ["activation-expired"]
    fix = _fix(own_world, "activation-expired")
    assert "$aws:ssm/activation:Activation::hybrid-1'" in fix
    assert "ops join hybrid-1" in fix
    assert "then ops join hybrid-1" in fix


def test_an_expired_activation_is_no_matter_once_the_machine_is_registered(world: Any) -> None:
    world.cloud.activations_[0]["Expired"] = True
    assert world.ids() == []


def test_a_deleted_activation_is_named(world: Any, make: Any) -> None:
    world.lost(1, "InvalidActivation\n")
    world.cloud.activations_ = world.cloud.activations_[1:]
    assert "activation-invalid" in world.causes()
    assert f"activation {make.activation_id(1)} does not exist" in " ".join(world.seen("activation-invalid"))


def test_a_lost_agent_is_named_even_while_its_node_is_ready(world: Any) -> None:
    world.cloud.registered_[0]["PingStatus"] = "ConnectionLost"
    assert world.causes() == ["ssm-connection-lost"]


@pytest.mark.parametrize("state", ["terminated", "stopped", "stopping", "shutting-down"])
def test_a_machine_that_does_not_run_is_named_with_the_reason(world: Any, state: str) -> None:
    world.cloud.instances_[0] |= {
        "State": {"Name": state},
        "StateReason": {"Message": "Client.UserInitiatedShutdown: User initiated shutdown"},
    }
    world.lost(1, "")
    assert world.causes()[0] == "instance-not-running"
    assert f"is {state}: Client.UserInitiatedShutdown" in world.seen("instance-not-running")[0]


def test_a_machine_that_is_gone_is_named(world: Any) -> None:
    world.lost(1, "")
    world.cloud.instances_ = world.cloud.instances_[1:]
    assert "instance-not-running" in world.causes()


def test_a_node_of_the_settings_without_a_machine_is_named(world: Any, make: Any) -> None:
    world = make.node_group_failed()
    world.cloud.instances_ = world.cloud.instances_[1:]
    world.lost(1, "")
    assert "instance-missing" in world.causes()
    assert world.seen("instance-missing") == ["hybrid-1: it has no EC2 instance"]


def test_an_address_outside_the_declared_networks_is_named(world: Any) -> None:
    world.cloud.eks["remoteNetworkConfig"] = {"remoteNodeNetworks": [{"cidrs": ["10.91.0.0/16"]}]}
    assert world.causes() == ["node-ip-outside"]
    assert (
        "10.90.1.182 is outside the cluster's remote node networks 10.91.0.0/16"
        in world.seen("node-ip-outside")[0]
    )


def test_a_console_that_cannot_be_had_is_a_gap_only_where_it_matters(world: Any, refusal: Any) -> None:
    world.cloud.refused["ec2 get_console_output"] = refusal("ec2 get_console_output: UnauthorizedOperation")
    assert world.diagnosis().exit_code == 0
    world.lost(1, "")
    diagnosis = world.diagnosis()
    assert [gap.what.partition(" (")[0] for gap in diagnosis.gaps] == ["console of hybrid-1"]
    assert "node-vanished" in [finding.id for finding in diagnosis.findings]


def test_without_the_cluster_a_join_that_ended_well_is_believed(world: Any, refusal: Any) -> None:
    world.connect_error = refusal("aws: not found")
    line = _line(world)
    assert line.text == "the join script ended well: joined EKS cluster eks-hybrid in ap-northeast-1"
    assert world.ids() == []
    assert world.diagnosis().exit_code == 2
