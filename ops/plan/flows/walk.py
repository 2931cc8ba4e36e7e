"""One packet's way through a VPC network: by which routes it goes, and which rules let it pass.

Stateful, as AWS is: an answer needs a route back but no rule of its own.
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html (longest prefix first)
"""

from bisect import bisect_right
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from ops.plan.flows.facts import (
    Facts,
    Interface,
    InternetGateway,
    NatGateway,
    Peering,
    SiteLink,
    Subnet,
    UnseenGateway,
)

# What no router of the internet forwards: https://www.iana.org/assignments/iana-ipv4-special-registry
NOT_ON_THE_INTERNET = tuple(
    IPv4Network(cidr)
    for cidr in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)


@dataclass(frozen=True, kw_only=True)
class NetworkPath:
    """One direction of a packet's way. `used` names what carried it; `leaves_as` is its address on the internet.

    `unseen` is what it takes for granted.
    """

    arrives: str = ""
    used: frozenset[str] = frozenset()
    route: str = ""
    missing: str = ""
    unseen: str = ""
    leaves_as: IPv4Address | None = None


INTERNET = "internet"
# What the plan cannot prove of a data centre of one's own.
GRANTED = "taken for granted in the data centre"


def network_path(
    facts: Facts, subnet: Subnet, destination: IPv4Address, *, public: bool = False
) -> NetworkPath:
    """How a packet which leaves `subnet` gets to `destination`: to the id of a VPC, or to the internet.

    `public` says whether the sender has a public address of its own.
    """
    if facts.vpc_by_id[subnet.vpc].holds(destination):
        return NetworkPath(arrives=subnet.vpc, route=f"local in {facts.vpc_by_id[subnet.vpc].name}")
    if subnet.vpc in facts.site:
        return _from_site(facts, destination)
    if facts.routes_elsewhere and (place := facts.in_site(destination)):
        return NetworkPath(arrives=place, route=GRANTED)
    association = facts.association_of.get(subnet.id)
    if association is None:
        return NetworkPath(
            missing=f"subnet {subnet.name} has no route table of its own, so only the local route"
        )
    table = facts.tables.get(association.table, association.table)
    route = next(
        (r for r in facts.routes_of.get(association.table, ()) if destination in r.destination), None
    )
    if route is None:
        return NetworkPath(missing=f"route table {table} has no route to {destination}")
    used = frozenset({f"association {association.name}", f"route {route.name}"})
    gateway = facts.gateways.get(route.via)
    if isinstance(gateway, Peering):
        step = _peering(facts, subnet, destination, gateway)
    elif isinstance(gateway, NatGateway):
        step = _nat(facts, subnet, destination, gateway)
    elif isinstance(gateway, InternetGateway):
        step = _internet(subnet, destination, gateway, public=public)
    elif isinstance(gateway, SiteLink):
        step = _site(facts, subnet, destination, gateway)
    elif isinstance(gateway, UnseenGateway):
        step = _beyond(destination, gateway)
    else:
        step = NetworkPath(missing=f"leads to {route.via}, which is gone")
    if step.missing:
        return NetworkPath(missing=f"route {route.name} ({route.destination}) {step.missing}")
    return NetworkPath(
        arrives=step.arrives,
        used=used | step.used,
        route=route.name,
        unseen=step.unseen,
        leaves_as=step.leaves_as,
    )


def _beyond(destination: IPv4Address, gateway: UnseenGateway) -> NetworkPath:
    if not on_the_internet(destination):
        return NetworkPath(
            missing=f"leads to {gateway.id}, and whether {destination} is behind it was not seen"
        )
    return NetworkPath(
        arrives=INTERNET, unseen=f"that {gateway.id} leads to the internet", leaves_as=gateway.public_ip
    )


def _peering(facts: Facts, subnet: Subnet, destination: IPv4Address, peering: Peering) -> NetworkPath:
    if not peering.accepted:
        return NetworkPath(missing=f"leads to peering {peering.name}, which nobody accepts")
    if subnet.vpc not in peering.vpcs:
        return NetworkPath(missing=f"leads to peering {peering.name}, which is not this VPC's")
    for other in sorted(peering.vpcs - {subnet.vpc}):
        if other in facts.vpc_by_id and facts.vpc_by_id[other].holds(destination):
            return NetworkPath(arrives=other, used=frozenset({f"peering {peering.name}"}))
    return NetworkPath(missing=f"leads to peering {peering.name}, behind which {destination} is not")


def _site(facts: Facts, subnet: Subnet, destination: IPv4Address, link: SiteLink) -> NetworkPath:
    if link.vpc != subnet.vpc:
        return NetworkPath(missing=f"leads to {link.id}, to which this VPC is not attached")
    place = facts.in_site(destination)
    if place is None:
        return NetworkPath(missing=f"leads to {link.id}, behind which {destination} is not")
    return NetworkPath(arrives=place, used=frozenset({f"attachment {link.name}"}))


