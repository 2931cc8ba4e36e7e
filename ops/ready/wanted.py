"""What the program asks of an account, counted from its recording."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.names import FIXED_SETTINGS_RESOURCE
from ops.program.counts import Counts, add_ons, counts
from ops.program.recorder import Recording

_LISTENER = "aws:lb/listener:Listener"
_ROLE = "aws:iam/role:Role"
_DEPLOYMENT = "kubernetes:apps/v1:Deployment"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for. `images` are SSM parameters.

    `existing_vpc` is the one that was there before, empty where the stack makes it; `site` has the ranges of the hybrid
    nodes. `told` is what fixed-settings is told, and `unset` what of it is this release's choice. `admins` counts the
    entries of `clusterAdmins`. `certificate` is an ARN and `host` the name that it must have, `permissions_boundary` an
    ARN; empty where there is none.
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
    counts: Counts
    images: tuple[str, ...]
    log_groups: tuple[str, ...]
    add_ons: tuple[str, ...]
    certificate: str
    host: str
    metrics_server: bool
    permissions_boundary: str
    transit_gateway: str
    existing_vpc: str
    private_subnets: tuple[str, ...]
    public_subnets: tuple[str, ...]
    site: tuple[str, ...]

    @property
    def makes_routes(self) -> bool:
        """Whether the stack makes routes to the site: to one that it plays, or through a transit gateway."""
        return bool(self.transit_gateway or (self.counts.vpcs and self.existing_vpc))

    @property
    def types(self) -> tuple[str, ...]:
        """Every instance type that may be started."""
        managed = (type_ for group in self.counts.groups for type_ in group.types)
        return tuple(dict.fromkeys([*self.counts.hybrid, *managed]))

    @property
    def spot(self) -> bool:
        """Tell whether any machine is a spot instance."""
        return any(group.spot for group in self.counts.groups)


def wanted(recording: Recording) -> Wanted:
    """Count what a recording asks for."""
    cluster = recording.one("eks:index:Cluster").inputs
    told = recording.one(FIXED_SETTINGS_RESOURCE).inputs
    outputs = recording.stack_outputs
    checks = outputs["opsOnly"]
    existing = checks.get("subnetIds", ())
    subnets = [each.inputs for each in recording.of_type("aws:ec2/subnet:Subnet")]
    return Wanted(
        region=checks["region"],
        stack_tag=f"{recording.project}/{recording.stack}",
        cluster=cluster["name"],
        kubernetes=cluster["version"],
        support_type=cluster["upgradePolicy"]["supportType"],
        told=told,
        unset=tuple(told["unset"]),
        admins=len(recording.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")),
        zones=len({each["availabilityZone"] for each in subnets if each["vpcId"] == checks["vpcId"]}),
        counts=counts(recording),
        images=_unique(
            arguments["name"] for token, arguments in recording.invokes if token.endswith(":getParameter")
        ),
        log_groups=_unique(
            each.inputs["name"] for each in recording.of_type("aws:cloudwatch/logGroup:LogGroup")
        ),
        add_ons=("kube-proxy", *add_ons(recording)),
        certificate=next(
            (arn for each in recording.of_type(_LISTENER) if (arn := each.inputs.get("certificateArn"))), ""
        ),
        host=outputs["albUrl"].partition("://")[2] if "albDnsName" in outputs else "",
        metrics_server=any(each.name == "metrics-server" for each in recording.of_type(_DEPLOYMENT)),
        permissions_boundary=next(
            (arn for each in recording.of_type(_ROLE) if (arn := each.inputs.get("permissionsBoundary"))), ""
        ),
        transit_gateway=checks.get("transitGatewayId", ""),
        existing_vpc=checks["vpcId"] if existing else "",
        private_subnets=tuple(outputs["privateSubnetIds"]) if existing else (),
        public_subnets=tuple(id_ for id_ in existing if id_ not in outputs["privateSubnetIds"]),
        site=tuple(checks["remoteNodeNetworks"]),
    )


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
