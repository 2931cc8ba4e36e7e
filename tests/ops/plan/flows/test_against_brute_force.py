"""The evaluator against a walk that knows nothing of prefixes, classes or representatives.

The walk below moves single packets from router to router and remembers connections, for every pair of addresses.
It shares no code with ops/plan/flows; the networks are tiny, so that "every address" is a short list.
"""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.plan.flows.expected import Expectations, flows
from ops.plan.flows.facts import (
    KINDS,
    ApiEndpoint,
    Association,
    Direction,
    Facts,
    Interface,
    InternetGateway,
    Kind,
    NatGateway,
    Peering,
    Route,
    Rule,
    Subnet,
    Vpc,
    removable,
)
from ops.plan.flows.proof import prove_facts

ANYWHERE = "0.0.0.0/0"
CIDRS = {"A": "10.1.0.0/29", "B": "10.2.0.0/29"}
SUBNETS = {"a1": "10.1.0.0/30", "a2": "10.1.0.4/30", "b1": "10.2.0.0/30", "b2": "10.2.0.4/30"}
HALVES = ["10.1.0.0/31", "10.1.0.2/31", "10.2.0.4/31", "10.2.0.6/32"]
OFFICE = "198.51.100.0/31"
# One address of every part of the internet that a generated network could treat differently.
PUBLIC = ["8.8.8.8", "198.51.100.0", "198.51.100.1", "198.51.100.2", "203.0.113.1", "203.0.113.2"]


def holds(cidr, address: str) -> bool:
    """Bit by bit, as a router's manual explains it."""
    network, length = str(cidr).split("/")
    return _bits(network)[: int(length)] == _bits(address)[: int(length)]


def _bits(address: str) -> str:
    return "".join(f"{int(octet):08b}" for octet in address.split("."))


def inside(address: str) -> str | None:
    """The VPC that an address belongs to."""
    return next((vpc for vpc, cidr in CIDRS.items() if holds(cidr, address)), None)


