"""From what the engine did to how long each kind of thing takes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low

from tests.acceptance.engine import Operation


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Seconds that the creation of one kind of thing took: the shortest, the median and the longest of `count`."""

    low: int
    typical: int
    high: int
    count: int


# What ops/plan/duration.py calls the time from "running" to a Ready node.
JOINS = "hybrid node joins"
_INSTANCE = "aws:ec2/instance:Instance"
_DEPLOYMENT = "kubernetes:apps/v1:Deployment"
# Its await ends when a pod runs on every hybrid node: it measures the nodes, not itself.
_GATE = "nw-check-hybrid"
_GATED = (_GATE, "sample-app")
_CREATIONS = ("create", "create-replacement")


def created(first: Sequence[Operation], later: Iterable[Operation] = ()) -> dict[str, Measured]:
    """How long the creation of each kind took, by type token; of failed ones nothing.

    `first` is what the engine did in the first `up`, from which the time that a node takes to join follows as well.
    """
    seconds: dict[str, list[int]] = {}
    for each in (*first, *later):
        if each.op in _CREATIONS and not each.failed and not _waits_for_nodes(each):
            seconds.setdefault(each.type, []).append(each.seconds)
    joined = _joined(first, seconds.get(_DEPLOYMENT, []))
    if joined is not None:
        seconds[JOINS] = [joined]
    return {
        kind: Measured(low=min(found), typical=median_low(found), high=max(found), count=len(found))
        for kind, found in seconds.items()
    }


def _waits_for_nodes(each: Operation) -> bool:
    return each.type == _DEPLOYMENT and each.name.startswith(_GATED)


def _joined(first: Sequence[Operation], deployments: Sequence[int]) -> int | None:
    """From the last instance's "running" to the end of the gate, without what a Deployment takes by itself.

    The slowest node is measured: the gate waits for all.
    """
    gates = [each for each in first if _waits_for_nodes(each) and each.name.startswith(_GATE)]
    running = [each.ended for each in first if each.type == _INSTANCE and each.op in _CREATIONS]
    if not (gates and running) or any(each.failed for each in gates):
        return None
    own = median_low(deployments) if deployments else 0
    return max(0, max(each.ended for each in gates) - max(running) - own)
