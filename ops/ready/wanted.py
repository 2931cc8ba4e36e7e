"""What the program asks of an account, counted from its recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.program.recorder import Recording

_NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
_LISTENER = "aws:lb/listener:Listener"
_INSTANCE = "aws:ec2/instance:Instance"
_FIXED_SETTINGS = "pulumi-python:dynamic/ekshybrid:FixedSettings"
_DEPLOYMENT = "kubernetes:apps/v1:Deployment"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for. `hybrid` and `managed` are instance types with the number of machines of each.

    At most one of the gateways is named: what leads to a data centre of one's own.

    A managed group may take any of several types; the first stands for its machines. `images` are SSM parameters.
    `told` is what fixed-settings is told, and `unset` what of it is this release's choice. `admins` counts the entries
    of `clusterAdmins`. `certificate` is an ARN and `host` the name that it must have; empty where there is none.
    """

    region: str
    stack_tag: str
    cluster: str
    kubernetes: str
    support_type: str
    told: Mapping[str, Any]
    unset: tuple[str, ...]
    admins: int
    zones: int
    hybrid: Counter[str]
    managed_types: tuple[str, ...]
    managed: int
    spot: bool
    addresses: int
    vpcs: int
    nat_gateways: int
    balancers: int
    images: tuple[str, ...]
    log_groups: tuple[str, ...]
    add_ons: tuple[str, ...]
    certificate: str
    host: str
    metrics_server: bool
    transit_gateway: str
    vpn_gateway: str

    @property
    def types(self) -> tuple[str, ...]:
        """Every instance type that may be started."""
        return tuple(dict.fromkeys([*self.hybrid, *self.managed_types]))


def wanted(recording: Recording) -> Wanted:
    """Count what a recording asks for."""
    cluster = recording.one("eks:index:Cluster").inputs
    told = recording.one(_FIXED_SETTINGS).inputs
    groups = recording.of_type(_NODE_GROUP)
    outputs = recording.stack_outputs
    checks = outputs["opsOnly"]
    subnets = [each.inputs for each in recording.of_type("aws:ec2/subnet:Subnet")]
    return Wanted(
        region=checks["region"],
        stack_tag=f"{recording.project}/{recording.stack}",
        cluster=cluster["name"],
        kubernetes=cluster["version"],
        support_type=cluster["upgradePolicy"]["supportType"],
        told=told,
        unset=tuple(told["unset"]),
        admins=_count(recording, "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"),
        zones=len({each["availabilityZone"] for each in subnets if each["vpcId"] == checks["vpcId"]}),
        hybrid=Counter(each.inputs["instanceType"] for each in recording.of_type(_INSTANCE)),
        managed_types=tuple(type_ for each in groups for type_ in each.inputs["instanceTypes"]),
        managed=sum(each.inputs["scalingConfig"]["maxSize"] for each in groups),
        spot=any(each.inputs.get("capacityType") == "SPOT" for each in groups),
        addresses=_count(recording, "aws:ec2/eip:Eip"),
        vpcs=_count(recording, "aws:ec2/vpc:Vpc"),
        nat_gateways=_count(recording, "aws:ec2/natGateway:NatGateway"),
        balancers=_count(recording, "aws:lb/loadBalancer:LoadBalancer"),
        images=_unique(
            arguments["name"] for token, arguments in recording.invokes if token.endswith(":getParameter")
        ),
        log_groups=_unique(
            each.inputs["name"] for each in recording.of_type("aws:cloudwatch/logGroup:LogGroup")
        ),
        add_ons=_unique(
            ["kube-proxy", *(each.inputs["addonName"] for each in recording.of_type("aws:eks/addon:Addon"))]
        ),
        certificate=next(
            (arn for each in recording.of_type(_LISTENER) if (arn := each.inputs.get("certificateArn"))), ""
        ),
        host=outputs["albUrl"].partition("://")[2] if "albDnsName" in outputs else "",
        metrics_server=any(each.name == "metrics-server" for each in recording.of_type(_DEPLOYMENT)),
        transit_gateway=checks.get("transitGatewayId", ""),
        vpn_gateway=checks.get("vpnGatewayId", ""),
    )


def _count(recording: Recording, type_: str) -> int:
    return len(recording.of_type(type_))


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
