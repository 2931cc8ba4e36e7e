"""What EKS and Kubernetes tell: each kind of trouble, and what is none."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from ops.doctor.symptoms import State
from tests.ops.doctor.standin.fakes import STACK_TAG

ISSUE = {
    "code": "NodeCreationFailure",
    "message": "Unhealthy nodes in the kubernetes cluster",
    "resourceIds": ["i-1"],
}


def test_a_cluster_that_is_not_there_is_the_cause_and_is_not_asked_further(world: Any) -> None:
    world.cloud.eks = None
    world.lost(1, "")
    assert world.causes()[0] == "cluster-missing"
    assert "eks list_access_entries" not in world.cloud.asked
    assert world.section("Nodes").lines[0].text == "not asked: there is no cluster"
    assert not world.diagnosis().gaps


def test_a_cluster_that_was_deleted_by_hand_gets_pulumis_own_way_out(world: Any) -> None:
    urn = "urn:pulumi:dev::p::aws:eks/cluster:Cluster::eks-eksCluster"
    world.cloud.eks = None
    world.subject = dataclasses.replace(world.subject, state=world.state(urns=(urn,)))
    assert world.causes()[0] == "cluster-deleted"
    assert "cluster-missing" not in world.ids()


def test_a_cluster_of_another_stack_is_not_called_ours(world: Any) -> None:
    world.cloud.eks["tags"] = {"eks-hybrid-calico:stack": "eks-hybrid-calico/prod"}
    world.cloud.groups = []
    assert world.causes() == ["cluster-foreign"]
    assert "says eks-hybrid-calico/prod" in world.seen("cluster-foreign")[0]
    assert "eks list_nodegroups" not in world.cloud.asked
    assert world.kube.asked == []
    world.cloud.eks["tags"] = {}
    assert "it has no tag" in world.seen("cluster-foreign")[0]
    world.cloud.eks["tags"] = {"eks-hybrid-calico:stack": "eks-hybrid-calico/dev"}
    world.kube.asked.clear()
    assert "node-group-missing" in world.causes()


def test_a_destroy_that_stopped_half_way_is_explained_as_that(world: Any) -> None:
    world.cloud.eks = None
    world.lost(1, "")
    world.subject = dataclasses.replace(
        world.subject, state=world.state(urns=("urn:a", "urn:b"), removing=True, last="destroy failed")
    )
    assert world.causes() == ["destroy-incomplete"]
    assert "cluster-missing" in world.ids()


def test_what_aws_has_and_the_state_has_not_is_named_with_its_command(world: Any) -> None:
    world.subject = dataclasses.replace(world.subject, state=world.state(recorded=("subnet-2",)))
    world.cloud.listed["ec2 describe_subnets"] = [
        {"SubnetId": f"subnet-{number}", "Tags": [STACK_TAG]} for number in range(7)
    ]
    assert world.causes() == ["unrecorded"]
    lines = [line.text for line in world.section("Pulumi state").lines]
    assert [text for text in lines if "subnet-2" in text] == []
    for number in (0, 1, 3, 4, 5, 6):
        command = f"aws ec2 delete-subnet --subnet-id subnet-{number} --region ap-northeast-1"
        assert f"AWS has subnet subnet-{number}, and the state does not: {command}" in lines


def test_without_a_state_nothing_is_compared_with_it(world: Any) -> None:
    world.subject = dataclasses.replace(world.subject, state=None)
    world.cloud.listed["ec2 describe_subnets"] = [{"SubnetId": "subnet-1", "Tags": [STACK_TAG]}]
    assert world.ids() == []


def test_pending_operations_of_the_state_are_named(world: Any) -> None:
    world.subject = dataclasses.replace(
        world.subject, state=world.state(urns=("urn:a",), pending=("urn:b (creating)",))
    )
    assert world.causes() == ["pending-operations"]
    assert "urn:b (creating)" in world.seen("pending-operations")[0]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"status": "CREATING"}, "cluster-busy"),
        ({"status": "FAILED"}, "cluster-failed"),
        ({"health": {"issues": [{"code": "Ec2SubnetNotFound", "message": "gone"}]}}, "part-deleted"),
        ({"health": {"issues": [{"code": "InternalFailure", "message": "odd"}]}}, "unknown"),
        ({"remoteNetworkConfig": None}, "no-remote-networks"),
    ],
)
def test_trouble_of_the_control_plane_is_named(world: Any, change: Any, finding: str) -> None:
    world.cloud.eks |= change
    world.cloud.eks = {key: value for key, value in world.cloud.eks.items() if value}
    assert world.causes() == [finding]


def test_a_missing_access_entry_is_named(world: Any) -> None:
    world.cloud.entries = world.cloud.entries[:1]
    assert world.causes() == ["no-access-entry"]
    assert "hybrid-node-1a2b3c4" in world.seen("no-access-entry")[0]


def test_an_access_entry_of_another_type_is_named_with_its_principal(world: Any) -> None:
    world.cloud.entries[1]["type"] = "STANDARD"
    assert world.causes() == ["access-entry-type"]
    assert "role hybrid-node-1a2b3c4 is of type STANDARD" in world.seen("access-entry-type")[0]


def test_without_outputs_the_activations_tell_the_role(make: Any) -> None:
    world = make.node_group_failed()
    world.cloud.entries[1]["type"] = "EC2_LINUX"
    assert "access-entry-type" in world.ids()


def test_without_any_role_the_type_tells_the_access_entry(make: Any) -> None:
    world = make.node_group_failed()
    world.cloud.activations_ = []
    lines = {line.subject: line for line in world.section("EKS").lines}
    assert lines["access entry"].state is State.GOOD
    world.cloud.entries = world.cloud.entries[:1]
    assert "no-access-entry" in world.ids()


@pytest.mark.parametrize(
    ("group", "finding"),
    [
        ({"status": "CREATE_FAILED", "health": {"issues": [ISSUE]}}, "node-group-unhealthy"),
        (
            {
                "status": "CREATE_FAILED",
                "health": {"issues": [{**ISSUE, "code": "AsgInstanceLaunchFailures"}]},
            },
            "node-group-unhealthy",
        ),
        (
            {
                "status": "CREATE_FAILED",
                "health": {"issues": [{"code": "AsgInstanceLaunchFailures", "message": "VcpuLimitExceeded"}]},
            },
            "vcpu-quota",
        ),
        ({"status": "DEGRADED", "health": {"issues": [{"code": "IamNodeRoleNotFound"}]}}, "part-deleted"),
        ({"status": "DEGRADED", "health": {"issues": [{"code": "AsgInstanceLaunchFailures"}]}}, "unknown"),
        ({"status": "CREATE_FAILED"}, "node-group-failed"),
        ({"status": "CREATING"}, "node-group-busy"),
    ],
)
def test_trouble_of_the_node_group_is_named(world: Any, group: Any, finding: str) -> None:
    world.cloud.groups = [{"nodegroupName": "managed", **group}]
    assert world.ids()[0] == finding


def test_a_missing_node_group_is_named(world: Any) -> None:
    world.cloud.groups = []
    assert world.causes() == ["node-group-missing"]


@pytest.mark.parametrize(
    ("add_ons", "finding"),
    [
        (
            [("coredns", "DEGRADED", "InsufficientNumberOfReplicas"), ("kube-proxy", "ACTIVE", "")],
            "coredns-degraded",
        ),
        ([("coredns", "CREATING", ""), ("kube-proxy", "ACTIVE", "")], "add-on-busy"),
        (
            [("coredns", "ACTIVE", ""), ("kube-proxy", "UPDATE_FAILED", "ConfigurationConflict: x")],
            "add-on-conflict",
        ),
        ([("kube-proxy", "ACTIVE", "")], "add-on-missing"),
        ([("coredns", "ACTIVE", ""), ("kube-proxy", "ACTIVE", ""), ("vpc-cni", "ACTIVE", "")], "vpc-cni"),
    ],
)
def test_trouble_of_an_add_on_is_named(world: Any, add_ons: Any, finding: str) -> None:
    world.cloud.addons = [
        {"addonName": name, "status": status, "health": {"issues": [{"code": code}] if code else []}}
        for name, status, code in add_ons
    ]
    assert world.causes() == [finding]


@pytest.mark.parametrize(
    ("message", "finding"),
    [
        ("container runtime network not ready: cni plugin not initialized", "node-no-cni"),
        ("Kubelet stopped posting node status.", "node-lost"),
        ("PLEG is not healthy", "unknown"),
    ],
)
def test_a_node_that_is_not_ready_is_named_with_its_reason(
    world: Any, make: Any, message: str, finding: str
) -> None:
    name = world.kube.nodes_[0]["metadata"]["name"]
    world.kube.nodes_[0] = make.node(name, ready=False, message=message)
    assert world.causes() == [finding]
    assert "1 of 4" not in world.section("Nodes").lines[-1].text
    assert world.section("Nodes").lines[-1].text == "3 of 4 Ready"


def test_a_node_under_pressure_is_named(world: Any) -> None:
    world.kube.nodes_[0]["status"]["conditions"].append(
        {"type": "DiskPressure", "status": "True", "message": "full"}
    )
    assert world.causes() == ["node-pressure"]


def test_a_cluster_without_nodes_is_named(world: Any) -> None:
    world.kube.nodes_ = []
    assert "no-nodes" in world.ids()


def test_a_leftover_node_is_named(world: Any, make: Any) -> None:
    world.kube.nodes_.append(make.node("mi-0old", alias="hybrid-1", activation="99999999-0000"))
    assert world.causes() == ["node-leftover"]
    assert "hybrid-1 (mi-0old)" in world.seen("node-leftover")[0]


def test_a_missing_calico_and_a_present_aws_node_are_named(world: Any) -> None:
    world.kube.daemon_sets = {"aws-node"}
    assert set(world.causes()) == {"calico-missing", "vpc-cni"}


@pytest.mark.parametrize(
    ("waiting", "message", "finding"),
    [
        ("ImagePullBackOff", "Back-off pulling image", "image-pull"),
        ("CrashLoopBackOff", "back-off 5m0s restarting failed container", "pod-crashes"),
        ("ContainerCreating", "", "pod-not-ready"),
    ],
)
def test_a_pod_that_is_not_ready_is_named_with_its_reason(
    world: Any, make: Any, waiting: str, message: str, finding: str
) -> None:
    world.kube.pods_.append(
        make.pod("sample", "sample-app-x", "sample-app", "mi-1", waiting=waiting, message=message, restarts=7)
    )
    assert world.causes() == [finding]
    (seen,) = world.seen(finding)
    assert seen.startswith(f"sample/sample-app-x on mi-1: Running: {waiting}")
    assert seen.endswith("; 7 restarts")


def test_an_init_container_and_a_last_end_are_read(world: Any, make: Any) -> None:
    found = make.pod("kube-system", "calico-node-x", "calico-node", "mi-1", waiting="PodInitializing")
    found["status"]["initContainerStatuses"] = [
        {"name": "install-cni", "state": {"terminated": {"reason": "Error", "exitCode": 1}}}
    ]
    found["status"]["containerStatuses"][0]["lastState"] = {
        "terminated": {"reason": "OOMKilled", "exitCode": 137}
    }
    world.kube.pods_.append(found)
    text = " ".join(world.seen("pod-out-of-memory"))
    assert "install-cni ended: Error 1" in text
    assert "last time calico-node ended: OOMKilled 137" in text


def test_pods_that_are_done_or_going_are_no_trouble(world: Any, make: Any) -> None:
    done = make.pod("sample", "job-x", "job", "mi-1", waiting="Completed")
    done["status"]["phase"] = "Succeeded"
    going = make.pod("sample", "old-x", "old", "mi-1", waiting="ContainerCreating")
    going["metadata"]["deletionTimestamp"] = "2026-11-23T15:00:00Z"
    world.kube.pods_ += [done, going]
    assert world.ids() == []


def test_a_pod_without_a_place_says_what_the_scheduler_says(world: Any, make: Any) -> None:
    text = "0/3 nodes are available: 3 node(s) had untolerated taint {x: y}."
    world.kube.pods_.append(make.unscheduled("sample", "sample-app-x", "sample-app", text))
    assert world.seen("pod-unscheduled") == [f"sample/sample-app-x: Pending: {text}"]


def test_many_restarts_of_ready_pods_are_shown(world: Any, make: Any) -> None:
    world.kube.pods_.append(make.pod("sample", "restless-x", "restless", "mi-1", restarts=9))
    lines = {line.subject: line.text for line in world.section("Pods").lines}
    assert lines["restless"] == "1 of 1 ready, restarted up to 9 times"
    assert lines["sample-app"] == "2 of 2 ready"


def test_events_count_only_while_their_pod_is_in_trouble(world: Any, make: Any) -> None:
    text = "Failed to create pod sandbox: plugin type=calico failed: dial tcp 172.16.0.1:443: i/o timeout"
    world.kube.events_ = [make.event("Pod", "sample", "sample-app-x", "FailedCreatePodSandBox", text)]
    assert world.ids() == []
    world.kube.pods_.append(
        make.pod("sample", "sample-app-x", "sample-app", "mi-1", waiting="ContainerCreating")
    )
    assert world.causes()[0] == "pods-no-api"
    assert world.seen("pods-no-api") == [f"Pod sample/sample-app-x: FailedCreatePodSandBox: {text} (3 times)"]


def test_events_of_a_node_in_trouble_count(world: Any, make: Any) -> None:
    name = world.kube.nodes_[0]["metadata"]["name"]
    world.kube.events_ = [make.event("Node", "", name, "Odd", "something new")]
    assert world.ids() == []
    world.kube.nodes_[0] = make.node(name, ready=False, message="PLEG is not healthy")
    assert world.causes() == ["unknown", "unknown"]


def test_events_of_a_controller_count_while_they_are_recent(world: Any, make: Any) -> None:
    text = 'failed calling webhook "x.example.com": Address is not allowed'
    old = make.now - timedelta(minutes=11)
    world.kube.events_ = [make.event("ReplicaSet", "sample", "sample-app-7d5b", "FailedCreate", text, at=old)]
    assert world.ids() == []
    world.kube.events_[0]["lastTimestamp"] = "no time"
    assert world.ids() == []
    world.kube.events_ = [make.event("ReplicaSet", "sample", "sample-app-7d5b", "FailedCreate", text)]
    assert world.causes() == ["webhook-pod-network"]


def test_events_that_are_no_warnings_do_not_count(world: Any, make: Any) -> None:
    found = make.event("ReplicaSet", "sample", "sample-app-7d5b", "FailedCreate", "Address is not allowed")
    world.kube.events_ = [{**found, "type": "Normal"}]
    assert world.ids() == []


def test_the_log_of_a_calico_that_is_not_ready_is_read(world: Any, make: Any) -> None:
    text = "felix: error connecting: dial tcp 172.16.0.1:443: i/o timeout"
    world.kube.log_text["calico-node-a"] = text
    assert world.ids() == []
    world.kube.pods_[0] = make.pod(
        "kube-system", "calico-node-a", "calico-node", "ip-1", waiting="CrashLoopBackOff"
    )
    assert world.causes() == ["pods-no-api"]
    assert world.seen("pods-no-api") == [f"log of calico-node-a: {text}"]
    assert [tail.lines for tail in world.section("Pods").tails] == [(text,)]
    world.kube.log_text["calico-node-a"] = "nothing known"
    assert world.causes() == ["pod-crashes", "unknown"]


def test_a_kubelet_that_cannot_be_asked_is_named(world: Any) -> None:
    refused = "HTTP 500: Get https://10.90.1.182:10250/containerLogs: dial tcp 10.90.1.182:10250: i/o timeout"
    world.kube.refused_logs["calico-node-c"] = refused
    assert world.causes() == ["kubelet-unreachable"]


def test_a_log_that_is_not_there_yet_is_no_trouble_of_its_own(world: Any) -> None:
    world.kube.refused_logs["calico-node-c"] = (
        "HTTP 400: container calico-node is waiting to start: PodInitializing"
    )
    assert world.ids() == []


@pytest.mark.parametrize(
    ("state", "reason", "finding"),
    [
        ("unhealthy", "Target.Timeout", "target-timeout"),
        ("unhealthy", "Target.ResponseCodeMismatch", "target-failed"),
        ("unused", "Target.NotInUse", "target-unused"),
        ("initial", "Elb.InitialHealthChecking", "target-starting"),
        ("unavailable", "Strange.Reason", "unknown"),
    ],
)
def test_a_target_that_is_not_healthy_is_named_with_its_reason(
    world: Any, make: Any, state: str, reason: str, finding: str
) -> None:
    world.cloud.health[make.target_group("hybrid")][0] = make.target(
        "10.90.1.182", state, reason, "as AWS says"
    )
    assert world.causes() == [finding]
    assert world.seen(finding) == [f"hybrid target 10.90.1.182:30080: it is {state}: {reason}: as AWS says"]


def test_a_target_on_its_way_out_is_no_trouble(world: Any, make: Any) -> None:
    world.cloud.health[make.target_group("hybrid")].append(make.target("10.90.1.9", "draining"))
    assert world.ids() == []


def test_a_group_without_targets_is_named(world: Any, make: Any) -> None:
    world.cloud.health[make.target_group("managed")] = []
    assert world.seen("targets-none") == ["managed targets: no target is registered"]
