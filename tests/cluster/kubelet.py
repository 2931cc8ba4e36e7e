"""What kwok does in place of a kubelet: its stages, and what it answers to `logs` and `exec`.

The stages are in kwok's own format, https://kwok.sigs.k8s.io/docs/user/stages-configuration/. A Node becomes Ready at
once; a pod that is bound to it runs, is ready, and vanishes when it is deleted.
"""

import json
from pathlib import Path
from typing import Any, Final

CONFIGURATION: Final = "kwok.yaml"
LOG_FILE: Final = "container.log"
# The annotation of the Nodes that kwok plays. A Node without it has no kubelet: a machine that is dead.
PLAYED: Final = "kwok.x-k8s.io/node"
# A pod on a Node with this prefix runs, but is never ready: its network does not work.
DEAF: Final = "deaf-"
LOG_TEXT: Final = "the first line\nthe second line\nthe last line\n"
# As containerd writes it: time, stream, F for a full line, text.
_LOG_LINE: Final = "2026-11-25T08:00:00.000000000Z stdout F "

_NODE_STATUS: Final = """
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- {type: {{ .type | Quote }}, status: {{ .status | Quote }}, reason: {{ .reason | Quote }},
   message: {{ .message | Quote }}, lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }}}
{{ end }}
daemonEndpoints: {kubeletEndpoint: {Port: {{ NodePort }}}}
phase: Running
"""

_POD_STATUS: Final = """
{{ $now := Now }}
{{ $node := .spec.nodeName }}
conditions:
- {type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }}}
- {type: Ready, status: "READY", lastTransitionTime: {{ $now | Quote }}}
- {type: ContainersReady, status: "READY", lastTransitionTime: {{ $now | Quote }}}
containerStatuses:
{{ range .spec.containers }}
- {name: {{ .name | Quote }}, image: {{ .image | Quote }}, ready: READINESS, started: true, restartCount: 0,
   state: {running: {startedAt: {{ $now | Quote }}}}}
{{ end }}
{{ $host := or .spec.hostNetwork false }}
{{ with .metadata }}
{{ $podIPs := PodIPsWith $node $host .uid .name .namespace }}
podIP: {{ index $podIPs 0 | Quote }}
{{ end }}
hostIP: {{ index (NodeIPsWith $node) 0 | Quote }}
phase: Running
startTime: {{ $now | Quote }}
"""


def write_configuration(folder: Path) -> None:
    """Write kwok's configuration, and the file that it gives as every container's log, into `folder`."""
    log = folder / LOG_FILE
    log.write_text("".join(_LOG_LINE + line for line in LOG_TEXT.splitlines(keepends=True)), encoding="utf-8")
    ready, deaf = (
        _POD_STATUS.replace("READY", word.title()).replace("READINESS", word) for word in ("true", "false")
    )
    objects = [
        _stage("node-ready", "Node", _NODE_STATUS, _unless_ready()),
        _stage("pod-ready", "Pod", ready, [*_starting(), _on_deaf_node("NotIn")]),
        _stage("pod-deaf", "Pod", deaf, [*_starting(), _on_deaf_node("In")]),
        _stage("pod-deleted", "Pod", None, [_exists(".metadata.deletionTimestamp", "Exists")]),
        _object("ClusterLogs", "logs", {"logs": [{"logsFile": str(log)}]}),
        # Commands run here, on this machine: tests use harmless ones.
        _object("ClusterExec", "exec", {"execs": [{"local": {}}]}),
    ]
    (folder / CONFIGURATION).write_text(
        "---\n".join(json.dumps(each) + "\n" for each in objects), encoding="utf-8"
    )


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _stage(name: str, kind: str, status: str | None, when: list[dict[str, Any]]) -> dict[str, Any]:
    following = {"statusTemplate": status} if status else {"delete": True}
    resource = {"apiGroup": "v1", "kind": kind}
    return _object(
        "Stage", name, {"resourceRef": resource, "selector": {"matchExpressions": when}, "next": following}
    )


def _exists(path: str, operator: str) -> dict[str, Any]:
    return {"key": path, "operator": operator}


def _unless_ready() -> list[dict[str, Any]]:
    path = '.status.conditions.[] | select( .type == "Ready" ) | .status'
    return [{"key": path, "operator": "NotIn", "values": ["True"]}]


def _starting() -> list[dict[str, Any]]:
    pending = {"key": ".status.phase", "operator": "In", "values": ["Pending"]}
    return [_exists(".metadata.deletionTimestamp", "DoesNotExist"), pending]


def _on_deaf_node(operator: str) -> dict[str, Any]:
    return {"key": f'.spec.nodeName | startswith("{DEAF}")', "operator": operator, "values": ["true"]}
