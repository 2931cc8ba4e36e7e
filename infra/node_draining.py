"""Moves the workloads off a hybrid node before its machine goes: cordon, then evict, as `kubectl drain` does.

Pods of a Node that is deleted stay bound to it for almost a minute, ready in the eyes of every Service. So the pods go
first. Evictions respect disruption budgets, but not for ever: a budget that allows no eviction must not stop every
`pulumi up`. https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

import time
from collections.abc import Callable
from typing import Any

from infra.credentials import Identity
from infra.names import ACTIVATION_LABEL
from infra.node_objects import ClusterNodes
from infra.node_registration import open_session
from infra.node_removal import to_engine

# A pod may take half a minute to end, and each pod of a budget waits for the one before it to be ready elsewhere.
DRAIN_WITHIN_S = 300
ASK_EVERY_S = 2

Object = dict[str, Any]


def drain(
    *,
    activation_id: str,
    nodes: ClusterNodes,
    report: Callable[[str], object],
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Drain every Node that joined with this activation: usually one, none when its machine never joined.

    What is still there after DRAIN_WITHIN_S is reported, and goes with the machine. Safe to repeat.

    Raises:
        CleanupError: nothing could be asked of AWS or Kubernetes; the machine is still there.

    """
    names = sorted(nodes.names_of(ACTIVATION_LABEL, activation_id))
    if not names:
        report("no node to drain")
    deadline = now() + DRAIN_WITHIN_S
    for name in names:
        _drain(name, nodes, report, lambda: now() < deadline, sleep)


def _drain(
    name: str,
    nodes: ClusterNodes,
    report: Callable[[str], object],
    there_is_time: Callable[[], bool],
    sleep: Callable[[float], None],
) -> None:
    node = nodes.cordon(name)
    if node is None:
        return
    answers = _is_ready(node)
    moved: set[str] = set()
    reported: set[str] = set()
    while left := _to_move(nodes.pods_on(name), ends=answers):
        for pod in left:
            if "deletionTimestamp" in pod["metadata"]:
                continue
            reason = nodes.evict(pod)
            if reason is None:
                moved.add(_label(pod))
            elif _label(pod) not in reported:
                reported.add(_label(pod))
                report(f"{name}: {_label(pod)} may not go yet: {reason}")
        if not there_is_time():
            stay = ", ".join(sorted(map(_label, left)))
            report(
                f"{name}: WARNING: after {DRAIN_WITHIN_S} s there is still {stay}. It ends with the machine. If a "
                "disruption budget allows no eviction: kubectl get pdb --all-namespaces"
            )
            return
        sleep(ASK_EVERY_S)
    note = "" if answers else " (it is not Ready, so nothing was waited for)"
    report(f"{name}: drained, pods evicted: {len(moved)}{note}")


def _to_move(pods: list[Object], *, ends: bool) -> list[Object]:
    """The pods that have to go elsewhere. On a node that does not answer (`ends` is false) no pod ever ends."""
    return [pod for pod in pods if _moves(pod) and (ends or "deletionTimestamp" not in pod["metadata"])]


def _moves(pod: Object) -> bool:
    meta = pod["metadata"]
    owners = [owner["kind"] for owner in meta.get("ownerReferences", []) if owner.get("controller")]
    # A DaemonSet puts its pod back at once, and Calico's is needed to the end. A mirror pod is the kubelet's own file.
    stays = "DaemonSet" in owners or "kubernetes.io/config.mirror" in meta.get("annotations", {})
    return not stays and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def _is_ready(node: Object) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _label(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def sign_in_and_drain(*, activation_id: str, cluster_name: str, identity: Identity) -> None:
    """Drain with credentials looked up now, and say each step on standard output.

    Raises:
        CleanupError: nothing could be asked of AWS or Kubernetes; the machine is still there.

    """
    report = to_engine(f"drain for activation {activation_id}")
    session = open_session(identity)
    nodes = ClusterNodes.signed_in(session, cluster_name, report)
    drain(activation_id=activation_id, nodes=nodes, report=report)
