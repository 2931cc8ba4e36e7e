"""AWS and a cluster out of lists."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ops.clients.kube import ExecError, Kube
from tests.ops.standin.aws import NOTHING, Answer, AnsweringAws, Object, Table

CLUSTER = "eks-hybrid"
STACK_TAG = {"Key": "eks-hybrid-calico:stack", "Value": "eks-hybrid-calico/dev"}


@dataclass
class FakeCloud(AnsweringAws):
    """AWS out of lists. `listed` is what a listing of the whole stack has, `refused` what comes in place of an answer.

    Both go by the question, `service operation`.
    """

    instances_: list[Object] = field(default_factory=list)
    consoles: dict[str, str] = field(default_factory=dict)
    activations_: list[Object] = field(default_factory=list)
    registered_: list[Object] = field(default_factory=list)
    eks: Object | None = None
    entries: list[Object] = field(default_factory=list)
    groups: list[Object] = field(default_factory=list)
    addons: list[Object] = field(default_factory=list)
    target_groups: list[Object] = field(default_factory=list)
    health: dict[str, list[Object]] = field(default_factory=dict)
    listed: dict[str, list[Object]] = field(default_factory=dict)
    refused: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def table(self) -> Table:
        return {
            **NOTHING,
            "ec2 describe_instances": [{"Instances": self.instances_}],
            "ec2 get_console_output": self._console,
            "eks describe_cluster": self._single("cluster", "name", [self.eks] if self.eks else []),
            "eks list_access_entries": [entry["principalArn"] for entry in self.entries],
            "eks describe_access_entry": self._single("accessEntry", "principalArn", self.entries),
            "eks list_nodegroups": [group["nodegroupName"] for group in self.groups],
            "eks describe_nodegroup": self._single("nodegroup", "nodegroupName", self.groups),
            "eks list_addons": [add_on["addonName"] for add_on in self.addons],
            "eks describe_addon": self._single("addon", "addonName", self.addons),
            "elbv2 describe_tags": self._tags,
            "elbv2 describe_target_groups": self.target_groups,
            "elbv2 describe_target_health": self._health,
            "ssm describe_activations": self.activations_,
            "ssm describe_instance_information": self.registered_,
            **self.listed,
            **self.refused,
        }

    def _console(self, request: Object) -> Answer:
        text = self.consoles.get(request["InstanceId"])
        return "InvalidInstanceID.NotFound" if text is None else {"Output": text}

    def _single(self, member: str, key: str, items: list[Object]) -> Callable[[Object], Answer]:
        """Describe the item of EKS that a request names, in our cluster."""

        def described(request: Object) -> Answer:
            ours = key == "name" or request["clusterName"] == CLUSTER
            item = next((item for item in items if ours and item[key] == request[key]), None)
            return {member: item} if item else "ResourceNotFoundException"

        return described

    def _tags(self, request: Object) -> Answer:
        described = [{"ResourceArn": arn, "Tags": [STACK_TAG]} for arn in request["ResourceArns"]]
        return {"TagDescriptions": described}

    def _health(self, request: Object) -> Answer:
        targets = self.health.get(request["TargetGroupArn"])
        return "TargetGroupNotFound" if targets is None else {"TargetHealthDescriptions": targets}


@dataclass
class FakeKube(Kube):
    """A cluster out of lists; `refused` maps a question to the error it raises."""

    nodes_: list[Object] = field(default_factory=list)
    pods_: list[Object] = field(default_factory=list)
    events_: list[Object] = field(default_factory=list)
    daemon_sets: set[str] = field(default_factory=lambda: {"calico-node"})
    log_text: dict[str, str] = field(default_factory=dict)
    refused_logs: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def _ask(self, name: str) -> None:
        self.asked.append(name)
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
