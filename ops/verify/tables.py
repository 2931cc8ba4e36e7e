"""The route tables of the stack's VPCs, and where they send what."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network
from typing import Any

from ops.verify.context import Context

Object = dict[str, Any]
_PROPAGATED = "EnableVgwRoutePropagation"


def tables(context: Context) -> list[Object]:
    """Every route table of the stack's VPCs."""
    return _of_vpcs(context, "describe_route_tables", "RouteTables")


def used_tables(context: Context, vpc_id: str) -> Iterator[Object]:
    """Give the tables that rule a subnet of the stack. AWS's own main table has none in a VPC that the stack makes."""
    expected = context.deployment.checks
    chosen = expected.subnet_ids if vpc_id == expected.vpc_id else ()
    subnets = {
        subnet["SubnetId"]
        for subnet in _of_vpcs(context, "describe_subnets", "Subnets")
        if subnet["VpcId"] == vpc_id and (not chosen or subnet["SubnetId"] in chosen)
    }
    found = [table for table in tables(context) if table["VpcId"] == vpc_id]
    assigned = {subnet for table in found for subnet in _subnets_of(table)}
    for table in sorted(found, key=lambda one: one["RouteTableId"]):
        main = any(one.get("Main") for one in table.get("Associations") or [])
        if _subnets_of(table) & subnets or (main and subnets - assigned):
            yield table


def _of_vpcs(context: Context, operation: str, key: str) -> list[Object]:
    ours = [{"Name": "vpc-id", "Values": list(context.deployment.checks.vpcs)}]
    return context.memo.get(key, lambda: context.aws.pages("ec2", operation, key, Filters=ours))


def _subnets_of(table: Object) -> set[str]:
    associations: Iterable[Object] = table.get("Associations") or []
    return {one["SubnetId"] for one in associations if one.get("SubnetId")}


def destination(route: Object) -> IPv4Network | None:
    """Give the range that a route is for; None for one of IPv6 or of a prefix list."""
    cidr = route.get("DestinationCidrBlock")
    return IPv4Network(cidr) if cidr else None


def target(route: Object) -> str:
    """Name what a route leads to."""
    keys = ("VpcPeeringConnectionId", "TransitGatewayId", "NatGatewayId", "NetworkInterfaceId", "GatewayId")
    return next((route[key] for key in keys if route.get(key)), "nothing")


def ways(routes: Iterable[Object], cidr: IPv4Network) -> Iterator[tuple[IPv4Network, Object | None]]:
    """Give every part of a range with the route that carries it, as EC2 chooses: by the longest prefix, static first.

    The default route carries nothing here: it leads to the internet. None is for what no other route carries.
    https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
    """
    known = [(where, route) for route in routes if (where := destination(route)) and where.prefixlen]
    left = [cidr]
    for where, route in sorted(
        known, key=lambda one: (-one[0].prefixlen, one[1].get("Origin") == _PROPAGATED)
    ):
        rest: list[IPv4Network] = []
        for part in left:
            if part.subnet_of(where):
                yield part, route
            elif where.subnet_of(part):
                yield where, route
                rest += part.address_exclude(where)
            else:
                rest.append(part)
        left = rest
    for part in sorted(left):
        yield part, None
