"""Decides for every required flow whether routes and rules let it through, both ways.

Each kind of machine stands at one or more places (a subnet and its security groups). A flow is open when it is
open between every two of them: one node in one subnet that cannot be reached is a broken cluster.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from ops.plan.flows import expected, walk
from ops.plan.flows.expected import (
    API_ENDPOINT,
    CLIENTS,
    EVERY_SUBNET,
    INTERNET,
    Expectations,
    Flow,
)
from ops.plan.flows.exposed import Exposure, exposures
from ops.plan.flows.extract import facts_of
from ops.plan.flows.facts import KINDS, Facts, Interface, Subnet, removable
from ops.program.recorder import Recording

ASSUMPTIONS = (
    "Only the plan's security groups count. EKS adds one of its own to the control plane, which lets even more out.",
    "Network ACLs are the VPC's default ones (the program creates none): they let everything through.",
    "The API's public endpoint is EKS's; what counts is its allow-list and the address from which a node arrives.",
    "S3 goes through the gateway endpoint; the NAT gateway would carry it too.",
)

# What the plan takes for granted about a data centre of one's own. docs/data-centre.md says how to see each of it.
SITE_ASSUMPTIONS = (
    "The data centre has a route back to the EKS VPC, through the same gateway.",
    "Its own firewall lets through what ops plan --firewall lists, in both directions.",
    "Its machines reach the internet (or a proxy), and the API's allow-list has the address that they come from.",
    "Its machines get names (DNS, port 53) and time (NTP, udp 123) inside it: the list has no line for them.",
)
_TRANSIT = (
    "The transit gateway has accepted the attachment, and its own route table leads to the data centre."
)
_VPN = "The virtual private gateway learns the ranges of the data centre (BGP, or static routes of the VPN)."
_ELSEWHERE = "Somebody else makes the routes from the EKS VPC to the data centre (site.routes none)."

# The whole internet, less what no router there forwards (see `walk.NOT_ON_THE_INTERNET`).
_ANYWHERE = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, kw_only=True)
class Row:
    """The verdict on one flow: open when nothing is missing or unseen. `used` has every fact that it rests on."""

    flow: Flow
    rules: tuple[str, ...]
    routes: tuple[str, ...]
    missing: tuple[str, ...]
    used: frozenset[str]
    unseen: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the flow is open from and to every place, by what was seen."""
        return not self.missing and not self.unseen


@dataclass(frozen=True, kw_only=True)
class FlowReport:
    """The whole proof. `needless` lists what can be taken away without closing any flow."""

    rows: tuple[Row, ...]
    exposed: tuple[Exposure, ...]
    needless: tuple[str, ...]
    assumptions: tuple[str, ...] = ASSUMPTIONS

    @property
    def missing(self) -> tuple[Row, ...]:
        """The flows that are closed."""
        return tuple(row for row in self.rows if row.missing)

    @property
    def unseen(self) -> tuple[Row, ...]:
        """The flows that are open if what nobody has looked at is as they need it."""
        return tuple(row for row in self.rows if row.unseen and not row.missing)

    @property
    def unexpected(self) -> tuple[Exposure, ...]:
        """What the internet can reach although no setting asks for it."""
        return tuple(exposure for exposure in self.exposed if not exposure.expected)

    @property
    def passed(self) -> bool:
        """Whether no flow is closed and nothing unexpected faces the internet."""
        return not self.missing and not self.unexpected


def prove(recording: Recording, expectations: Expectations) -> FlowReport:
    """Prove the flows of a recorded plan.

    Errors: LookupError when the plan has a network resource that this proof does not know how to read.
    """
    facts = facts_of(recording, expectations.site, routes_elsewhere=expectations.routes_elsewhere)
    return prove_facts(facts, expectations)


def prove_facts(facts: Facts, expectations: Expectations) -> FlowReport:
    """Prove the flows of a network given as facts."""
    rows = tuple(decide(facts, flow, expectations) for flow in expected.flows(expectations))
    return FlowReport(
        rows=rows,
        exposed=tuple(exposures(facts, expectations)),
        needless=tuple(_needless(facts, rows, expectations)),
        assumptions=(*ASSUMPTIONS, *_assumptions(facts)),
    )


