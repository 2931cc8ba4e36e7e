"""AWS and a cluster out of lists; `refused` maps a question to the error it raises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.clients.aws import Aws
from ops.clients.kube import ExecError, Kube

Object = dict[str, Any]
CLUSTER = "eks-hybrid"
STACK_TAG = {"Key": "eks-hybrid-calico:stack", "Value": "eks-hybrid-calico/dev"}


@dataclass
class FakeCloud(Aws):
    """AWS out of lists. `refused` maps a method to the error it raises."""

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
    refused: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    # What is listed of the whole stack, by operation.
    listed: dict[str, list[Object]] = field(default_factory=dict)

    def _ask(self, name: str) -> None:
        self.asked.append(name)
        if name in self.refused:
            raise self.refused[name]

    def pages(self, service: str, operation: str, key: str, **arguments: object) -> list[Any]:
        self._ask(operation)
        assert arguments or service != "ec2", f"{operation} of {key} asks for everybody's"
        return self.listed.get(operation, [])

    def ask(self, service: str, operation: str, *, missing: Iterable[str] = (), **arguments: object) -> Any:
        self._ask(operation)
        assert arguments, f"{service} {operation} asks for everybody's, {missing} or not"
        return {"describe_addresses": {"Addresses": self.listed.get(operation, [])}}.get(operation)

    def tagged_instances(self, key: str, value: str) -> list[Object]:
        self._ask("tagged_instances")
        return [item for item in self.instances_ if {"Key": key, "Value": value} in item.get("Tags", [])]

    def instances(self, instance_ids: Sequence[str]) -> list[Object]:
        self._ask("instances")
        return [item for item in self.instances_ if item["InstanceId"] in instance_ids]

    def console(self, instance_id: str) -> Object | None:
        self._ask("console")
        text = self.consoles.get(instance_id)
        return None if text is None else {"InstanceId": instance_id, "Output": text, "Timestamp": None}

    def activations(self) -> list[Object]:
        self._ask("activations")
        return self.activations_

    def registered(self, activation_ids: Sequence[str]) -> list[Object]:
        self._ask("registered")
        return [item for item in self.registered_ if item["ActivationId"] in activation_ids]

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
class FakeKube(Kube):
    """A cluster out of lists."""

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
