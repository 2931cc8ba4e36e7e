"""A VPC that exists takes the stack: what the program's own look-ups cannot judge, as a stack that is up uses it."""

from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import Any, Final

from ops.checks.model import Findings, Outcome, listed, skipped
from ops.clients.aws import used_by
from ops.ready.checks.gateway import ROUTES_OF_OTHERS
from ops.ready.context import Context, asked

# EKS recommends 16 free addresses in each of its subnets, and an Application Load Balancer wants 8.
# https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#subnets-load-balancer
_CONTROL_PLANE: Final = 16
_LOAD_BALANCER: Final = 8


@asked("account.vpc", "the VPC that you have takes the stack")
def vpc(context: Context, findings: Findings) -> str | Outcome:
    wanted = context.wanted
    if not wanted.existing_vpc:
        return skipped("the settings name none")
    if context.is_up:
        return "this stack is there already; what it needs is in use"
    subnets = context.existing_subnets
    absent = [id_ for id_ in (*wanted.private_subnets, *wanted.public_subnets) if id_ not in subnets]
    if absent:
        findings.fail(
            f"{wanted.existing_vpc} has no subnet {listed(absent)}",
            why="network.privateSubnetIds and network.publicSubnetIds name subnets of network.vpcId",
            fix=f"aws ec2 describe-subnets --region {wanted.region} --filters Name=vpc-id,Values={wanted.existing_vpc}",
        )
        return ""
    _addresses(findings, "the control plane", wanted.private_subnets, subnets, _CONTROL_PLANE)
    _addresses(findings, "the load balancer", wanted.public_subnets, subnets, _LOAD_BALANCER)
    room = sum(subnets[id_]["AvailableIpAddressCount"] - _CONTROL_PLANE for id_ in wanted.private_subnets)
    nodes = sum(group.most for group in wanted.counts.groups)
    if nodes > room:
        findings.fail(
            f"{listed(wanted.private_subnets)} have {max(0, room)} free addresses for {nodes} managed nodes",
            why=f"the control plane has {_CONTROL_PLANE} of each",
            fix="smaller managedNodes.max, or larger subnets",
        )
    _routes(context, findings)
    _attachment(context, findings)
    return f"{wanted.existing_vpc} has room for it"


def _addresses(
    findings: Findings, who: str, ids: Iterable[str], subnets: dict[str, Any], wanted: int
) -> None:
    for id_ in ids:
        free = subnets[id_]["AvailableIpAddressCount"]
        if free < wanted:
            findings.fail(
                f"{id_} has {free} free addresses",
                why=f"{who} wants {wanted} in each of its subnets",
                fix="name a larger subnet of that zone, or free some",
            )


def _routes(context: Context, findings: Findings) -> None:
    """Find what already leads elsewhere: AWS takes no second route to a range, and a longer one would win."""
    wanted = context.wanted
    if not wanted.makes_routes:
        return
    in_vpc = [{"Name": "vpc-id", "Values": [wanted.existing_vpc]}]
    tables = context.pages("ec2", "describe_route_tables", "RouteTables", Filters=in_vpc)
    in_use = used_by([*wanted.private_subnets, *wanted.public_subnets], tables)
    for table in tables:
        if table["RouteTableId"] not in in_use:
            continue
        for route in table["Routes"]:
            cidr = route.get("DestinationCidrBlock")
            if cidr and any(IPv4Network(cidr).subnet_of(IPv4Network(site)) for site in wanted.site):
                findings.fail(
                    f"{table['RouteTableId']} has a route to {cidr} already",
                    why=f"the stack makes one to {listed(wanted.site)} there, and AWS takes no second one",
                    fix="a range that is free (onPremVpcCidr), or site.routes none where that route leads to your site",
                )


def _attachment(context: Context, findings: Findings) -> None:
    wanted = context.wanted
    if not wanted.transit_gateway:
        return
    pair = [
        {"Name": "transit-gateway-id", "Values": [wanted.transit_gateway]},
        {"Name": "vpc-id", "Values": [wanted.existing_vpc]},
        {"Name": "state", "Values": ["available", "pending", "pendingAcceptance", "modifying"]},
    ]
    key = "TransitGatewayVpcAttachments"
    for attachment in context.pages("ec2", "describe_transit_gateway_vpc_attachments", key, Filters=pair):
        findings.fail(
            f"{wanted.existing_vpc} is attached to {wanted.transit_gateway} already "
            f"({attachment['TransitGatewayAttachmentId']})",
            why="a VPC has one attachment to one transit gateway",
            fix=ROUTES_OF_OTHERS.format(key="transitGatewayId"),
        )
