"""What README.md says of a stack, and which steps and checks of a run show it.

The second table is the article that this project follows: what its reader does by hand, and the checks of `ops verify`
that do the same on every node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a run says of a claim."""

    PROVED = "proved"
    REFUTED = "not true here"
    OPEN = "not shown"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence of the README; the steps that must pass for it, and the checks that must pass whenever they ran."""

    text: str
    steps: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


ARTICLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Nodes of both kinds are in the cluster and Ready", ("node.count", "node.ready")),
    ("The VPC CNI is not there, Calico runs on every node", ("node.no-aws-node", "system.calico-node")),
    ("A test pod runs on each kind of node", ("net.pods",)),
    ("Pods ping each other, managed to hybrid and back", ("net.ping",)),
    ("The pod network is in no route table of AWS", ("aws.no-pod-routes",)),
    ("On a node, the other nodes' pods are routed through vxlan.calico", ("system.vxlan-routes",)),
    ("The sample Service answers at its cluster address", ("net.service-ip",)),
    ("The sample Service answers at its DNS name", ("net.service-dns",)),
    ("The NodePort answers at the addresses of both kinds of node", ("net.node-port",)),
    ("The nodes are registered with the load balancer", ("aws.targets-registered",)),
    ("The load balancer's URL answers, from a pod on a hybrid node", ("lb.answers", "lb.hybrid-pod")),
)
ARTICLE_CHECKS = tuple(check for _, checks in ARTICLE for check in checks)

CLAIMS = (
    Claim(text="One `pulumi up` builds everything, without a manual step", steps=("up", "verify")),
    Claim(text="A second `pulumi up` changes nothing", steps=("again",)),
    Claim(
        text="All pods are on one Calico VXLAN network that spans both kinds of node",
        checks=("net.ping", "net.mtu", "system.ip-pool", "system.vxlan-routes"),
    ),
    Claim(
        text="It ends with a URL that a pod on a hybrid node answers", checks=("lb.answers", "lb.hybrid-pod")
    ),
    *(Claim(text=text, steps=("article",), checks=checks) for text, checks in ARTICLE),
    Claim(text="A hybrid node is added without touching the others", steps=("add", "verify-add")),
    Claim(
        text="A change of a hybrid node makes the new machine before the old one goes",
        steps=("change", "verify-change"),
    ),
    Claim(text="A hybrid node is removed without touching the others", steps=("remove", "verify-remove")),
    Claim(text="The next Kubernetes minor is one `pulumi up`", steps=("upgrade", "verify-upgrade")),
    Claim(text="One `pulumi destroy` leaves nothing behind", steps=("destroy", "verify-destroyed")),
)


def verdict(
    claim: Claim, steps: Mapping[str, bool | None], checks: Mapping[str, Sequence[str]]
) -> tuple[Verdict, str]:
    """Judge a claim, and say what kept it from being proved.

    Args:
        claim: the claim.
        steps: by id of a step, whether it passed; None when it was stopped. A step that was not taken is not there.
        checks: by id of a check, its status in each run of `ops verify`.

    """
    failed = [step for step in claim.steps if steps.get(step) is False]
    failed += [check for check in claim.checks if "fail" in checks.get(check, ())]
    if failed:
        return Verdict.REFUTED, ", ".join(failed)
    missing = [step for step in claim.steps if steps.get(step) is None]
    # A warning is a pass that somebody should know of; what was skipped or blocked shows nothing.
    missing += [
        check
        for check in claim.checks
        if not checks.get(check) or not {"pass", "warn"}.issuperset(checks[check])
    ]
    return (Verdict.OPEN, ", ".join(missing)) if missing else (Verdict.PROVED, "")
