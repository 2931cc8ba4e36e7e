"""A deployment to diagnose: what AWS and Kubernetes would answer of it, in which a test plants its fault."""

import copy
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.clients.errors import AskError, NotAllowedError
from ops.doctor import report, session
from ops.doctor.diagnosis import Diagnosis
from ops.doctor.subject import Machine, State, Subject
from ops.doctor.symptoms import Section
from tests.ops.doctor.standin import fakes, objects
from tests.ops.doctor.standin.fakes import CLUSTER, STACK_TAG

Object = dict[str, Any]
NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
REGION, ACCOUNT = "ap-northeast-1", "012345678901"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/hybrid-node-1a2b3c4"


node, pod, unscheduled, target = objects.node, objects.pod, objects.unscheduled, objects.target


def event(kind: str, namespace: str, name: str, reason: str, message: str, *, at: datetime = NOW) -> Object:
    """A warning Event."""
    return objects.event(kind, namespace, name, reason, message, at=at)


@dataclass
class World:
    """Everything about one stack. The default is healthy: two managed and two hybrid nodes."""

    subject: Subject
    cloud: Any
    kube: Any
    connect_error: Exception | None = None

    def state(self, *, recorded: tuple[str, ...] = (), **more: Any) -> State:
        """The state of a stack that has recorded the machines that AWS has, and what else is named."""
        instances = [item["InstanceId"] for item in self.cloud.instances_]
        activations = [item["ActivationId"] for item in self.cloud.activations_]
        return State(recorded=dict.fromkeys([*instances, *activations, *recorded], "urn:recorded"), **more)

    def diagnosis(self, bundle: Path | None = None) -> Diagnosis:
        def connect(cluster: Object | None) -> Any:
            assert cluster is None or cluster["name"] == CLUSTER
            if self.connect_error:
                raise self.connect_error
            return self.kube

        return session.examine(self.subject, self.cloud, connect, now=NOW, bundle_path=bundle)

    def ids(self) -> list[str]:
        """The findings, in order."""
        return [finding.id for finding in self.diagnosis().findings]

    def causes(self) -> list[str]:
        """What is not explained by something else: causes, then what is quoted."""
        found = self.diagnosis()
        return [finding.id for finding in (*found.causes, *found.quoted)]

    def seen(self, finding_id: str) -> list[str]:
        """Where one finding was seen."""
        found = [one for one in self.diagnosis().findings if one.id == finding_id]
        return [f"{seen.subject}: {seen.text}" for one in found for seen in one.seen]

    def section(self, title: str) -> Section:
        return next(section for section in self.diagnosis().sections if section.title == title)

    def lost(self, number: int, console: str) -> None:
        """Let a hybrid node never have joined; `console` is what its machine said."""
        ident = instance_id(number)
        self.cloud.consoles[ident] = console
        self.kube.nodes_ = [
            item
            for item in self.kube.nodes_
            if item["metadata"]["labels"].get("eks-hybrid-calico/name") != f"hybrid-{number}"
        ]
        self.cloud.registered_ = [
            item for item in self.cloud.registered_ if item["ActivationId"] != activation_id(number)
        ]
        self.kube.pods_ = [
            item for item in self.kube.pods_ if item["spec"]["nodeName"] != managed_instance_id(number)
        ]
        for item in self.cloud.activations_:
            if item["ActivationId"] == activation_id(number):
                del item["RegistrationsCount"]  # as the API has it: at least 1, or absent


def instance_id(number: int) -> str:
    return f"i-0bbbbbbbbbbbbbb{number:02}"


def managed_instance_id(number: int) -> str:
    return f"mi-06d5ac211e74887c{number}"


def activation_id(number: int) -> str:
    return f"11111111-2222-3333-4444-{number:012}"


def target_group(side: str) -> str:
    return f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{side}/73e2d6bc24d8a067"


