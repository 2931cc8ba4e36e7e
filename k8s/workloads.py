"""What the workloads of this program have in common, as plain data. Pure: no pulumi package is imported.

Objects are written the way the Kubernetes API spells them (camelCase), so that they can be read beside its
documentation; the tests check every key against the API's own model.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from infra import versions
from infra.names import HTTP_ECHO_PORT

# From the launch of an instance to a running pod: boot, nodeadm install and init, Calico's and the pod's images.
# Five minutes are usual; a slow mirror or a retry must not fail the deployment.
BOOT_TIMEOUT_MINUTES: Final = 20
# On an object that may wait for its nodes without holding up `pulumi up`.
# https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/#annotations
NOT_AWAITED: Final = {"pulumi.com/skipAwait": "true"}
# New pods first, all of them, then the old ones go. Pulumi's await compares the ready pods with the size of a
# ReplicaSet, so no step of a rollout may have a small one: it would end with the first pod of a rollout step by step,
# and with none at all where the new ReplicaSet begins with 0 because there is no surge (seen with the real provider:
# "Replicas scaled to 0", and `pulumi up` ended without the node that it had added).
_NEW_BEFORE_OLD: Final = {
    "type": "RollingUpdate",
    "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0},
}


def deployment(
    *,
    name: str,
    namespace: str,
    replicas: int,
    pod: Mapping[str, Any],
    awaited: bool = True,
    more_labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return `metadata` and `spec` of a Deployment whose pods carry the label `app: <name>`, and `more_labels`.

    `pod` is the spec of its pods, `awaited` whether `pulumi up` waits for them.
    """
    labels = {"app": name}
    spec = {
        "replicas": replicas,
        "strategy": _NEW_BEFORE_OLD,
        # The same as the await's time-out. Kubernetes' default of ten minutes would not end Pulumi's await, which
        # only repeats "ProgressDeadlineExceeded" as a warning and goes on to its own time-out (pulumi-kubernetes,
        # provider/pkg/await/deployment.go). But it would be a false alarm about a node that is still booting.
        "progressDeadlineSeconds": BOOT_TIMEOUT_MINUTES * 60,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": {**labels, **(more_labels or {})}}, "spec": dict(pod)},
    }
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "labels": labels}
    return {"metadata": metadata if awaited else {**metadata, "annotations": NOT_AWAITED}, "spec": spec}


def non_root(user_id: int) -> dict[str, Any]:
    """Return a pod's `securityContext`: user and group `user_id`, the container runtime's seccomp filter."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user_id,
        "runAsGroup": user_id,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def confined(**capabilities: list[str]) -> dict[str, Any]:
    """Return a container's `securityContext`: read-only root, no way to more rights, no capability not added."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], **capabilities},
    }


def required_node(label: Mapping[str, Any]) -> dict[str, Any]:
    """Return an `affinity` for nodes whose labels match one expression (key, operator, values), and no others."""
    required = {"nodeSelectorTerms": [{"matchExpressions": [dict(label)]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def tolerations(taints: Sequence[str]) -> list[dict[str, str]]:
    """Return what lets a pod onto nodes with these taints (KEY=VALUE:EFFECT, as the kubelet takes them)."""
    return [
        {"key": key, "operator": "Equal", "value": value, "effect": effect}
        for taint in dict.fromkeys(taints)
        for pair, _, effect in [taint.rpartition(":")]
        for key, _, value in [pair.partition("=")]
    ]


def tolerating(taints: Sequence[str]) -> dict[str, Any]:
    """Return the field of a pod that tolerates these taints; without any there is none."""
    return {"tolerations": tolerations(taints)} if taints else {}


def spread_over_hosts(
    name: str, *, min_hosts: int | None = None, labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a topology spread constraint that puts the pods of app `name`, or those with `labels`, on different hosts.

    A pod waits rather than break it: no host gets a second pod while another one that may run it has none. With
    `min_hosts` (at least 1) nor before there are that many hosts; nw_check.py says what for.
    """
    constraint: dict[str, Any] = {
        "topologyKey": "kubernetes.io/hostname",
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": dict(labels or {"app": name})},
        # Pods of an older revision, on their way out, do not count.
        "matchLabelKeys": ["pod-template-hash"],
        # Nor does a host that takes no pods, for example a node being drained.
        "nodeTaintsPolicy": "Honor",
    }
    if min_hosts is not None:
        constraint["minDomains"] = min_hosts
    return constraint


def http_echo() -> dict[str, Any]:
    """Return a container that answers every request on `HTTP_ECHO_PORT` with the name of its pod.

    A static binary on distroless, for amd64 and arm64.
    """
    health = {"httpGet": {"path": "/health", "port": "http"}}
    return {
        "name": "http-echo",
        "image": versions.HTTP_ECHO_IMAGE,
        # Kubernetes puts the pod's name in; the quotes are part of the article's answer.
        "args": [f"-listen=:{HTTP_ECHO_PORT}", '-text="Hello from Pod [$(POD_NAME)] !"'],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [{"name": "http", "containerPort": HTTP_ECHO_PORT}],
        "securityContext": confined(),
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi"},
            "limits": {"cpu": "200m", "memory": "64Mi"},
        },
        "readinessProbe": {**health, "periodSeconds": 5},
        "livenessProbe": {**health, "periodSeconds": 10},
    }
