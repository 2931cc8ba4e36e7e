"""Looks a VPC up that was there before the stack. It creates nothing and changes nothing.

The tables of its subnets get the stack's routes to the site later, each a resource of its own: a table is somebody
else's.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.addressing import ANYWHERE
from infra.existing_vpc import SeenSubnet, SeenVpc, egress_cidrs, refusals
from infra.network import Network
from infra.shapes import ExistingVpc, Ranges

_LISTED: Final = {"vpcId": "vpcs", "privateSubnetIds": "subnets", "publicSubnetIds": "subnets"}


def look_up_vpc(ranges: Ranges, site_cidrs: Sequence[str], account: Account) -> Network | None:
    """Ask the provider for the VPC and what the stack needs of it; None where the stack makes one.

    Errors: RunError that lists everything for which the stack cannot be built there.
    """
    if ranges.existing is None:
        return None
    vpc = _seen(ranges.existing, account)
    others = {
        "podCidr": [ranges.pods.cidr],
        "serviceCidr": [ranges.service_cidr],
        **({"site.nodeCidrs": site_cidrs} if site_cidrs else {"onPremVpcCidr": [ranges.on_prem_vpc_cidr]}),
    }
    problems = list(refusals(vpc, ranges.existing, others=others, allowed_cidrs=ranges.api_allowed_cidrs))
    if problems:
        raise pulumi.RunError("\n".join(problems))
    return Network(
        id=vpc.id,
        made_here=False,
        cidrs=tuple(vpc.cidrs),
        private_cidrs=tuple(subnet.cidr for subnet in vpc.private),
        public_cidrs=tuple(subnet.cidr for subnet in vpc.public),
        private_subnet_ids=[subnet.id for subnet in vpc.private],
        public_subnet_ids=[subnet.id for subnet in vpc.public],
        route_tables={subnet.table: subnet.table for subnet in (*vpc.private, *vpc.public)},
        private_tables=frozenset(subnet.table for subnet in vpc.private),
        egress_cidrs=egress_cidrs(vpc, ranges.existing),
    )


def _seen(settings: ExistingVpc, account: Account) -> SeenVpc:
    vpc = _asked("vpcId", settings.vpc_id, account, aws.ec2.get_vpc)
    tables = [
        aws.ec2.get_route_table(route_table_id=id_)
        for id_ in sorted(aws.ec2.get_route_tables(vpc_id=settings.vpc_id).ids)
    ]
    chosen = {each.subnet_id: table.id for table in tables for each in table.associations if each.subnet_id}
    ways_out = {
        table.id: _target(route) for table in tables for route in table.routes if route.cidr_block == ANYWHERE
    }

    def subnets(key: str, ids: Sequence[str]) -> list[SeenSubnet]:
        answers = [_asked(key, id_, account, aws.ec2.get_subnet) for id_ in ids]
        return [
            SeenSubnet(
                id=subnet.id,
                vpc_id=subnet.vpc_id,
                cidr=subnet.cidr_block,
                zone=subnet.availability_zone,
                # A subnet that has chosen none uses the main table.
                table=chosen.get(subnet.id, vpc.main_route_table_id),
            )
            for subnet in answers
        ]

    private = subnets("privateSubnetIds", settings.private_subnet_ids)
    ways = sorted({ways_out.get(each.table, "") for each in private})
    return SeenVpc(
        id=settings.vpc_id,
        cidrs=[each.cidr_block for each in vpc.cidr_block_associations if each.state == "associated"],
        dns_support=vpc.enable_dns_support,
        dns_hostnames=vpc.enable_dns_hostnames,
        private=private,
        public=subnets("publicSubnetIds", settings.public_subnet_ids),
        ways_out=ways_out,
        nat_addresses={way: _public_addresses(way) for way in ways if way.startswith("nat-")},
        zones=account.zones_with_eks,
    )


def _asked(key: str, id_: str, account: Account, look_up: Callable[..., Any]) -> Any:
    """What the provider knows of an id that the settings name."""
    try:
        return look_up(id=id_)
    except Exception as error:  # the SDK has no type of its own for what a provider refuses
        raise pulumi.RunError(
            f"network.{key} {id_} cannot be read in aws:region {account.region} as account {account.account_id}: "
            f"{error}. Name one that is there (aws ec2 describe-{_LISTED[key]} --region {account.region}), or go where "
            "it is: pulumi config set aws:region REGION, pulumi config set aws:profile NAME"
        ) from None


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