class World:
    """Routers and firewalls that handle one packet at a time."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.subnets = {s.id: s for s in facts.subnets}
        self.table = {a.subnet: a.table for a in facts.associations}
        self.entries = {t: [r for r in facts.routes if r.table == t] for t in facts.tables}
        self.igw = {g.id: g for g in facts.internet_gateways}
        self.nat = {g.id: g for g in facts.nat_gateways}
        self.pcx = {g.id: g for g in facts.peerings}

    def send(self, subnet: str, to: str, *, has_public_address: bool) -> tuple[str, str | None]:
        """(place it comes out at, address it has there): a VPC, "internet" or "lost"."""
        via_nat: str | None = None
        for _hop in range(4):
            vpc = self.subnets[subnet].vpc
            if inside(to) == vpc:
                return (vpc, via_nat) if via_nat is None else ("lost", None)
            entries = [r for r in self.entries.get(self.table.get(subnet), []) if holds(r.destination, to)]
            if not entries:
                return "lost", None
            via = max(entries, key=lambda r: r.destination.prefixlen).via
            if via in self.nat and via_nat is None:
                nat = self.nat[via]
                if self.subnets[nat.subnet].vpc != vpc:
                    return "lost", None
                subnet, via_nat, has_public_address = nat.subnet, str(nat.public_ip), True
                continue
            if via in self.igw and self.igw[via].vpc == vpc and has_public_address and to in PUBLIC:
                return "internet", via_nat
            if via in self.pcx and via_nat is None:
                ends = self.pcx[via]
                other = inside(to)
                if ends.accepted and vpc in ends.vpcs and other in ends.vpcs:
                    return other, None
            return "lost", None
        return "lost", None

    def lets(self, end: Interface, direction: str, protocol: str, port: int, peer: str, other=None) -> bool:
        for rule in self.facts.rules:
            if rule.group not in end.groups or rule.direction != direction:
                continue
            if rule.protocol not in ("-1", protocol):
                continue
            if rule.protocol != "-1" and port not in range(rule.first_port, rule.last_port + 1):
                continue
            if isinstance(rule.peer, str):
                near = other and self.subnets[other.subnet].vpc == self.subnets[end.subnet].vpc
                if near and rule.peer in other.groups:
                    return True
            elif holds(rule.peer, peer):
                return True
        return False

    def hosts(self, kind: str) -> list[tuple[Interface, str]]:
        return [
            (i, str(address)) for i in self.facts.interfaces if i.kind == kind
            for address in IPv4Network(SUBNETS[i.subnet])
        ]  # fmt: skip

    def flow_is_open(self, flow, expectations: Expectations) -> bool:
        if flow.source == "every subnet":
            return self.everyone_finds_the_other_vpc()
        if flow.source == "clients":
            return self.clients_reach(flow, expectations)
        return bool(self.hosts(flow.source)) and all(
            self.host_reaches(flow, here, sender) for here, sender in self.hosts(flow.source)
        )

    def everyone_finds_the_other_vpc(self) -> bool:
        for here in SUBNETS:
            for there, cidr in SUBNETS.items():
                if here[0] != there[0]:
                    for to in IPv4Network(cidr):
                        if self.send(here, str(to), has_public_address=False)[0] != there[0].upper():
                            return False
        return True

    def clients_reach(self, flow, expectations: Expectations) -> bool:
        targets = [i for i in self.facts.interfaces if i.kind == flow.target]
        for target in targets:
            for cidr in expectations.alb_allowed:
                for client in (c for c in PUBLIC if holds(cidr, c)):
                    place, seen_as = self.send(target.subnet, client, has_public_address=target.public)
                    answered = target.public and place == "internet" and seen_as is None
                    if not answered or not self.lets(target, "in", flow.protocol, flow.port, client):
                        return False
        return bool(targets)

    def host_reaches(self, flow, here: Interface, sender: str) -> bool:
        if flow.target in ("internet", "API endpoint"):
            return all(self.gets_out(flow, here, public) for public in PUBLIC)
        targets = self.hosts(flow.target)
        return bool(targets) and all(
            self.lets(here, "out", flow.protocol, flow.port, receiver, there)
            and self.lets(there, "in", flow.protocol, flow.port, sender, here)
            and self.send(here.subnet, receiver, has_public_address=here.public)[0] == inside(receiver)
            and self.send(there.subnet, sender, has_public_address=there.public)[0] == inside(sender)
            for there, receiver in targets
        )

    def gets_out(self, flow, here: Interface, public: str) -> bool:
        place, seen_as = self.send(here.subnet, public, has_public_address=here.public)
        if place != "internet" or not self.lets(here, "out", flow.protocol, flow.port, public):
            return False
        if flow.target == "internet":
            return True
        allowed = self.facts.api.allowed if self.facts.api else ()
        return bool(seen_as) and any(holds(cidr, seen_as) for cidr in allowed)


def sound() -> Facts:
    """A network on which every flow is open, with the rules as wide as can be."""
    routes = [
        _route(f"table-{s}", ANYWHERE, f"{'igw' if s[1] == '1' else 'nat'}-{s[0].upper()}") for s in SUBNETS
    ]
    routes += [_route(f"table-{s}", CIDRS["B" if s[0] == "a" else "A"], "pcx") for s in SUBNETS]
    homes: dict[Kind, str] = {"hybrid nodes": "b2", "managed nodes": "a2", "control plane": "a2", "ALB": "a1"}
    ways: tuple[Direction, ...] = ("in", "out")
    return Facts(
        vpcs=tuple(Vpc(id=v, name=v, cidr=IPv4Network(c)) for v, c in CIDRS.items()),
        subnets=tuple(
            Subnet(id=s, name=s, vpc=s[0].upper(), cidr=IPv4Network(c)) for s, c in SUBNETS.items()
        ),
        tables={f"table-{s}": f"table-{s}" for s in SUBNETS},
        associations=tuple(Association(name=s, subnet=s, table=f"table-{s}") for s in SUBNETS),
        routes=tuple(routes),
        internet_gateways=tuple(InternetGateway(id=f"igw-{v}", name=v, vpc=v) for v in CIDRS),
        nat_gateways=tuple(
            NatGateway(id=f"nat-{v}", name=v, subnet=f"{v.lower()}1", public_ip=IPv4Address(f"203.0.113.{n}"))
            for n, v in enumerate(CIDRS, start=1)
        ),
        peerings=(Peering(id="pcx", name="pcx", vpcs=frozenset("AB"), accepted=True),),
        groups={kind: kind for kind in KINDS},
        rules=tuple(_rule(kind, way, ANYWHERE, ("-1", 0, 65535)) for kind in KINDS for way in ways),
        interfaces=tuple(
            Interface(kind=kind, subnet=home, groups=frozenset({kind}), public=kind == "ALB")
            for kind, home in homes.items()
        ),
        api=ApiEndpoint(name="api", public=True, allowed=(IPv4Network(ANYWHERE),)),
    )


def _route(table: str, cidr: str, via: str) -> Route:
    return Route(name=f"{table} {cidr} {via}", table=table, destination=IPv4Network(cidr), via=via)


def _rule(kind: str, way: Direction, peer: str, ports: tuple[str, int, int]) -> Rule:
    return Rule(
        name=f"{kind}-{way}-{peer}-{ports}",
        group=kind,
        direction=way,
        protocol=ports[0],
        first_port=ports[1],
        last_port=ports[2],
        peer=peer if peer in KINDS else IPv4Network(peer),
    )


def _lose(draw, facts: Facts) -> Facts:
    return draw(st.sampled_from(removable(facts)))[2]


def _lead_astray(draw, facts: Facts) -> Facts:
    """Add a route for a part of a VPC or of the internet, to anywhere, also to what does not exist."""
    subnet, cidr = draw(st.sampled_from(list(SUBNETS))), draw(st.sampled_from([*HALVES, OFFICE]))
    if inside(cidr.split("/")[0]) == subnet[0].upper():
        return facts  # AWS does not take a route inside the VPC to such a target
    via = draw(st.sampled_from(["igw-A", "igw-B", "nat-A", "nat-B", "pcx", "gone"]))
    route = _route(f"table-{subnet}", cidr, via)
    others = [r for r in facts.routes if (r.table, r.destination) != (route.table, route.destination)]
    return replace(facts, routes=(*others, route))


def _narrow(draw, facts: Facts) -> Facts:
    """Put narrower rules in place of one group's rules for one direction."""
    kind, way = draw(st.sampled_from(KINDS)), draw(st.sampled_from(["in", "out"]))
    ports = draw(
        st.sampled_from([("-1", 0, 65535), ("tcp", 80, 443), ("tcp", 443, 30080), ("udp", 4789, 4789)])
    )
    peers = draw(
        st.sampled_from(
            [
                [ANYWHERE],
                ["10.0.0.0/8"],
                [*KINDS],
                [*KINDS, CIDRS["B"]],
                ["10.1.0.0/31", "10.1.0.2/31", SUBNETS["a2"], CIDRS["B"]],
                ["10.1.0.0/31", CIDRS["B"]],
                [OFFICE],
                [SUBNETS["b2"]],
            ]
        )
    )
    others = [rule for rule in facts.rules if (rule.group, rule.direction) != (kind, way)]
    return replace(facts, rules=(*others, *(_rule(kind, way, peer, ports) for peer in peers)))