def healthy() -> World:
    """A deployment as it should be."""
    numbers = (1, 2)
    subject = Subject(
        project="eks-hybrid-calico",
        stack="dev",
        region=REGION,
        profile=None,
        cluster_name=CLUSTER,
        machines=tuple(
            Machine(
                name=f"hybrid-{n}",
                instance_id=instance_id(n),
                activation_id=activation_id(n),
                private_ip=f"10.90.1.{181 + n}",
            )
            for n in numbers
        ),
        target_groups={side: target_group(side) for side in ("hybrid", "managed")},
        remote_node_networks=("10.90.0.0/16",),
        hybrid_role_arn=ROLE_ARN,
    )
    managed = [f"ip-10-10-{n}-193.{REGION}.compute.internal" for n in numbers]
    hybrids = [managed_instance_id(n) for n in numbers]
    cloud = fakes.FakeCloud(
        instances_=[
            {
                "InstanceId": instance_id(n),
                "State": {"Name": "running"},
                "LaunchTime": NOW - timedelta(minutes=30),
                "PrivateIpAddress": f"10.90.1.{181 + n}",
                "Tags": [STACK_TAG, {"Key": "Name", "Value": f"hybrid-{n}"}],
            }
            for n in numbers
        ]
        + [
            {
                "InstanceId": f"i-0aaaaaaaaaaaaaa{n:02}",
                "State": {"Name": "running"},
                "Tags": [STACK_TAG, {"Key": "eks:nodegroup-name", "Value": "managed"}],
            }
            for n in numbers
        ],
        consoles={instance_id(n): objects.JOINED for n in numbers},
        activations_=[
            {
                "ActivationId": activation_id(n),
                "Description": f"Hybrid node hybrid-{n} of EKS cluster {CLUSTER}",
                "DefaultInstanceName": f"hybrid-{n}",
                "IamRole": "hybrid-node-1a2b3c4",
                "RegistrationLimit": 1,
                "RegistrationsCount": 1,
                "Expired": False,
                "ExpirationDate": NOW + timedelta(hours=23),
                "CreatedDate": NOW - timedelta(minutes=31),
                "Tags": [STACK_TAG, {"Key": "Name", "Value": f"hybrid-{n}"}],
            }
            for n in numbers
        ],
        registered_=[
            {"InstanceId": managed_instance_id(n), "ActivationId": activation_id(n), "PingStatus": "Online"}
            for n in numbers
        ],
        eks={
            "name": CLUSTER,
            "status": "ACTIVE",
            "version": "1.35",
            "endpoint": "https://0123.gr7.ap-northeast-1.eks.amazonaws.com",
            "remoteNetworkConfig": {"remoteNodeNetworks": [{"cidrs": ["10.90.0.0/16"]}]},
        },
        entries=[
            {"principalArn": f"arn:aws:iam::{ACCOUNT}:role/admin", "type": "STANDARD"},
            {"principalArn": ROLE_ARN, "type": "HYBRID_LINUX"},
        ],
        groups=[
            {"nodegroupName": "managed-1a2b3c4", "status": "ACTIVE", "scalingConfig": {"desiredSize": 2}}
        ],
        addons=[
            {"addonName": "coredns", "status": "ACTIVE", "addonVersion": "v1.12.4-eksbuild.1"},
            {"addonName": "kube-proxy", "status": "ACTIVE", "addonVersion": "v1.35.0-eksbuild.2"},
        ],
        health={
            target_group("hybrid"): [target(f"10.90.1.{181 + n}") for n in numbers],
            target_group("managed"): [target(f"i-0aaaaaaaaaaaaaa{n:02}") for n in numbers],
        },
    )
    kube = fakes.FakeKube(
        nodes_=[node(name) for name in managed]
        + [
            node(name, alias=f"hybrid-{n}", activation=activation_id(n))
            for n, name in zip(numbers, hybrids, strict=True)
        ],
        pods_=[
            pod("kube-system", f"calico-node-{letter}", "calico-node", name)
            for letter, name in zip("abcd", managed + hybrids, strict=True)
        ]
        + [pod("kube-system", f"coredns-5d78c9869d-{n}", "kube-dns", name) for n, name in enumerate(managed)]
        + [
            pod("nw-check", f"nw-check-managed-c7cd75cc6-{n}", "nw-check-managed", name)
            for n, name in enumerate(managed)
        ]
        + [
            pod("nw-check", f"nw-check-hybrid-6f8c9-{n}", "nw-check-hybrid", name)
            for n, name in enumerate(hybrids)
        ]
        + [pod("sample", f"sample-app-7d5b76dcff-{n}", "sample-app", name) for n, name in enumerate(hybrids)],
    )
    return World(subject=subject, cloud=cloud, kube=kube)


def too_old() -> World:
    """hybrid-1 never joined, because its nodeadm is too old."""
    found = healthy()
    found.lost(1, objects.TOO_OLD)
    found.cloud.health[target_group("hybrid")][0] = target(
        "10.90.1.182", "unhealthy", "Target.Timeout", "Request timed out"
    )
    found.kube.pods_.append(
        unscheduled(
            "nw-check",
            "nw-check-hybrid-6f8c9-x",
            "nw-check-hybrid",
            "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints.",
        )
    )
    return found


