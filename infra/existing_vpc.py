"""What a VPC must be that was there before the stack, judged before anything is made in it. Pure.

https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from infra.addressing import ANYWHERE, free_range, overlap
from infra.shapes import ExistingVpc

# https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html
_MOST_API_CIDRS: Final = 40


@dataclass(frozen=True, kw_only=True)
class SeenSubnet:
    """A subnet as AWS describes it; `table` is the id of the route table that it uses."""

    id: str
    vpc_id: str
    cidr: str
    zone: str
    table: str


@dataclass(frozen=True, kw_only=True)
class SeenVpc:
    """A VPC as AWS describes it, with the subnets that the settings name.

    `ways_out` has what the default route of each route table leads to, by the table's id; `nat_addresses` the public
    addresses of those that are NAT gateways, by their ids. `zones` are those that can hold a control plane.
    """

    id: str
    cidrs: Sequence[str]
    dns_support: bool
    dns_hostnames: bool
    private: Sequence[SeenSubnet]
    public: Sequence[SeenSubnet]
    ways_out: Mapping[str, str]
    nat_addresses: Mapping[str, Sequence[str]]
    zones: Sequence[str]

    def way_out(self, subnet: SeenSubnet) -> str:
        """What the subnet's default route leads to; empty where it has none."""
        return self.ways_out.get(subnet.table, "")

    @property
    def unknown_ways_out(self) -> list[SeenSubnet]:
        """The private subnets whose public address cannot be found."""
        return [subnet for subnet in self.private if not self.nat_addresses.get(self.way_out(subnet))]


def egress_cidrs(vpc: SeenVpc, settings: ExistingVpc) -> tuple[str, ...]:
    """The public ranges that the private subnets are known by: those of the NAT gateways, and of the settings."""
    found = [
        f"{address}/32"
        for subnet in vpc.private
        for address in vpc.nat_addresses.get(vpc.way_out(subnet), ())
    ]
    return tuple(dict.fromkeys([*found, *settings.egress_cidrs]))


def refusals(
    vpc: SeenVpc,
    settings: ExistingVpc,
    *,
    others: Mapping[str, Sequence[str]],
    allowed_cidrs: Sequence[str],
) -> Iterator[str]:
    """Say why the stack cannot be built there: setting, value, what is wrong, and the way out of it.

    Args:
        vpc: what AWS has.
        settings: what the settings say of it.
        others: the ranges that lie beside it, by the name of their setting.
        allowed_cidrs: who may reach the API.

    """
    yield from _names(vpc)
    yield from _subnets("privateSubnetIds", vpc.private, vpc)
    if vpc.public:
        yield from _subnets("publicSubnetIds", vpc.public, vpc)
    for subnet in vpc.private:
        yield from _private_way_out(vpc, subnet, settings)
    for subnet in vpc.public:
        if not vpc.way_out(subnet).startswith("igw-"):
            yield (
                f"network.publicSubnetIds {subnet.id} has no default route to an internet gateway (route table "
                f"{subnet.table}), and the load balancer faces the internet. Name a public subnet: "
                f"{_instead('publicSubnetIds', vpc.public, subnet)}"
            )
    for name, ranges in others.items():
        for cidr in ranges:
            for own in vpc.cidrs:
                if overlap(cidr, own):
                    yield (
                        f"{name} {cidr} overlaps {own}, a range of network.vpcId {vpc.id}. "
                        f"{_elsewhere(name, vpc, others)}"
                    )
    if ANYWHERE not in allowed_cidrs:
        yield from _narrow_api(vpc, settings, allowed_cidrs)


def _names(vpc: SeenVpc) -> Iterator[str]:
    for wanted, attribute, on in (
        ("DNS resolution", "support", vpc.dns_support),
        ("DNS host names", "hostnames", vpc.dns_hostnames),
    ):
        if not on:
            yield (
                f"network.vpcId {vpc.id} has no {wanted}, which EKS needs. aws ec2 modify-vpc-attribute --vpc-id "
                f"{vpc.id} --enable-dns-{attribute}"
            )


