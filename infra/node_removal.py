"""The clean-up itself: what to remove, in which order, and when to look again."""

import sys
import time
from collections.abc import Callable
from typing import Any

from infra.credentials import Identity
from infra.names import ACTIVATION_LABEL, LEAVE, NAME_LABEL
from infra.node_objects import ClusterNodes
from infra.node_registration import CLIENT_CONFIG, CleanupError, deregister, open_session, registrations

# What was registered seconds before the instance died may show up late: SSM's listing is eventually consistent.
SETTLE_S = 5
MOST_LOOKS = 4


def clean_up(
    *,
    activation_id: str,
    ssm: Any,
    nodes: ClusterNodes,
    report: Callable[[str], object],
    own_machine: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Remove Node and registration of every machine that joined with this activation. Safe to repeat.

    The Node goes first: while the registration exists, a run that failed half way can be repeated. Machines are
    looked for in SSM and, by label, in the cluster, because a registration removed by hand leaves its Node
    behind. An own machine may go on running: before anything goes, its owner reads what to run on it, and what it puts
    back is left, with a word about it.

    Raises:
        CleanupError: something is left, and somebody has to act.

    """
    found: set[str] = set()
    removed: set[str] = set()
    for look in range(MOST_LOOKS):
        # A removed registration may be listed for a while. A Node that is back must go again.
        registered = registrations(ssm, activation_id) - removed
        left = registered | nodes.names_of(ACTIVATION_LABEL, activation_id)
        if look > 0 and not left:
            if not found:
                report("no machine to remove")
            return
        if own_machine and look == 0 and left:
            report(f"{', '.join(sorted(left))}: if this machine still runs, run on it: {LEAVE}")
        found |= left
        for name in sorted(left):
            nodes.remove(name)
            # What SSM does not list under this activation is not ours to deregister, whatever its label says.
            if name in registered:
                gone = "removed" if deregister(ssm, name) else "was already gone"
                report(f"{name}: SSM registration {gone}")
                removed.add(name)
        sleep(SETTLE_S)
    if own_machine:
        report(
            f"{', '.join(sorted(left))} came back {MOST_LOOKS} times: this machine still runs, and its Node is billed "
            f"as long as it is there. On the machine: {LEAVE}. Then: kubectl delete node {' '.join(sorted(left))}"
        )
        return
    raise CleanupError(
        f"{', '.join(sorted(left))} of activation {activation_id} came back {MOST_LOOKS} times: the machine still "
        "runs. Terminate its EC2 instance, then repeat the pulumi command."
    )


def forget_dead(
    *, node_name: str, activation_id: str, nodes: ClusterNodes, report: Callable[[str], object]
) -> None:
    """Remove the Node of a dead machine whose place a new one is about to take.

    Calico does not start on a machine that gets the address of a Node that is still there, and the clean-up of the old
    activation comes only after the new machine has joined. So a Node of the same name in the settings goes now, if
    nothing has been heard of its kubelet: a Node that is Ready, or that says itself why it is not, is left alone.
    """
    for name in sorted(
        nodes.names_of(NAME_LABEL, node_name) - nodes.names_of(ACTIVATION_LABEL, activation_id)
    ):
        conditions = (nodes.get(name) or {}).get("status", {}).get("conditions", [])
        if any((each["type"], each["status"]) == ("Ready", "Unknown") for each in conditions):
            report(f"{name}: nothing is heard of its machine, and {node_name} gets a new one")
            nodes.remove(name)


def sign_in_and_forget_dead(
    *, node_name: str, activation_id: str, cluster_name: str, identity: Identity
) -> None:
    """Forget a dead machine with credentials looked up now. Best effort: the new machine is made in any case."""
    report = to_engine(f"before {node_name} is made")
    try:
        session = open_session(identity)
        nodes = ClusterNodes.signed_in(session, cluster_name, report)
        forget_dead(node_name=node_name, activation_id=activation_id, nodes=nodes, report=report)
    except CleanupError as error:
        report(f"could not look for a dead machine of that name: {error}")


def sign_in_and_clean_up(
    *, activation_id: str, cluster_name: str, identity: Identity, own_machine: bool = False
) -> None:
    """Clean up with credentials looked up now, and say each step on standard output.

    Raises:
        CleanupError: something is left, and somebody has to act.

    """
    session = open_session(identity)
    report = to_engine(f"clean-up of activation {activation_id}")
    clean_up(
        activation_id=activation_id,
        ssm=session.client("ssm", config=CLIENT_CONFIG),
        nodes=ClusterNodes.signed_in(session, cluster_name, report),
        report=report,
        own_machine=own_machine,
    )


def to_engine(subject: str) -> Callable[[str], object]:
    """Return what tells the engine's user a line about `subject`.

    This process has no engine to log to; the engine shows each line of its standard output, which it starts
    unbuffered (python -u).
    """
    return lambda line: sys.stdout.write(f"{subject}: {line}\n")