def _from_site(facts: Facts, destination: IPv4Address) -> NetworkPath:
    """How a packet leaves a data centre: as its people have made it, over the same gateway to the attached VPC."""
    place = facts.in_site(destination)
    if place is None:
        inside = (vpc for vpc in facts.vpcs if vpc.holds(destination))
        linked = {link.vpc for link in facts.site_links}
        vpc = next(inside, None)
        if vpc is not None and vpc.id not in linked and not facts.routes_elsewhere:
            return NetworkPath(missing=f"no gateway leads from the data centre to {vpc.name}")
        place = vpc.id if vpc else INTERNET
    used = frozenset(f"attachment {link.name}" for link in facts.site_links if link.vpc == place)
    return NetworkPath(arrives=place, route=GRANTED, used=used)


def _nat(facts: Facts, subnet: Subnet, destination: IPv4Address, nat: NatGateway) -> NetworkPath:
    home = facts.subnet_by_id.get(nat.subnet)
    if home is None or home.vpc != subnet.vpc:
        return NetworkPath(missing=f"leads to NAT gateway {nat.name}, which is not in this VPC")
    association = facts.association_of.get(home.id)
    routes = facts.routes_of.get(association.table, ()) if association else ()
    onward = next((r for r in routes if destination in r.destination), None)
    if onward is not None and isinstance(facts.gateways.get(onward.via), NatGateway):
        return NetworkPath(
            missing=f"leads to NAT gateway {nat.name}, whose own subnet {home.name} leads to a NAT gateway"
        )
    beyond = network_path(facts, home, destination, public=True)
    if beyond.missing or beyond.arrives != INTERNET:
        reason = beyond.missing or f"{home.name} does not lead to the internet"
        return NetworkPath(missing=f"leads to NAT gateway {nat.name}, but {reason}")
    return NetworkPath(
        arrives=INTERNET, used=beyond.used | {f"NAT gateway {nat.name}"}, leaves_as=nat.public_ip
    )


def _internet(
    subnet: Subnet, destination: IPv4Address, gateway: InternetGateway, *, public: bool
) -> NetworkPath:
    if gateway.vpc != subnet.vpc:
        return NetworkPath(missing=f"leads to internet gateway {gateway.name}, which is not this VPC's")
    if not public:
        return NetworkPath(
            missing=f"leads to internet gateway {gateway.name}, but the sender has no public address"
        )
    if not on_the_internet(destination):
        return NetworkPath(
            missing=f"leads to internet gateway {gateway.name}, but {destination} is a private address"
        )
    return NetworkPath(arrives=INTERNET, used=frozenset({f"internet gateway {gateway.name}"}))


def on_the_internet(address: IPv4Address) -> bool:
    """Whether the internet could know a machine by this address."""
    return not any(address in network for network in NOT_ON_THE_INTERNET)


def permitted_by(
    facts: Facts,
    interface: Interface,
    direction: str,
    protocol: str,
    port: int,
    peer: IPv4Address,
    peer_interface: Interface | None = None,
) -> str | None:
    """The name of the rule which lets a first packet pass, or None.

    A rule that names a group matches interfaces of the same VPC only (other VPCs are reached by CIDR).
    """
    if _vpc_of(facts, interface) in facts.site:
        return GRANTED
    same_vpc_groups: frozenset[str] = frozenset()
    if peer_interface and _vpc_of(facts, peer_interface) == _vpc_of(facts, interface):
        same_vpc_groups = peer_interface.groups
    for group in sorted(interface.groups):
        for rule in facts.rules_of.get((group, direction), ()):
            match = peer in rule.peer if isinstance(rule.peer, IPv4Network) else rule.peer in same_vpc_groups
            if match and rule.covers(protocol, port):
                return rule.name
    return None


def _vpc_of(facts: Facts, interface: Interface) -> str:
    return facts.subnet_by_id[interface.subnet].vpc


def representatives(network: IPv4Network, boundaries: tuple[int, ...]) -> list[IPv4Address]:
    """One address for each part of `network` that some fact treats differently (`Facts.boundaries`)."""
    first, last = int(network.network_address), int(network.broadcast_address)
    inside = boundaries[bisect_right(boundaries, first) : bisect_right(boundaries, last)]
    return [IPv4Address(first), *(IPv4Address(edge) for edge in inside)]


def internet_addresses(facts: Facts, network: IPv4Network) -> list[IPv4Address]:
    """One address for each part of `network` on the internet that some fact treats differently."""
    special = {int(n.network_address) for n in NOT_ON_THE_INTERNET}
    special |= {int(n.broadcast_address) + 1 for n in NOT_ON_THE_INTERNET}
    boundaries = tuple(sorted(special | set(facts.boundaries)))
    return [a for a in representatives(network, boundaries) if on_the_internet(a)]


def doorway(facts: Facts, target: Interface, client: IPv4Address) -> NetworkPath:
    """How an internet client gets to an interface: it takes the way of the answer, against the stream."""
    subnet = facts.subnet_by_id[target.subnet]
    if not target.public:
        return NetworkPath(missing=f"{target.kind} in {subnet.name} has no public address")
    back = network_path(facts, subnet, client, public=True)
    if back.missing or back.arrives != INTERNET:
        return NetworkPath(
            missing=f"no answer: {back.missing or f'{client} is taken for an address inside a VPC'}"
        )
    if back.leaves_as:
        return NetworkPath(missing=f"no answer: route {back.route} leads through a NAT gateway")
    return back
