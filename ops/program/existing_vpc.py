"""A VPC that was there before the stack, for a program that runs without an account.

It is as AWS has described it, in the answers of two commands, or assumed: then nothing of it is known to be true.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import settings
from infra import addressing
from infra.names import ZONES_WITHOUT_EKS
from infra.shapes import ExistingVpc

_ROUTE_TARGETS: Final = (
    "NatGatewayId",
    "GatewayId",
    "TransitGatewayId",
    "NetworkInterfaceId",
    "InstanceId",
    "VpcPeeringConnectionId",
    "CoreNetworkArn",
)
_ZONES: Final = "abc"


class DescriptionError(Exception):
    """The file is not what the two commands answer, or not about what the settings name."""


@dataclass(frozen=True, kw_only=True)
class DescribedVpc:
    """What EC2 answers: entries of `Subnets` and of `RouteTables`. `assumed`: nobody has asked it."""

    id: str
    subnets: Mapping[str, Mapping[str, Any]]
    tables: Sequence[Mapping[str, Any]]
    assumed: bool

    @property
    def cidrs(self) -> list[str]:
        """The ranges of the VPC: each route table has a local route for each."""
        local = (route for table in self.tables for route in table["Routes"] if _target(route) == "local")
        return list(dict.fromkeys(route["DestinationCidrBlock"] for route in local))

    def table_of(self, subnet_id: str) -> Mapping[str, Any]:
        """The route table that a subnet uses: the one it has chosen, else the main one."""
        chosen = (
            table
            for table in self.tables
            for each in table["Associations"]
            if each.get("SubnetId") == subnet_id
        )
        return next(chosen, self._main)

    @property
    def _main(self) -> Mapping[str, Any]:
        return next(table for table in self.tables if any(each.get("Main") for each in table["Associations"]))

    def zones(self, region: str) -> set[str]:
        """The zones of its subnets that can hold a control plane: no Local Zones, and none that EKS leaves out."""
        return {
            each["AvailabilityZone"]
            for each in self.subnets.values()
            if re.fullmatch(rf"{region}[a-z]", each["AvailabilityZone"])
            and each.get("AvailabilityZoneId") not in ZONES_WITHOUT_EKS
        }

    def routes(self, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Destination and target of each route that leads somewhere, but for those inside the VPC."""
        for route in table["Routes"]:
            cidr, target = route.get("DestinationCidrBlock"), _target(route)
            if cidr and target and target != "local" and route.get("State") != "blackhole":
                yield cidr, target

    def used(self, subnet_ids: Iterable[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Type, id and inputs of what a stack uses of it, as if it had made it: the VPC, subnets and their routes."""
        first, *more = self.cidrs
        yield "aws:ec2/vpc:Vpc", self.id, {"cidrBlock": first, "more": more}
        tables = {id_: self.table_of(id_) for id_ in subnet_ids}
        for id_, table in tables.items():
            public = self.subnets[id_].get("MapPublicIpOnLaunch", False)
            inputs = {**self._subnet({"id": id_}), "vpcId": self.id, "mapPublicIpOnLaunch": public}
            yield "aws:ec2/subnet:Subnet", id_, inputs
            inputs = {"subnetId": id_, "routeTableId": table["RouteTableId"]}
            yield "aws:ec2/routeTableAssociation:RouteTableAssociation", id_, inputs
        for id_, table in {table["RouteTableId"]: table for table in tables.values()}.items():
            for cidr, target in self.routes(table):
                inputs = {"routeTableId": id_, "destinationCidrBlock": cidr, "gatewayId": target}
                yield "aws:ec2/route:Route", f"{id_} {cidr}", inputs

    def answer(self, token: str, args: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the provider's look-up of it answers; None for another look-up."""
        answers = {
            "aws:ec2/getVpc:getVpc": self._vpc,
            "aws:ec2/getSubnet:getSubnet": self._subnet,
            "aws:ec2/getRouteTables:getRouteTables": self._tables,
            "aws:ec2/getRouteTable:getRouteTable": self._table,
            "aws:ec2/getNatGateway:getNatGateway": _nat_gateway,
        }
        return answers[token](args) if token in answers else None

    def _vpc(self, args: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": args["id"],
            "cidrBlockAssociations": [
                {"associationId": "", "cidrBlock": cidr, "state": "associated"} for cidr in self.cidrs
            ],
            # The two commands do not say so, and without them there would be no cluster.
            "enableDnsSupport": True,
            "enableDnsHostnames": True,
            "mainRouteTableId": self._main["RouteTableId"],
        }

    def _subnet(self, args: Mapping[str, Any]) -> dict[str, Any]:
        subnet = self.subnets[args["id"]]
        return {
            "id": args["id"],
            "vpcId": subnet["VpcId"],
            "cidrBlock": subnet["CidrBlock"],
            "availabilityZone": subnet["AvailabilityZone"],
        }

    def _tables(self, args: Mapping[str, Any]) -> dict[str, Any]:
        return {"id": args["vpcId"], "ids": [table["RouteTableId"] for table in self.tables]}

    def _table(self, args: Mapping[str, Any]) -> dict[str, Any]:
        table = next(each for each in self.tables if each["RouteTableId"] == args["routeTableId"])
        return {
            "id": table["RouteTableId"],
            "associations": [
                {"main": each.get("Main", False), "subnetId": each.get("SubnetId", "")}
                for each in table["Associations"]
            ],
            "routes": [
                {
                    "cidrBlock": cidr,
                    "natGatewayId": target if target.startswith("nat-") else "",
                    "gatewayId": "" if target.startswith("nat-") else target,
                }
                for cidr, target in self.routes(table)
            ],
        }


def _nat_gateway(args: Mapping[str, Any]) -> dict[str, Any]:
    # 203.0.113.0/24 is reserved for documentation (RFC 5737).
    number = sum(args["id"].encode()) % 250 + 1
    return {"id": args["id"], "publicIp": f"203.0.113.{number}", "regionalNatGatewayAddresses": []}


def _target(route: Mapping[str, Any]) -> str:
    return next((route[key] for key in _ROUTE_TARGETS if route.get(key)), "")


def existing_vpc(config: Mapping[str, str], project: str) -> ExistingVpc | None:
    """The VPC that a stack's raw configuration names, if it does.

    Errors: SettingsError.
    """
    stack = _with_one(config, project)
    return stack.existing_vpc if stack else None


def _with_one(config: Mapping[str, str], project: str) -> settings.Settings | None:
    # Only where one is named: reading all settings takes its time.
    named = "vpcId" in config.get(f"{project}:network", "")
    return settings.parse(config, project=project) if named else None


def assumed(config: Mapping[str, str], project: str) -> DescribedVpc | None:
    """A VPC of a usual kind, with NAT gateways and of a range that is free, for the one that the settings name.

    Errors: SettingsError.
    """
    stack = _with_one(config, project)
    vpc = stack.existing_vpc if stack else None
    if stack is None or vpc is None:
        return None
    taken = [stack.pod_cidr, stack.service_cidr, *(stack.site.node_cidrs or [stack.on_prem_vpc_cidr])]
    cidr = addressing.free_range(16, taken)
    layout = addressing.subnet_layout(cidr, len(_ZONES))
    kinds = (("public", vpc.public_subnet_ids, "igw"), ("private", vpc.private_subnet_ids, "nat"))
    local = {"DestinationCidrBlock": cidr, "GatewayId": "local"}
    main = {"RouteTableId": "the main table", "Associations": [{"Main": True}], "Routes": [local]}
    tables, subnets = [main], {}
    for (kind, ids, prefix), cidrs in zip(kinds, layout, strict=True):
        # Made up, and made up alike each time.
        gateway = f"{prefix}-{vpc.vpc_id.removeprefix('vpc-')}"
        way = {
            "DestinationCidrBlock": addressing.ANYWHERE,
            "NatGatewayId" if prefix == "nat" else "GatewayId": gateway,
        }
        tables.append(
            {
                "RouteTableId": f"the {kind} table",
                "Associations": [{"SubnetId": id_} for id_ in ids],
                "Routes": [local, way],
            }
        )
        for id_, own, zone in zip(ids, cidrs, _ZONES, strict=False):
            subnets[id_] = {
                "VpcId": vpc.vpc_id,
                "CidrBlock": own,
                "AvailabilityZone": f"{stack.region}{zone}",
            }
    return DescribedVpc(id=vpc.vpc_id, subnets=subnets, tables=tables, assumed=True)


def described(path: Path, vpc: ExistingVpc) -> DescribedVpc:
    """Read what `commands` answer, one after the other in one file.

    Errors: DescriptionError.
    """
    subnets: dict[str, Mapping[str, Any]] = {}
    tables: list[Mapping[str, Any]] = []
    for document in _documents(path):
        subnets |= {each["SubnetId"]: each for each in document.get("Subnets", ())}
        tables += [each for each in document.get("RouteTables", ()) if each["VpcId"] == vpc.vpc_id]
    for key, ids in (
        ("privateSubnetIds", vpc.private_subnet_ids),
        ("publicSubnetIds", vpc.public_subnet_ids),
    ):
        absent = [id_ for id_ in ids if id_ not in subnets]
        if absent:
            raise DescriptionError(f"{path} has no network.{key} {', '.join(absent)}")
    if not any(each.get("Main") for table in tables for each in table["Associations"]):
        raise DescriptionError(f"{path} has no main route table of network.vpcId {vpc.vpc_id}")
    return DescribedVpc(id=vpc.vpc_id, subnets=subnets, tables=tables, assumed=False)


def _documents(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8").strip()
        while text:
            document, end = json.JSONDecoder().raw_decode(text)
            yield document
            text = text[end:].lstrip()
    except (OSError, ValueError) as error:
        raise DescriptionError(f"{path}: {error}") from None


def commands(vpc_id: str, region: str, file: str) -> str:
    """The commands whose answers `described` reads, as one line for a shell."""
    of_vpc = f"--region {region} --filters Name=vpc-id,Values={vpc_id}"
    return (
        f"(aws ec2 describe-subnets {of_vpc} --output json; aws ec2 describe-route-tables {of_vpc} --output json)"
        f" > {file}"
    )