def _assumptions(facts: Facts) -> Iterator[str]:
    for vpc in sorted(facts.assumed):
        yield f"{vpc} has the subnets that the settings name, private ones behind NAT gateways: nobody has looked."
    for gateway in facts.unseen_gateways if not facts.assumed else ():
        yield f"{gateway.id} leads to the internet. Network ACLs of the VPC let everything through."
    if not facts.site:
        return
    yield from SITE_ASSUMPTIONS
    if facts.routes_elsewhere:
        yield _ELSEWHERE
    for link in facts.site_links:
        yield _VPN if link.id.startswith("vgw-") else _TRANSIT


def decide(facts: Facts, flow: Flow, expectations: Expectations) -> Row:
    """The verdict on one flow."""
    ways = list(_ways(facts, flow, expectations))
    return Row(
        flow=flow,
        rules=_unique(name for way in ways for name in way.rules),
        routes=_unique(name for way in ways for name in way.routes),
        missing=_unique(way.missing for way in ways if way.missing),
        unseen=_unique(way.unseen for way in ways) or _assumed(facts, flow),
        used=frozenset().union(*(way.used for way in ways)),
    )


def _assumed(facts: Facts, flow: Flow) -> tuple[str, ...]:
    """What a flow that has an end in a VPC takes for granted where nobody has looked at that VPC."""
    ends = {flow.source, flow.target}
    touched = EVERY_SUBNET in ends or any(
        interface.kind in ends and facts.subnet_by_id[interface.subnet].vpc in facts.assumed
        for interface in facts.interfaces
    )
    return tuple(f"the subnets and route tables of {vpc}" for vpc in sorted(facts.assumed) if touched)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


@dataclass(frozen=True, kw_only=True)
class Reachability:
    """One packet there and its answer back."""

    rules: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    used: frozenset[str] = frozenset()
    missing: str = ""
    unseen: str = ""


def _ways(facts: Facts, flow: Flow, expectations: Expectations) -> Iterator[Reachability]:
    present = {interface.kind for interface in facts.interfaces}
    absent = [kind for kind in KINDS if kind in (flow.source, flow.target) and kind not in present]
    if absent:
        yield Reachability(missing=f"the plan has no {' and no '.join(absent)}")
    elif flow.source == EVERY_SUBNET:
        yield from _across_vpcs(facts)
    elif flow.source == CLIENTS:
        for target in facts.interfaces:
            if target.kind == flow.target:
                yield from _from_internet(facts, flow, target, expectations.alb_allowed)
    else:
        for source in (i for i in facts.interfaces if i.kind == flow.source):
            if flow.target in (INTERNET, API_ENDPOINT):
                yield from _to_internet(facts, flow, source)
            else:
                for target in (i for i in facts.interfaces if i.kind == flow.target):
                    yield from _between(facts, flow, source, target)


def _addresses(facts: Facts, interface: Interface) -> list[IPv4Address]:
    return walk.representatives(facts.subnet_by_id[interface.subnet].cidr, facts.boundaries)


def _between(facts: Facts, flow: Flow, source: Interface, target: Interface) -> Iterator[Reachability]:
    here, there = facts.subnet_by_id[source.subnet], facts.subnet_by_id[target.subnet]
    for sender in _addresses(facts, source):
        for receiver in _addresses(facts, target):
            way = walk.network_path(facts, here, receiver, public=source.public)
            back = walk.network_path(facts, there, sender, public=target.public)
            problem = _astray(way, here, there) or _astray(back, there, here, answer=True)
            leaves = walk.permitted_by(facts, source, "out", flow.protocol, flow.port, receiver, target)
            enters = walk.permitted_by(facts, target, "in", flow.protocol, flow.port, sender, source)
            problem = problem or _closed(facts, source, "out", flow, receiver, leaves)
            problem = problem or _closed(facts, target, "in", flow, sender, enters)
            yield _reachability(way, back, (leaves, enters), problem)


