"""The clean-up itself: what to remove, in which order, and when to look again."""

import sys
import time
from collections.abc import Callable
from typing import Any

from infra.node_objects import ClusterNodes
from infra.node_registration import CLIENT_CONFIG, CleanupError, deregister, open_session, registrations

# Label that the node gives itself at start (userdata.labels.ACTIVATION_LABEL; a test keeps them equal).
ACTIVATION_LABEL = "eks-hybrid-calico/activation"

# What was registered seconds before the instance died may show up late: SSM's listing is eventually consistent.
SETTLE_S = 5
MOST_LOOKS = 4


def clean_up(
    *,
    activation_id: str,
    ssm: Any,
    nodes: ClusterNodes,
    report: Callable[[str], object],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Remove Node and registration of every machine that joined with this activation. Safe to repeat.

    The Node goes first: while the registration exists, a run that failed half way can be repeated. Machines are
    looked for in SSM and, by label, in the cluster, because a registration removed by hand leaves its Node
    behind.

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
        found |= left
        for name in sorted(left):
            nodes.remove(name)
            # What SSM does not list under this activation is not ours to deregister, whatever its label says.
            if name in registered:
                gone = "removed" if deregister(ssm, name) else "was already gone"
                report(f"{name}: SSM registration {gone}")
                removed.add(name)
        sleep(SETTLE_S)
    raise CleanupError(
        f"{', '.join(sorted(left))} of activation {activation_id} came back {MOST_LOOKS} times: the machine still "
        "runs. Terminate its EC2 instance, then repeat the pulumi command."
    )


def sign_in_and_clean_up(*, activation_id: str, cluster_name: str, region: str, profile: str | None) -> None:
    """Clean up with credentials looked up now, and say each step on standard output.

    Raises:
        CleanupError: something is left, and somebody has to act.

    """
    session = open_session(region=region, profile=profile)
    report = to_engine(f"clean-up of activation {activation_id}")
    clean_up(
        activation_id=activation_id,
        ssm=session.client("ssm", config=CLIENT_CONFIG),
        nodes=ClusterNodes.signed_in(session, cluster_name, report),
        report=report,
    )


def to_engine(subject: str) -> Callable[[str], object]:
    """Return what tells the engine's user a line about `subject`.

    This process has no engine to log to; the engine shows each line of its standard output, which it starts
    unbuffered (python -u).
    """
    return lambda line: sys.stdout.write(f"{subject}: {line}\n")
