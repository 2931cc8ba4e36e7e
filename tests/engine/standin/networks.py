"""A VPC that is somebody else's: what there is, and what the AWS provider's look-ups answer about it.

Its route tables have routes of their own, and those that a stack has made in them, as AWS shows them: in one list.
"""

import json
from typing import Any

from tests.engine.standin.world import Thing, World

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
TABLE = "aws:ec2/routeTable:RouteTable"
INTERNET = "aws:ec2/internetGateway:InternetGateway"
NAT = "aws:ec2/natGateway:NatGateway"
_ROUTE = "aws:ec2/route:Route"
_WAYS = ("gatewayId", "natGatewayId", "transitGatewayId", "vpcPeeringConnectionId")

EXISTING = "vpc-00000000000000aa0"
PRIVATE = ("subnet-00000000000000aa1", "subnet-00000000000000aa2")
PUBLIC = ("subnet-00000000000000bb1", "subnet-00000000000000bb2")
PRIVATE_TABLE, MAIN_TABLE = "rtb-00000000000000aa1", "rtb-00000000000000aa0"
NAT_GATEWAY, NAT_ADDRESS = "nat-00000000000000aa0", "203.0.113.77"


def somebody_elses(region: str) -> list[tuple[str, str, dict[str, Any]]]:
    """A VPC with two ranges: private subnets in the second one behind a NAT gateway, public ones in the main table."""
    internet = "igw-00000000000000aa0"
    subnets = [
        (SUBNET, id_, {"vpcId": EXISTING, "cidrBlock": cidr, "availabilityZone": f"{region}{zone}"})
        for id_, cidr, zone in (
            (PRIVATE[0], "100.64.0.0/20", "a"),
            (PRIVATE[1], "100.64.16.0/20", "c"),
            (PUBLIC[0], "10.30.0.0/24", "a"),
            (PUBLIC[1], "10.30.1.0/24", "c"),
        )
    ]
    return [
        (VPC, EXISTING, {"cidrBlock": "10.30.0.0/16", "more": ["100.64.0.0/16"]}),
        *subnets,
        (INTERNET, internet, {"vpcId": EXISTING}),
        (NAT, NAT_GATEWAY, {"subnetId": PUBLIC[0], "publicIp": NAT_ADDRESS}),
        (
            TABLE,
            PRIVATE_TABLE,
            {
                "vpcId": EXISTING,
                "subnetIds": list(PRIVATE),
                "routes": [{"cidrBlock": "0.0.0.0/0", "natGatewayId": NAT_GATEWAY}],
            },
        ),
        (
            TABLE,
            MAIN_TABLE,
            {
                "vpcId": EXISTING,
                "main": True,
                "subnetIds": [],
                "routes": [
                    {"cidrBlock": "0.0.0.0/0", "gatewayId": internet},
                    {"cidrBlock": "10.44.0.0/16", "transitGatewayId": "tgw-00000000000000aa0"},
                ],
            },
        ),
    ]


def in_answers_of_aws(region: str) -> str:
    """The same VPC as `aws ec2 describe-subnets` and `aws ec2 describe-route-tables` describe it."""
    things = somebody_elses(region)
    ((_, _, vpc),) = (each for each in things if each[0] == VPC)
    local = [
        {"DestinationCidrBlock": cidr, "GatewayId": "local"} for cidr in (vpc["cidrBlock"], *vpc["more"])
    ]
    subnets = [{"SubnetId": id_, **_in_capitals(inputs)} for token, id_, inputs in things if token == SUBNET]
    tables = [
        {
            "RouteTableId": id_,
            "VpcId": EXISTING,
            "Associations": [
                *({"Main": False, "SubnetId": subnet} for subnet in inputs["subnetIds"]),
                *([{"Main": True}] if inputs.get("main") else []),
            ],
            "Routes": [
                *local,
                *map(_described_route, inputs["routes"]),
            ],
        }
        for token, id_, inputs in things
        if token == TABLE
    ]
    return f"{json.dumps({'Subnets': subnets})}\n{json.dumps({'RouteTables': tables})}\n"


def look_up(world: World, token: str, args: dict[str, Any], region: str) -> dict[str, Any] | None:
    """Return what a look-up of a VPC or of what is in it answers; None for any other.

    What has no subnet in the region is in another one.

    Raises:
        LookupError: there is no such thing, in the provider's words.

    """
    if token == "aws:ec2/getRouteTables:getRouteTables":
        ids = [each.id for each in world.of(TABLE) if each.inputs["vpcId"] == args["vpcId"]]
        return {**args, "id": args["vpcId"], "ids": ids}
    if token not in _ANSWERS:
        return None
    type_, key, answer = _ANSWERS[token]
    thing = world.get(type_, args[key])
    zones = {each.inputs["vpcId"]: each.inputs["availabilityZone"] for each in world.of(SUBNET)}
    if thing is None or not zones.get(thing.inputs.get("vpcId", thing.id), region).startswith(region):
        raise LookupError(f"invoking {token}: no matching EC2 {type_.rpartition(':')[2]} found")
    return {**args, "id": thing.id, **answer(world, thing)}


def _described_route(route: dict[str, Any]) -> dict[str, Any]:
    target = {key: value for key, value in route.items() if key != "cidrBlock"}
    return {"State": "active", "DestinationCidrBlock": route["cidrBlock"], **_in_capitals(target)}


def _in_capitals(inputs: dict[str, Any]) -> dict[str, Any]:
    return {f"{key[0].upper()}{key[1:]}": value for key, value in inputs.items()}


def _vpc(world: World, vpc: Thing) -> dict[str, Any]:
    cidrs = [vpc.inputs["cidrBlock"], *vpc.inputs.get("more", ())]
    (main,) = (
        each.id for each in world.of(TABLE) if each.inputs["vpcId"] == vpc.id and each.inputs.get("main")
    )
    return {
        "cidrBlock": cidrs[0],
        "cidrBlockAssociations": [
            {"associationId": f"vpc-cidr-assoc-{number}", "cidrBlock": cidr, "state": "associated"}
            for number, cidr in enumerate(cidrs)
        ],
        "enableDnsSupport": vpc.inputs.get("enableDnsSupport", True),
        "enableDnsHostnames": vpc.inputs.get("enableDnsHostnames", True),
        "mainRouteTableId": main,
    }


def _subnet(_world: World, subnet: Thing) -> dict[str, Any]:
    return subnet.inputs


def _table(world: World, table: Thing) -> dict[str, Any]:
    made = [
        {"cidrBlock": each.inputs["destinationCidrBlock"]} | {key: each.inputs.get(key, "") for key in _WAYS}
        for each in world.of(_ROUTE)
        if each.inputs["routeTableId"] == table.id
    ]
    main = [{"main": True, "subnetId": ""}] if table.inputs.get("main") else []
    return {
        "associations": [*main, *({"main": False, "subnetId": id_} for id_ in table.inputs["subnetIds"])],
        "routes": [*made, *table.inputs["routes"]],
    }


def _nat_gateway(_world: World, gateway: Thing) -> dict[str, Any]:
    return {"publicIp": gateway.inputs["publicIp"], "regionalNatGatewayAddresses": []}


_ANSWERS = {
    "aws:ec2/getVpc:getVpc": (VPC, "id", _vpc),
    "aws:ec2/getSubnet:getSubnet": (SUBNET, "id", _subnet),
    "aws:ec2/getRouteTable:getRouteTable": (TABLE, "routeTableId", _table),
    "aws:ec2/getNatGateway:getNatGateway": (NAT, "id", _nat_gateway),
}
