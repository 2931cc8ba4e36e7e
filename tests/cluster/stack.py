"""The program in the real engine, with the real Kubernetes provider, against a real API server.

Stand-ins are AWS and pulumi-eks (tests/engine/standin), and the machines: when the stand-in has made a node group or an
instance, `Machines` lets their Nodes register, and when it has terminated one, their kubelet falls silent.
"""

import subprocess
import threading
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
import yaml

from tests.cluster import kubelet, machines
from tests.cluster.api import RefusedError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.world import hybrid_machine
from tests.engine.harness import Call, Run, Stack
from tests.engine.hybrid_apis import Answer, HybridApis

ACTIVATION = "aws:ssm/activation:Activation"
INSTANCE = "aws:ec2/instance:Instance"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
_EVERY_S = 0.2


class RealStack(Stack):
    """A stack whose cluster is `cluster`; `provider` is the folder of the real pulumi-resource-kubernetes."""

    def __init__(self, folder: Path, cli: Path, *, provider: Path, cluster: ControlPlane) -> None:
        self.cluster = cluster
        super().__init__(folder, cli)
        file = self.project / "Pulumi.yaml"
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        for plugin in settings["plugins"]["providers"]:
            if plugin["name"] == "kubernetes":
                plugin["path"] = str(provider)
        file.write_text(yaml.safe_dump(settings), encoding="utf-8")
        self.order()

    def order(self, **orders: Any) -> None:
        """See Stack.order; where the cluster is, the stand-in is always told."""
        authority = b64encode(self.cluster.authority.encode()).decode()
        super().order(cluster={"endpoint": self.cluster.url, "authority": authority}, **orders)

    def finish(self, process: subprocess.Popen[str], started: float, timeout_s: float = 900) -> Run:
        """See Stack.finish; real parts take their time."""
        return super().finish(process, started, timeout_s)


class RealApis(HybridApis):
    """SSM and EKS as HybridApis has them, for a cluster whose API server is a real one."""

    def __init__(self, standin: Path, cluster: ControlPlane) -> None:
        super().__init__(standin)
        self._cluster = cluster

    def _describe_cluster(self, name: str) -> Answer:
        status, document = super()._describe_cluster(name)
        if status == 200:
            document["cluster"] |= {
                "endpoint": self._cluster.url,
                "certificateAuthority": {"data": b64encode(self._cluster.authority.encode()).decode()},
            }
        return status, document


class Machines:
    """Lets machines register as soon as the stand-in has made them, until `close`."""

    def __init__(self, stack: Stack, apis: HybridApis, cluster: ControlPlane) -> None:
        self._stack, self._apis, self._cluster = stack, apis, cluster
        # Hybrid machines register while this is set.
        self.boot_hybrid = threading.Event()
        self.boot_hybrid.set()
        self._waiting: list[dict[str, Any]] = []
        self._of_instance: dict[str, dict[str, Any]] = {}
        self._activations: list[str] = []
        self._seen, self._ended = 0, threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching; raise what stopped it before."""
        self._ended.set()
        self._thread.join()
        if self._failure:
            raise self._failure

    def _watch(self) -> None:
        try:
            while not self._ended.wait(_EVERY_S):
                self._look()
        except Exception as error:
            self._failure = error

    def _look(self) -> None:
        calls = self._stack.journal()[self._seen :]
        self._seen += len(calls)
        for call in calls:
            if not call.failed:
                self._note(call)
        # A server that is down for a moment is asked again, as a kubelet does.
        self._waiting = [node for node in self._waiting if not self._register(node)]

    def _note(self, call: Call) -> None:
        inputs = call.details.get("inputs", {})
        if (call.kind, call.type) == ("Create", ACTIVATION):
            self._activations.append(call.details["id"])
        elif (call.kind, call.type) == ("Create", NODE_GROUP):
            size = int(inputs["scalingConfig"]["desiredSize"])
            self._waiting += [machines.managed_node(number) for number in range(size)]
        elif (call.kind, call.type) == ("Create", INSTANCE):
            (activation_id,) = [each for each in self._activations if each in inputs["userData"]]
            node = hybrid_machine(activation_id)
            self._of_instance[call.details["id"]] = node
            self._apis.machines[node["metadata"]["name"]] = activation_id
            self._waiting.append(node)
        elif (call.kind, call.type) == ("Delete", INSTANCE):
            node = self._of_instance.pop(call.details["id"])
            if node in self._waiting:
                self._waiting.remove(node)
            else:
                self._cluster.api.merge(node, {"metadata": {"annotations": {kubelet.PLAYED: None}}})

    def _register(self, node: dict[str, Any]) -> bool:
        if node["metadata"]["name"].startswith("mi-") and not self.boot_hybrid.is_set():
            return False
        try:
            self._cluster.api.create(node)
        except RefusedError as error:
            return error.status == 409
        except urllib3.exceptions.HTTPError:
            return False
        return True


@dataclass(frozen=True, kw_only=True)
class RealRig:
    """A stack, its own control plane, the machines, and the APIs that the clean-up of hybrid nodes talks to."""

    stack: RealStack
    cluster: ControlPlane
    machines: Machines
    apis: RealApis