def node_group_failed() -> World:
    """The cluster is up, but Calico's image does not come, so the node group failed; there are no outputs."""
    found = healthy()
    found.subject = Subject(
        project="eks-hybrid-calico",
        stack="dev",
        region=REGION,
        profile=None,
        cluster_name=CLUSTER,
        machines=(Machine(name="hybrid-1"), Machine(name="hybrid-2")),
        remote_node_networks=("10.90.0.0/16",),
        notes=("the stack has no outputs: pulumi up has not come to its end yet",),
    )
    managed = [item["metadata"]["name"] for item in found.kube.nodes_[:2]]
    message = (
        "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin "
        "returns error: cni plugin not initialized"
    )
    found.kube.nodes_ = [node(name, ready=False, message=message) for name in managed] + found.kube.nodes_[2:]
    found.kube.pods_ = [
        pod(
            "kube-system",
            f"calico-node-{letter}",
            "calico-node",
            name,
            waiting="ImagePullBackOff",
            message='Back-off pulling image "quay.io/calico/cni:v3.32.1"',
        )
        for letter, name in zip("ab", managed, strict=True)
    ] + [item for item in found.kube.pods_ if item["spec"]["nodeName"].startswith("mi-")]
    found.kube.refused_logs = {
        f"calico-node-{letter}": 'HTTP 400: container "calico-node" in pod is waiting to start: trying and failing to '
        "pull image"
        for letter in "ab"
    }
    found.kube.events_ = [
        event(
            "Pod",
            "kube-system",
            "calico-node-a",
            "Failed",
            'Failed to pull image "quay.io/calico/cni:v3.32.1": dial tcp 34.224.23.16:443: i/o timeout',
        )
    ]
    issue = {
        "code": "NodeCreationFailure",
        "message": "Unhealthy nodes in the kubernetes cluster",
        "resourceIds": ["i-0aaaaaaaaaaaaaa01", "i-0aaaaaaaaaaaaaa02"],
    }
    found.cloud.groups = [
        {"nodegroupName": "managed-1a2b3c4", "status": "CREATE_FAILED", "health": {"issues": [issue]}}
    ]
    found.cloud.addons = found.cloud.addons[1:]
    found.cloud.target_groups = [
        {"TargetGroupArn": target_group("managed"), "TargetType": "instance"},
        {"TargetGroupArn": target_group("hybrid"), "TargetType": "ip"},
    ]
    found.cloud.health = {}
    return found


SCENARIOS: dict[str, Callable[[], World]] = {
    "healthy": healthy,
    "nodeadm-too-old": too_old,
    "node-group-failed": node_group_failed,
}


@dataclass(frozen=True)
class Make:
    """The parts that tests build their own faults from."""

    now: datetime = NOW
    healthy: Callable[[], World] = healthy
    too_old: Callable[[], World] = too_old
    node_group_failed: Callable[[], World] = node_group_failed
    scenarios: Any = None
    node: Callable[..., Object] = node
    pod: Callable[..., Object] = pod
    unscheduled: Callable[..., Object] = unscheduled
    event: Callable[..., Object] = event
    target: Callable[..., Object] = target
    instance_id: Callable[[int], str] = instance_id
    activation_id: Callable[[int], str] = activation_id
    target_group: Callable[[str], str] = target_group
    joined: str = objects.JOINED
    too_old_console: str = objects.TOO_OLD


@pytest.fixture
def make() -> Make:
    """Builders of what AWS and Kubernetes answer."""
    return Make(scenarios=SCENARIOS)


@pytest.fixture
def world() -> World:
    """A healthy deployment; a test plants its fault in it."""
    return copy.deepcopy(healthy())


@pytest.fixture
def refusal() -> Callable[[str], AskError]:
    """An answer that is none."""
    return lambda seen: NotAllowedError(seen, code="aws-denied", CALL=seen)


class Shown:
    """A diagnosis as it is written."""

    def pretty(self, diagnosis: Diagnosis, width: int, *, color: bool = False) -> str:
        written = io.StringIO()
        report.write_pretty(diagnosis, written, color=color, width=width)
        return written.getvalue()

    def json(self, diagnosis: Diagnosis) -> str:
        written = io.StringIO()
        report.write_json(diagnosis, written)
        return written.getvalue()


@pytest.fixture
def shown() -> Shown:
    """Writes reports into texts."""
    return Shown()