def _subnets(key: str, subnets: Sequence[SeenSubnet], vpc: SeenVpc) -> Iterator[str]:
    for subnet in subnets:
        if subnet.vpc_id != vpc.id:
            yield (
                f"network.{key} {subnet.id} is of {subnet.vpc_id}, not of network.vpcId {vpc.id}. Name one of its own: "
                f"{_instead(key, subnets, subnet)}"
            )
        elif subnet.zone not in vpc.zones:
            yield (
                f"network.{key} {subnet.id} is in {subnet.zone}, which holds no control plane of EKS: those of this "
                f"region are {', '.join(vpc.zones)}. Name one in them: {_instead(key, subnets, subnet)}"
            )
    for one, other in combinations(subnets, 2):
        if one.zone == other.zone:
            yield (
                f"network.{key} {one.id} and {other.id} are both in {one.zone}: a load balancer and a transit gateway "
                f"take one subnet of each zone. Name one of them: {_instead(key, subnets, other)}"
            )
    if len({subnet.zone for subnet in subnets}) < 2:
        yield (
            f"network.{key} are in one zone, and EKS and load balancers want two. Name one in another zone too: "
            f"pulumi config set --path 'network.{key}[{len(subnets)}]' SUBNET"
        )


def _private_way_out(vpc: SeenVpc, subnet: SeenSubnet, settings: ExistingVpc) -> Iterator[str]:
    way = vpc.way_out(subnet)
    if way.startswith("igw-"):
        yield (
            f"network.privateSubnetIds {subnet.id} leads to an internet gateway (route table {subnet.table}), through "
            "which a machine without a public address reaches nothing. Name a private subnet, behind a NAT gateway: "
            f"{_instead('privateSubnetIds', vpc.private, subnet)}"
        )
    elif not way and not settings.egress_cidrs:
        yield (
            f"network.privateSubnetIds {subnet.id} has no way out: route table {subnet.table} has no route to "
            f"{ANYWHERE}, and nodes need the internet. Where a virtual private gateway propagates one, which is not "
            "shown here, say so by the public address behind it: pulumi config set --path "
            "'network.egressCidrs[0]' ADDRESS/32"
        )


def _narrow_api(vpc: SeenVpc, settings: ExistingVpc, allowed: Sequence[str]) -> Iterator[str]:
    unknown = [] if settings.egress_cidrs else vpc.unknown_ways_out
    for subnet in unknown:
        if vpc.way_out(subnet):
            yield (
                f"apiAllowedCidrs {', '.join(allowed)} would lock out the nodes in {subnet.id}: its way out is "
                f"{vpc.way_out(subnet)}, whose public address cannot be found. Name it: pulumi config set --path "
                "'network.egressCidrs[0]' ADDRESS/32"
            )
    together = len(allowed) + len(egress_cidrs(vpc, settings))
    if together > _MOST_API_CIDRS:
        yield (
            f"apiAllowedCidrs has {len(allowed)} ranges, and with the addresses of the nodes' ways out there are "
            f"{together}: EKS takes {_MOST_API_CIDRS}. Join some, or take one out: pulumi config rm --path "
            f"'apiAllowedCidrs[{len(allowed) - 1}]'"
        )


def _instead(key: str, subnets: Sequence[SeenSubnet], subnet: SeenSubnet) -> str:
    return f"pulumi config set --path 'network.{key}[{subnets.index(subnet)}]' SUBNET"


def _elsewhere(name: str, vpc: SeenVpc, others: Mapping[str, Sequence[str]]) -> str:
    """The way out of an overlap: the ranges of a data centre are as they are."""
    if name.startswith("site."):
        return "Your ranges are as they are: name another VPC, pulumi config set --path network.vpcId VPC"
    taken = [*vpc.cidrs, *(cidr for other, ranges in others.items() if other != name for cidr in ranges)]
    return f"Choose a range outside it: pulumi config set {name} {free_range(16, taken)}"
