"""A deployment to diagnose: what AWS and Kubernetes would answer of it, in which a test plants its fault."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ops.doctor import report, session
from ops.doctor.diagnosis import Diagnosis
from ops.doctor.parts import AskError, ExecError
from ops.doctor.subject import Machine, Subject
from ops.doctor.symptoms import Section

Object = dict[str, Any]
NOW = datetime(2026, 11, 23, 15, 30, tzinfo=timezone.utc)
REGION, ACCOUNT, CLUSTER = "ap-northeast-1", "012345678901", "eks-hybrid"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/hybrid-node-1a2b3c4"
STACK_TAG = {"Key": "eks-hybrid-calico:stack", "Value": "eks-hybrid-calico/dev"}
VERSION = "v1.35.2-eks-1a2b3c4"

JOINED = """[    0.000000] Linux version 6.14.0-1018-aws (buildd@bos03-arm64-052)
[   14.220184] cloud-init[812]: Cloud-init v. 25.2 running 'modules:final'
2026-11-23T15:01:02Z join: step 1/7 look whether this machine has joined
2026-11-23T15:01:02Z join: step 2/7 download nodeadm
2026-11-23T15:01:04Z join: nodeadm v1.0.20 has the expected sha256 {digest}
2026-11-23T15:01:04Z join: step 3/7 check the node configuration
2026-11-23T15:01:04Z join: step 4/7 install the Kubernetes components
2026-11-23T15:02:31Z join: step 5/7 clear the CNI configuration
2026-11-23T15:02:31Z join: step 6/7 join the cluster
2026-11-23T15:03:12Z join: step 7/7 check the kubelet
2026-11-23T15:04:12Z join: done: joined EKS cluster eks-hybrid in ap-northeast-1
""".format(digest="ab" * 32)

_FATAL = (
    '{"level":"fatal","ts":"2026-11-23T15:02:31.881Z","caller":"./main.go:55","msg":"Command failed","error":"failed '
    "to install ssm installer: validating ssm-setup-cli signature: Signature Verification Error: No matching "
    'signature"}'
)
_INFO = (
    '{"level":"info","ts":"2026-11-23T15:02:20.114Z","caller":"ssm/install.go:61","msg":"Downloading SSM installer",'
    '"region":"ap-northeast-1"}'
)
_REASON = "install the Kubernetes components: nodeadm install 1.35 failed; its last lines above say why"
TOO_OLD = "\n".join(
    [
        *JOINED.splitlines()[:4],
        *JOINED.splitlines()[5:7],
        f"2026-11-23T15:02:20Z {_INFO}",
        f"2026-11-23T15:02:31Z {_FATAL}",
        "2026-11-23T15:02:31Z join: once the cause is gone, run again: sudo /usr/local/sbin/eks-hybrid-join",
        f"2026-11-23T15:02:31Z join: failed at step 4/7 {_REASON}",
        "",
    ]
)


def node(
    name: str, *, alias: str = "", activation: str = "", ready: bool = True, message: str = ""
) -> Object:
    """A Node."""
    hybrid = {
        "eks.amazonaws.com/compute-type": "hybrid",
        "eks-hybrid-calico/name": alias,
        "eks-hybrid-calico/activation": activation,
    }
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    if not ready:
        condition |= {"reason": "KubeletNotReady", "message": message}
    return {
        "metadata": {"name": name, "labels": hybrid if alias else {"eks.amazonaws.com/nodegroup": "managed"}},
        "spec": {},
        "status": {"conditions": [condition], "nodeInfo": {"kubeletVersion": VERSION}},
    }


def pod(
    namespace: str, name: str, app: str, on: str, *, waiting: str = "", message: str = "", restarts: int = 0
) -> Object:
    """A Pod; `waiting`: the reason why it is not ready."""
    state = {"waiting": {"reason": waiting, "message": message}} if waiting else {"running": {}}
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"k8s-app" if namespace == "kube-system" else "app": app},
        },
        "spec": {
            "nodeName": on,
            "containers": [{"name": app, "env": [{"name": "DB", "value": "spec-secret"}]}],
        },
        "status": {
            "phase": "Running" if on else "Pending",
            "conditions": [{"type": "Ready", "status": "False" if waiting else "True"}],
            "containerStatuses": [{"name": app, "state": state, "restartCount": restarts}],
        },
    }


def unscheduled(namespace: str, name: str, app: str, message: str) -> Object:
    """A Pod without a node."""
    found = pod(namespace, name, app, "")
    found["status"]["containerStatuses"] = []
    found["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": message}]
    return found


def event(kind: str, namespace: str, name: str, reason: str, message: str, *, at: datetime = NOW) -> Object:
    """A warning Event."""
    return {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "count": 3,
        "lastTimestamp": at.isoformat().replace("+00:00", "Z"),
        "involvedObject": {"kind": kind, "namespace": namespace, "name": name},
    }


@dataclass
class FakeCloud:
    """`Cloud` out of lists. `refused` maps a method to the error it raises."""

    instances_: list[Object] = field(default_factory=list)
    consoles: dict[str, str] = field(default_factory=dict)
    activations_: list[Object] = field(default_factory=list)
    registrations: list[Object] = field(default_factory=list)
    eks: Object | None = None
    entries: list[Object] = field(default_factory=list)
    groups: list[Object] = field(default_factory=list)
    addons: list[Object] = field(default_factory=list)
    target_groups: list[Object] = field(default_factory=list)
    health: dict[str, list[Object]] = field(default_factory=dict)
    refused: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def _ask(self, name: str) -> None:
        self.asked.append(name)
        if name in self.refused:
            raise self.refused[name]

    def tagged_instances(self, key: str, value: str) -> list[Object]:
        self._ask("tagged_instances")
        return [item for item in self.instances_ if {"Key": key, "Value": value} in item.get("Tags", [])]

    def instances(self, instance_ids: Sequence[str]) -> list[Object]:
        self._ask("instances")
        return [item for item in self.instances_ if item["InstanceId"] in instance_ids]

    def console(self, instance_id: str) -> Object | None:
        self._ask("console")
        text = self.consoles.get(instance_id)
        return None if text is None else {"InstanceId": instance_id, "Output": text, "Timestamp": NOW}

    def activations(self) -> list[Object]:
        self._ask("activations")
        return self.activations_

    def registered(self, activation_ids: Sequence[str]) -> list[Object]:
        self._ask("registered")
        return [item for item in self.registrations if item["ActivationId"] in activation_ids]

    def cluster(self, name: str) -> Object | None:
        self._ask("cluster")
        assert name == CLUSTER
        return self.eks

    def access_entries(self, cluster: str) -> list[Object]:
        self._ask("access_entries")
        assert cluster == CLUSTER
        return self.entries

    def node_groups(self, cluster: str) -> list[Object]:
        self._ask("node_groups")
        assert cluster == CLUSTER
        return self.groups

    def add_ons(self, cluster: str) -> list[Object]:
        self._ask("add_ons")
        assert cluster == CLUSTER
        return self.addons

    def tagged_target_groups(self, key: str, value: str) -> list[Object]:
        self._ask("tagged_target_groups")
        assert {"Key": key, "Value": value} == STACK_TAG
        return self.target_groups

    def target_health(self, target_group_arn: str) -> list[Object]:
        self._ask("target_health")
        return self.health.get(target_group_arn, [])


@dataclass
class FakeKube:
    """`Kube` out of lists."""

    nodes_: list[Object] = field(default_factory=list)
    pods_: list[Object] = field(default_factory=list)
    events_: list[Object] = field(default_factory=list)
    daemon_sets: set[str] = field(default_factory=lambda: {"calico-node"})
    log_text: dict[str, str] = field(default_factory=dict)
    refused_logs: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Exception] = field(default_factory=dict)

    def _ask(self, name: str) -> None:
        if name in self.refused:
            raise self.refused[name]

    def nodes(self) -> list[Object]:
        self._ask("nodes")
        return self.nodes_

    def pods(self, namespace: str) -> list[Object]:
        self._ask(f"pods/{namespace}")
        return [item for item in self.pods_ if item["metadata"]["namespace"] == namespace]

    def events(self, namespace: str) -> list[Object]:
        self._ask("events")
        assert namespace == ""
        return self.events_

    def daemon_set(self, namespace: str, name: str) -> Object | None:
        self._ask("daemon_set")
        return {"metadata": {"name": name, "namespace": namespace}} if name in self.daemon_sets else None

    def logs(self, namespace: str, pod: str, *, container: str | None = None, lines: int = 10) -> str:
        self._ask("logs")
        assert (namespace, container) == ("kube-system", "calico-node")
        if pod in self.refused_logs:
            raise ExecError(self.refused_logs[pod])
        return "\n".join(self.log_text.get(pod, "felix/daemon.go 371: ready").splitlines()[-lines:])


@dataclass
class World:
    """Everything about one stack. The default is healthy: two managed and two hybrid nodes."""

    subject: Subject
    cloud: FakeCloud
    kube: FakeKube
    connect_error: Exception | None = None

    def diagnosis(self, bundle: Path | None = None) -> Diagnosis:
        def connect(cluster: Object | None) -> FakeKube:
            assert cluster is None or cluster["name"] == CLUSTER
            if self.connect_error:
                raise self.connect_error
            return self.kube

        return session.examine(self.subject, self.cloud, connect, now=NOW, bundle_path=bundle)

    def ids(self) -> list[str]:
        """The findings, in order."""
        return [finding.id for finding in self.diagnosis().findings]

    def causes(self) -> list[str]:
        return [finding.id for finding in self.diagnosis().causes]

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
        self.cloud.registrations = [
            item for item in self.cloud.registrations if item["ActivationId"] != activation_id(number)
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
    cloud = FakeCloud(
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
        consoles={instance_id(n): JOINED for n in numbers},
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
        registrations=[
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
    kube = FakeKube(
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


def target(name: str, state: str = "healthy", reason: str = "", description: str = "") -> Object:
    """A target and its health."""
    health = {"State": state, "Reason": reason, "Description": description}
    return {
        "Target": {"Id": name, "Port": 30080},
        "TargetHealth": {key: value for key, value in health.items() if value},
    }


def too_old() -> World:
    """hybrid-1 never joined, because its nodeadm is too old."""
    found = healthy()
    found.lost(1, TOO_OLD)
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
    joined: str = JOINED
    too_old_console: str = TOO_OLD
    cloud: type[FakeCloud] = FakeCloud


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
    return lambda seen: AskError(seen, why="these credentials may not ask this", fix="allow it")


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
