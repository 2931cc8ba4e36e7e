"""A VPC that is somebody else's: what there is, and what the AWS provider's look-ups answer about it.

Its route tables have routes of their own, and those that a stack has made in them, as AWS shows them: in one list.
"""

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
NAT_ADDRESS = "203.0.113.77"


def somebody_elses(region: str) -> list[tuple[str, str, dict[str, Any]]]:
    """A VPC with two ranges: private subnets in the second one behind a NAT gateway, public ones in the main table."""
    internet, nat = "igw-00000000000000aa0", "nat-00000000000000aa0"
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
        (NAT, nat, {"subnetId": PUBLIC[0], "publicIp": NAT_ADDRESS}),
        (
            TABLE,
            PRIVATE_TABLE,
            {
                "vpcId": EXISTING,
                "subnetIds": list(PRIVATE),
                "routes": [{"cidrBlock": "0.0.0.0/0", "natGatewayId": nat}],
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


def look_up(world: World, token: str, args: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a look-up of a VPC or of what is in it answers; None for any other.

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
    if thing is None:
        raise LookupError(f"invoking {token}: no matching EC2 {type_.rpartition(':')[2]} found")
    return {**args, "id": thing.id, **answer(world, thing)}


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
