"""What the flow proof knows about a network: typed facts, read from a plan or written by hand in a test.

Only what decides a packet's way is kept. There is nothing about network ACLs: the program creates none, and a VPC's
default one lets everything through.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

Kind = Literal["hybrid nodes", "managed nodes", "control plane", "ALB"]
Direction = Literal["in", "out"]
KINDS: tuple[Kind, ...] = ("hybrid nodes", "managed nodes", "control plane", "ALB")


@dataclass(frozen=True, kw_only=True)
class Vpc:
    """A VPC; every one of its route tables has the local route for `cidr`, and for each of `more`."""

    id: str
    name: str
    cidr: IPv4Network
    more: tuple[IPv4Network, ...] = ()

    def holds(self, address: IPv4Address) -> bool:
        """Whether the address is one of the VPC's."""
        return any(address in cidr for cidr in (self.cidr, *self.more))


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """A subnet. Without an association it uses the VPC's main table, which has the local route only."""

    id: str
    name: str
    vpc: str
    cidr: IPv4Network


@dataclass(frozen=True, kw_only=True)
class Association:
    """A subnet's choice of route table."""

    name: str
    subnet: str
    table: str
    foreign: bool = False


@dataclass(frozen=True, kw_only=True)
class Route:
    """One entry of a route table. `via` is the id of a gateway of any kind, or of a peering.

    `foreign` is what was there before the stack, here as elsewhere: nobody asks whether it is needed.
    """

    name: str
    table: str
    destination: IPv4Network
    via: str
    foreign: bool = False


@dataclass(frozen=True, kw_only=True)
class InternetGateway:
    """The door between a VPC and the internet, for interfaces which have a public address."""

    id: str
    name: str
    vpc: str
    foreign: bool = False


@dataclass(frozen=True, kw_only=True)
class NatGateway:
    """Gives machines without a public address the way out. It stands in `subnet`, which needs a way out itself."""

    id: str
    name: str
    subnet: str
    public_ip: IPv4Address


@dataclass(frozen=True, kw_only=True)
class Peering:
    """Carries packets from one VPC to addresses of the other, never further (a peering is not transitive)."""

    id: str
    name: str
    vpcs: frozenset[str]
    accepted: bool


@dataclass(frozen=True, kw_only=True)
class SiteLink:
    """A VPC's attachment to a transit gateway or a virtual private gateway (`id`), behind which the site lies."""

    id: str
    name: str
    vpc: str


