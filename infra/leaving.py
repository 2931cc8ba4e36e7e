"""What makes a hybrid node leave: its drain, before the machine goes, and its clean-up, after that.

infra/node_drain.py and infra/node_cleanup.py are the resources that the engine deletes at the right moment; both call
what is here. docs/design.md has the table of how long each step waits, which a test takes from the constants.

Drain: pods of a Node that is deleted stay bound to it for almost a minute, ready in the eyes of every Service, so they
go first. Evictions respect disruption budgets, but not for ever: a budget that allows no eviction must not stop every
`pulumi up`. https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.credentials import Identity
from infra.eks_api import CleanupError, EksApi, Object
from infra.names import ACTIVATION_LABEL, LEAVE, NAME_LABEL

# A pod may take half a minute to end, and each pod of a budget waits for the one before it to be ready elsewhere.
DRAIN_WITHIN_S = 300
ASK_EVERY_S = 2

# What was registered seconds before the instance died may show up late: SSM's listing is eventually consistent.
SETTLE_S = 5
MOST_LOOKS = 4


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Which machine of which cluster, by the activation that it registered with, and who signs in to ask about it."""

    activation_id: str
    cluster_name: str
    identity: Identity

    @classmethod
    def from_state(cls, props: Mapping[str, Any]) -> "Machine":
        """Read it from what a resource has stored."""
        return cls(
            activation_id=props["activation_id"],
            cluster_name=props["cluster_name"],
            identity=Identity.from_state(props),
        )

    def sign_in(self, subject: str) -> EksApi:
        """Give the APIs of its cluster; each step is a line on standard output, which begins with `subject`.

        This process has no engine to log to; the engine shows each line of its standard output, which it starts
        unbuffered (python -u).
        """
        return EksApi.signed_in(
            self.identity, self.cluster_name, lambda line: sys.stdout.write(f"{subject}: {line}\n")
        )


def drain(activation_id: str, api: EksApi, *, now: Callable[[], float] = time.monotonic) -> None:
    """Drain every Node that joined with this activation: usually one, none when its machine never joined.

    What is still there after DRAIN_WITHIN_S is reported, and goes with the machine. Safe to repeat.

    Errors: CleanupError (nothing could be asked of AWS or Kubernetes; the machine is still there).
    """
    names = sorted(api.nodes_with(ACTIVATION_LABEL, activation_id))
    if not names:
        api.report("no node to drain")
    deadline = now() + DRAIN_WITHIN_S
    for name in names:
        _drain(name, api, lambda: now() < deadline)


def _drain(name: str, api: EksApi, there_is_time: Callable[[], bool]) -> None:
    node = api.cordon(name)
    if node is None:
        return
    ready = _ready(node) == "True"
    moved: set[str] = set()
    reported: set[str] = set()
    while left := _to_move(api.pods_on(name), ends=ready):
        for pod in left:
            if "deletionTimestamp" in pod["metadata"]:
                continue
            reason = api.evict(pod)
            if reason is None:
                moved.add(_label(pod))
            elif _label(pod) not in reported:
                reported.add(_label(pod))
                api.report(f"{name}: {_label(pod)} may not go yet: {reason}")
        if not there_is_time():
            stay = ", ".join(sorted(map(_label, left)))
            api.report(
                f"{name}: WARNING: after {DRAIN_WITHIN_S} s there is still {stay}. It ends with the machine. If a "
                "disruption budget allows no eviction: kubectl get pdb --all-namespaces"
            )
            return
        api.sleep(ASK_EVERY_S)
    note = "" if ready else " (it is not Ready, so nothing was waited for)"
    api.report(f"{name}: drained, pods evicted: {len(moved)}{note}")


def _to_move(pods: list[Object], *, ends: bool) -> list[Object]:
    """The pods that have to go elsewhere. On a node that does not answer (`ends` is false) no pod ever ends."""
    return [pod for pod in pods if _moves(pod) and (ends or "deletionTimestamp" not in pod["metadata"])]