def _move(draw, facts: Facts) -> Facts:
    """Put a kind of machine somewhere else, or somewhere else too."""
    kind, home = draw(st.sampled_from(KINDS)), draw(st.sampled_from(list(SUBNETS)))
    moved = Interface(kind=kind, subnet=home, groups=frozenset({kind}), public=draw(st.booleans()))
    stay = draw(st.booleans())
    others = [i for i in facts.interfaces if (stay or i.kind != kind) and i != moved]
    return replace(facts, interfaces=(*others, moved))


def _misplace(draw, facts: Facts) -> Facts:
    """Move a NAT gateway, or let the peering sleep, or close the API's allow-list."""
    allowed = (IPv4Network(OFFICE), IPv4Network("203.0.113.1/32"))
    what = draw(st.sampled_from(["nat", "peering", "api"]))
    if what == "api":
        return replace(facts, api=ApiEndpoint(name="api", public=True, allowed=allowed))
    if what == "peering":
        return replace(facts, peerings=tuple(replace(p, accepted=False) for p in facts.peerings))
    home = draw(st.sampled_from(list(SUBNETS)))
    return replace(facts, nat_gateways=tuple(replace(n, subnet=home) for n in facts.nat_gateways))


@st.composite
def networks(draw) -> Facts:
    """A sound network with up to four changes, so that most flows are decided by one of them."""
    facts = sound()
    for change in draw(
        st.lists(st.sampled_from([_lose, _lead_astray, _narrow, _move, _misplace]), max_size=4)
    ):
        facts = change(draw, facts)
    return facts


@given(facts=networks(), everyone=st.booleans())
@settings(max_examples=120)
def test_the_proof_agrees_with_a_walk_of_every_single_packet(facts, everyone):
    clients = IPv4Network(ANYWHERE) if everyone else IPv4Network(OFFICE)
    expectations = Expectations(node_port=30080, alb_allowed=(clients,), api_allowed=(clients,), ubuntu=True)
    world = World(facts)
    seen = {row.flow.number: row.allowed for row in prove_facts(facts, expectations).rows}
    walked = {f.number: world.flow_is_open(f, expectations) for f in flows(expectations)}
    assert seen == walked


@given(facts=networks())
@settings(max_examples=25)
def test_what_is_called_needless_is_exactly_what_closes_nothing(facts):
    expectations = Expectations(
        node_port=30080, alb_allowed=(IPv4Network(OFFICE),), api_allowed=(IPv4Network(OFFICE),), ubuntu=True
    )
    report = prove_facts(facts, expectations)
    for label, name, rest in removable(facts):
        closes = {r.flow for r in prove_facts(rest, expectations).missing} - {r.flow for r in report.missing}
        assert bool(closes) != (f"{label} {name}" in report.needless), f"{label} {name}"
