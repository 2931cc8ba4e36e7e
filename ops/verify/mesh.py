"""Explains a matrix of lost paths: which node, or which pair of sides, is the common cause."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ops.checks.model import Findings, listed
from ops.verify.cluster import Node

Path = tuple[str, str]

_SIDES_WHY = (
    "each side reaches itself but not the other: udp 4789 is closed in one of the two security groups "
    "(each needs an ingress rule for the other side), or a peering route is missing"
)
_SIDES_FIX = (
    "ops verify --only 'aws.(node-firewall|routes)' names the group or table; pulumi up --refresh fixes it"
)


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A set of lost paths with one likely cause."""

    paths: tuple[Path, ...]
    where: str
    why: str
    fix: str


def explain(nodes: Sequence[Node], lost: Iterable[Path]) -> list[Lost]:
    """Group lost paths (pairs of node names) by their likely cause, the widest cause first.

    Each lost path is in exactly one group.
    """
    every_lost = set(lost)
    left = set(lost)
    groups: list[Lost] = []

    def take(paths: set[Path], where: str, why: str, fix: str) -> None:
        unexplained = paths & left
        if paths <= every_lost and unexplained:
            left.difference_update(unexplained)
            groups.append(Lost(paths=tuple(sorted(unexplained)), where=where, why=why, fix=fix))

    every = {(a.name, b.name) for a in nodes for b in nodes if a is not b}
    if len(nodes) > 2:
        take(
            set(every),
            "between all nodes",
            "no VXLAN packet arrives anywhere: udp 4789 is closed on both sides, or calico-node runs nowhere",
            "ops verify --only 'aws.node-firewall|system'",
        )
    by_side = {side: [n.name for n in nodes if n.hybrid is side] for side in (False, True)}
    across = {(a, b) for a, b in every if (a in by_side[True]) != (b in by_side[True])}
    for node in nodes if len(nodes) > 2 else []:
        # A single node of its kind that is cut off looks the same as two sides that are cut apart.
        if len(by_side[node.hybrid]) > 1:
            take(
                {path for path in every if node.name in path},
                f"from and to {node}",
                "this node is cut off from the overlay: its security group lacks udp 4789, its tunnel is down, "
                "or other nodes' routes to it are missing",
                f"ops verify --only 'aws.node-firewall|system.vxlan-routes'; kubectl describe node {node.name}",
            )
    take(across, "between hybrid and managed nodes", _SIDES_WHY, _SIDES_FIX)
    for hybrid, side in ((True, "hybrid"), (False, "managed")):
        take(
            {(a, b) for a, b in every if a in by_side[hybrid] and b in by_side[hybrid]},
            f"between {side} nodes",
            f"{side} nodes reach the other side but not each other: the {side} security group lacks udp 4789 from "
            "itself, or the pool's vxlanMode is not Always and EC2 drops bare pod packets",
            "ops verify --only 'aws.node-firewall|system.ip-pool'",
        )
    names = {node.name: node for node in nodes}
    for first, second in sorted({(min(path), max(path)) for path in left}):
        pair = {(first, second), (second, first)} & left
        take(
            pair,
            f"between {names[first]} and {names[second]}"
            if len(pair) == 2
            else "from {} to {}".format(*(names[one] for one in next(iter(pair)))),
            "only this pair is affected, so the firewalls are open: a VXLAN route or neighbour entry is missing on "
            "one of the two (an answer needs the way back as well)",
            "ops verify --only system.vxlan-routes; restart the calico-node pods of these nodes",
        )
    return groups


def note(
    findings: Findings, nodes: Sequence[Node], lost: Iterable[Path], *, what: str, errors: dict[Path, str]
) -> None:
    """Add one problem per likely cause. `errors` holds what the probe of a path said."""
    for group in explain(nodes, lost):
        said = sorted({errors[path] for path in group.paths if errors.get(path)})
        findings.fail(
            f"{what} {group.where}: {len(group.paths)} path{'s' if len(group.paths) > 1 else ''}"
            f"{f' ({listed(said, most=1)})' if said else ''}",
            why=group.why,
            fix=group.fix,
        )
