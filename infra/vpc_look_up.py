"""Looks a VPC up that was there before the stack. It creates nothing and changes nothing.

The tables of its subnets get the stack's routes to the site later, each a resource of its own: a table is somebody
else's.
"""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.addressing import ANYWHERE
from infra.existing_vpc import SeenSubnet, SeenVpc, egress_cidrs, refusals
from infra.network import Network
from infra.shapes import ExistingVpc


def look_up_vpc(
    settings: ExistingVpc,
    account: Account,
    *,
    others: Mapping[str, Sequence[str]],
    allowed_cidrs: Sequence[str],
) -> Network:
    """Ask the provider for the VPC and what the stack needs of it; `others` and `allowed_cidrs` as in `refusals`.

    Errors: RunError that lists everything for which the stack cannot be built there; whatever the AWS provider says
    of an id that does not exist.
    """
    vpc = _seen(settings, account)
    problems = list(refusals(vpc, settings, others=others, allowed_cidrs=allowed_cidrs))
    if problems:
        raise pulumi.RunError("\n".join(problems))
    private = {subnet.table for subnet in vpc.private}
    return Network(
        id=vpc.id,
        made_here=False,
        cidrs=tuple(vpc.cidrs),
        private_cidrs=tuple(subnet.cidr for subnet in vpc.private),
        public_cidrs=tuple(subnet.cidr for subnet in vpc.public),
        private_subnet_ids=[subnet.id for subnet in vpc.private],
        public_subnet_ids=[subnet.id for subnet in vpc.public],
        route_tables={subnet.table: subnet.table for subnet in (*vpc.private, *vpc.public)},
        private_tables=frozenset(private),
        egress_cidrs=egress_cidrs(vpc, settings),
    )


def _seen(settings: ExistingVpc, account: Account) -> SeenVpc:
    vpc = aws.ec2.get_vpc(id=settings.vpc_id)
    tables = [
        aws.ec2.get_route_table(route_table_id=id_)
        for id_ in sorted(aws.ec2.get_route_tables(vpc_id=settings.vpc_id).ids)
    ]
    chosen = {each.subnet_id: table.id for table in tables for each in table.associations if each.subnet_id}
    ways_out = {
        table.id: _target(route) for table in tables for route in table.routes if route.cidr_block == ANYWHERE
    }

    def subnet(id_: str) -> SeenSubnet:
        found = aws.ec2.get_subnet(id=id_)
        # A subnet that has chosen none uses the main table.
        table = chosen.get(id_, vpc.main_route_table_id)
        return SeenSubnet(
            id=id_, vpc_id=found.vpc_id, cidr=found.cidr_block, zone=found.availability_zone, table=table
        )

    private = [subnet(id_) for id_ in settings.private_subnet_ids]
    ways = sorted({ways_out.get(each.table, "") for each in private})
    return SeenVpc(
        id=settings.vpc_id,
        cidrs=[each.cidr_block for each in vpc.cidr_block_associations if each.state == "associated"],
        dns_support=vpc.enable_dns_support,
        dns_hostnames=vpc.enable_dns_hostnames,
        private=private,
        public=[subnet(id_) for id_ in settings.public_subnet_ids],
        ways_out=ways_out,
        nat_addresses={way: _public_addresses(way) for way in ways if way.startswith("nat-")},
        zones=account.zones_with_eks,
    )


def _target(route: aws.ec2.outputs.GetRouteTableRouteResult) -> str:
    ways = (
        route.nat_gateway_id,
        route.gateway_id,
        route.transit_gateway_id,
        route.network_interface_id,
        route.instance_id,
        route.vpc_endpoint_id,
        route.vpc_peering_connection_id,
        route.core_network_arn,
    )
    return next(filter(None, ways), "")


def _public_addresses(nat_gateway: str) -> list[str]:
    """All of a NAT gateway's: a regional one has some in each zone. A private one has none."""
    found = aws.ec2.get_nat_gateway(id=nat_gateway)
    regional = [each.public_ip for each in found.regional_nat_gateway_addresses or ()]
    return [address for address in dict.fromkeys([found.public_ip, *regional]) if address]