def _moves(pod: Object) -> bool:
    meta = pod["metadata"]
    owners = [owner["kind"] for owner in meta.get("ownerReferences", []) if owner.get("controller")]
    # A DaemonSet puts its pod back at once, and Calico's is needed to the end. A mirror pod is the kubelet's own file.
    stays = "DaemonSet" in owners or "kubernetes.io/config.mirror" in meta.get("annotations", {})
    return not stays and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def _ready(node: Object) -> str | None:
    """True, False, or Unknown when nothing is heard of the kubelet."""
    conditions = node.get("status", {}).get("conditions", [])
    return next((condition["status"] for condition in conditions if condition["type"] == "Ready"), None)


def _label(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def clean_up(activation_id: str, api: EksApi, *, own_machine: bool = False) -> None:
    """Remove Node and registration of every machine that joined with this activation. Safe to repeat.

    The Node goes first: while the registration exists, a run that failed half way can be repeated. Machines are
    looked for in SSM and, by label, in the cluster, because a registration removed by hand leaves its Node
    behind. An own machine may go on running: before anything goes, its owner reads what to run on it, and what it puts
    back is left, with a word about it.

    Errors: CleanupError (something is left, and somebody has to act).
    """
    seen: set[str] = set()
    deregistered: set[str] = set()
    for look in range(MOST_LOOKS):
        # A removed registration may be listed for a while. A Node that is back must go again.
        registered = api.registrations(activation_id) - deregistered
        left = registered | api.nodes_with(ACTIVATION_LABEL, activation_id)
        if look > 0 and not left:
            if not seen:
                api.report("no machine to remove")
            return
        if own_machine and look == 0 and left:
            api.report(f"{', '.join(sorted(left))}: if this machine still runs, run on it: {LEAVE}")
        seen |= left
        for name in sorted(left):
            api.remove_node(name)
            # What SSM does not list under this activation is not ours to deregister, whatever its label says.
            if name in registered:
                gone = "removed" if api.deregister(name) else "was already gone"
                api.report(f"{name}: SSM registration {gone}")
                deregistered.add(name)
        api.sleep(SETTLE_S)
    if own_machine:
        api.report(
            f"{', '.join(sorted(left))} came back {MOST_LOOKS} times: this machine still runs, and its Node is billed "
            f"as long as it is there. On the machine: {LEAVE}. Then: kubectl delete node {' '.join(sorted(left))}"
        )
        return
    raise CleanupError(
        f"{', '.join(sorted(left))} of activation {activation_id} came back {MOST_LOOKS} times: the machine still "
        "runs. Terminate its EC2 instance, then repeat the pulumi command."
    )


def forget_dead(node_name: str, activation_id: str, api: EksApi) -> None:
    """Remove the Node of a dead machine whose place a new one is about to take.

    Calico does not start on a machine that gets the address of a Node that is still there, and the clean-up of the old
    activation comes only after the new machine has joined. So a Node of the same name in the settings goes now, if
    nothing has been heard of its kubelet: a Node that is Ready, or that says itself why it is not, is left alone.
    """
    others = api.nodes_with(NAME_LABEL, node_name) - api.nodes_with(ACTIVATION_LABEL, activation_id)
    for name in sorted(others):
        if _ready(api.node(name) or {}) == "Unknown":
            api.report(f"{name}: nothing is heard of its machine, and {node_name} gets a new one")
            api.remove_node(name)


def make_way(node_name: str, machine: Machine) -> None:
    """Forget a dead machine of that name. Best effort: the new machine is made in any case."""
    subject = f"before {node_name} is made"
    try:
        forget_dead(node_name, machine.activation_id, machine.sign_in(subject))
    except CleanupError as error:
        sys.stdout.write(f"{subject}: could not look for a dead machine of that name: {error}\n")