def _across_vpcs(facts: Facts) -> Iterator[Reachability]:
    pairs = [(a, b) for a in facts.subnets for b in facts.subnets if a.vpc != b.vpc]
    if not pairs:
        yield Reachability(missing="the plan has no two VPCs with subnets")
    for here, there in pairs:
        for receiver in walk.representatives(there.cidr, facts.boundaries):
            way = walk.network_path(facts, here, receiver)
            yield _reachability(way, walk.NetworkPath(), (), _astray(way, here, there))


def _to_internet(facts: Facts, flow: Flow, source: Interface) -> Iterator[Reachability]:
    subnet = facts.subnet_by_id[source.subnet]
    for receiver in walk.internet_addresses(facts, _ANYWHERE):
        # The answer comes back to the address that the internet saw: a gateway keeps that in its own table.
        way = walk.network_path(facts, subnet, receiver, public=source.public)
        leaves = walk.permitted_by(facts, source, "out", flow.protocol, flow.port, receiver)
        problem = way.missing
        if not problem and way.arrives != walk.INTERNET:
            problem = f"{receiver} is taken for an address inside a VPC"
        problem = problem or _closed(facts, source, "out", flow, receiver, leaves)
        if flow.target == API_ENDPOINT:
            problem = problem or _refused(facts, way)
        yield _reachability(way, walk.NetworkPath(), (leaves,), problem)


def _from_internet(
    facts: Facts, flow: Flow, target: Interface, allowed: Iterable[IPv4Network]
) -> Iterator[Reachability]:
    for clients in allowed:
        addresses = walk.internet_addresses(facts, clients)
        if not addresses:
            yield Reachability(missing=f"no client on the internet has an address in {clients}")
        for client in addresses:
            back = walk.doorway(facts, target, client)
            enters = walk.permitted_by(facts, target, "in", flow.protocol, flow.port, client)
            problem = back.missing or _closed(facts, target, "in", flow, client, enters)
            yield _reachability(walk.NetworkPath(), back, (enters,), problem)


def _reachability(
    way: walk.NetworkPath, back: walk.NetworkPath, rules: tuple[str | None, ...], problem: str
) -> Reachability:
    names = tuple(rule for rule in rules if rule)
    return Reachability(
        rules=names,
        routes=(way.route, back.route),
        used=way.used | back.used | {f"rule {name}" for name in names},
        missing=problem,
        unseen=way.unseen or back.unseen,
    )


def _astray(path: walk.NetworkPath, here: Subnet, there: Subnet, *, answer: bool = False) -> str:
    prefix = "no answer: " if answer else ""
    if path.missing:
        return f"{prefix}{path.missing}"
    if path.arrives != there.vpc:
        return f"{prefix}from {here.name} the address of {there.name} is taken for {path.arrives}"
    return ""


def _closed(
    facts: Facts, interface: Interface, direction: str, flow: Flow, peer: IPv4Address, rule: str | None
) -> str:
    if rule is not None:
        return ""
    groups = ", ".join(sorted(facts.groups.get(group, group) for group in interface.groups)) or "no group"
    word = "to" if direction == "out" else "from"
    way = "egress" if direction == "out" else "ingress"
    return f"{groups} has no {way} rule for {flow.protocol} {flow.port} {word} {peer}"


def _refused(facts: Facts, way: walk.NetworkPath) -> str:
    if facts.api is None or not facts.api.public:
        return "the API has no public endpoint"
    if way.route == walk.GRANTED or (way.unseen and way.leaves_as is None):
        return ""
    if way.leaves_as is None:
        return "the sender's own public address is not known"
    if not any(way.leaves_as in network for network in facts.api.allowed):
        return f"the API's allow-list has no {way.leaves_as}, from which the nodes arrive"
    return ""


def _needless(facts: Facts, rows: tuple[Row, ...], expectations: Expectations) -> Iterator[str]:
    """Names of single facts whose loss closes no flow.

    What no open flow uses cannot close one, so only flows that use a fact are decided again without it.
    """
    for label, name, rest in removable(facts):
        item = f"{label} {name}"
        users = [row.flow for row in rows if item in row.used and not row.missing]
        if not any(decide(rest, flow, expectations).missing for flow in users):
            yield item