@dataclass(frozen=True, kw_only=True)
class UnseenGateway:
    """Somebody else's way out of a VPC: what lies behind it was not seen. A NAT gateway has a public address."""

    id: str
    public_ip: IPv4Address | None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A security-group rule; `peer` is a CIDR or the id of a group. Protocol "-1" means every protocol and port."""

    name: str
    group: str
    direction: Direction
    protocol: str
    first_port: int
    last_port: int
    peer: IPv4Network | str

    def covers(self, protocol: str, port: int) -> bool:
        """Whether the rule speaks of a protocol and port."""
        return self.protocol == "-1" or (
            self.protocol == protocol and self.first_port <= port <= self.last_port
        )


@dataclass(frozen=True, kw_only=True)
class Interface:
    """Where machines of one kind hang on the network; all those with the same subnet and groups are one fact."""

    kind: Kind
    subnet: str
    groups: frozenset[str]
    public: bool = False


@dataclass(frozen=True, kw_only=True)
class ApiEndpoint:
    """The API server's public endpoint. It is not in either VPC; `allowed` is its allow-list."""

    name: str
    public: bool
    allowed: tuple[IPv4Network, ...]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A whole network. `tables` gives the names of route tables by id.

    `site` has the ids of those VPCs that are none: the ranges of a data centre of one's own. What leads from there, and
    its firewall, are taken for granted; `routes_elsewhere` says that the routes to it are too. `assumed` has the ids of
    those that exist and that nobody has looked at.
    """

    vpcs: tuple[Vpc, ...]
    subnets: tuple[Subnet, ...]
    tables: dict[str, str]
    associations: tuple[Association, ...] = ()
    routes: tuple[Route, ...] = ()
    internet_gateways: tuple[InternetGateway, ...] = ()
    nat_gateways: tuple[NatGateway, ...] = ()
    peerings: tuple[Peering, ...] = ()
    site_links: tuple[SiteLink, ...] = ()
    unseen_gateways: tuple[UnseenGateway, ...] = ()
    assumed: frozenset[str] = frozenset()
    site: frozenset[str] = frozenset()
    routes_elsewhere: bool = False
    groups: dict[str, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    api: ApiEndpoint | None = None

    @cached_property
    def vpc_by_id(self) -> dict[str, Vpc]:
        """The VPCs by id."""
        return {vpc.id: vpc for vpc in self.vpcs}

    @cached_property
    def subnet_by_id(self) -> dict[str, Subnet]:
        """The subnets by id."""
        return {subnet.id: subnet for subnet in self.subnets}

    @cached_property
    def association_of(self) -> dict[str, Association]:
        """The association of each subnet that has one."""
        return {association.subnet: association for association in self.associations}

    @cached_property
    def routes_of(self) -> dict[str, tuple[Route, ...]]:
        """The routes of each table, longest prefix first."""
        by_table: dict[str, list[Route]] = {}
        for route in sorted(self.routes, key=lambda r: -r.destination.prefixlen):
            by_table.setdefault(route.table, []).append(route)
        return {table: tuple(routes) for table, routes in by_table.items()}

    @cached_property
    def rules_of(self) -> dict[tuple[str, str], tuple[Rule, ...]]:
        """The rules of each group and direction."""
        by_group: dict[tuple[str, str], list[Rule]] = {}
        for rule in self.rules:
            by_group.setdefault((rule.group, rule.direction), []).append(rule)
        return {key: tuple(rules) for key, rules in by_group.items()}

    @cached_property
    def gateways(self) -> dict[str, InternetGateway | NatGateway | Peering | SiteLink | UnseenGateway]:
        """Everything that a route can lead to, by id; what the plan has of a gateway counts."""
        known = (*self.internet_gateways, *self.nat_gateways, *self.peerings, *self.site_links)
        return {g.id: g for g in (*self.unseen_gateways, *known)}

    def in_site(self, address: IPv4Address) -> str | None:
        """The id of the site's range that an address lies in."""
        return next((each for each in sorted(self.site) if address in self.vpc_by_id[each].cidr), None)

    @cached_property
    def boundaries(self) -> tuple[int, ...]:
        """Every address at which some fact starts or stops to apply, in order.

        Two addresses between the same two boundaries are treated alike by every route and rule, so one of them can
        stand for all.
        """
        networks = (
            {cidr for v in self.vpcs for cidr in (v.cidr, *v.more)}
            | {s.cidr for s in self.subnets}
            | {r.destination for r in self.routes}
        )
        networks |= {rule.peer for rule in self.rules if isinstance(rule.peer, IPv4Network)}
        networks |= set(self.api.allowed) if self.api else set()
        edges = {int(n.network_address) for n in networks} | {int(n.broadcast_address) + 1 for n in networks}
        return tuple(sorted(edges))


def removable(facts: Facts) -> list[tuple[str, str, Facts]]:
    """Every single thing that could be taken away: what it is, its name, and the facts without it."""
    found: list[tuple[str, str, Facts]] = []
    for attribute, label in (
        ("associations", "association"),
        ("routes", "route"),
        ("internet_gateways", "internet gateway"),
        ("nat_gateways", "NAT gateway"),
        ("peerings", "peering"),
        ("site_links", "attachment"),
        ("rules", "rule"),
    ):
        items = getattr(facts, attribute)
        for item in (each for each in items if not getattr(each, "foreign", False)):
            rest = tuple(other for other in items if other is not item)
            found.append((label, item.name, replace(facts, **{attribute: rest})))
    return found
