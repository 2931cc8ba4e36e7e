"""What AWS and a Kubernetes API refuse, with their words. Pure: from a world and a request to a reason or None.

Only what a change of this program could run into. Sources: the user guides and API references of EC2, EKS, Elastic
Load Balancing and IAM; the texts are those that their APIs answer with.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

from tests.engine.standin import gateways, limits
from tests.engine.standin.world import CLUSTER, DEFAULT_GROUP, FAILED, NODE_GROUP, Thing, World

_ADDON = "aws:eks/addon:Addon"
_ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
_EIP = "aws:ec2/eip:Eip"
_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_LISTENER = "aws:lb/listener:Listener"
_NAT = "aws:ec2/natGateway:NatGateway"
POLICY = "aws:iam/policy:Policy"
_SUBNET = "aws:ec2/subnet:Subnet"
_VPC = "aws:ec2/vpc:Vpc"
_RULES = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html: TLS 1.2 and newer.
_TLS_POLICIES = frozenset(
    f"ELBSecurityPolicy-TLS13-{name}"
    for name in (
        "1-3-2021-06",
        "1-2-2021-06",
        "1-2-Res-2021-06",
        "1-3-PQ-2025-09",
        "1-2-PQ-2025-09",
        "1-2-Res-PQ-2025-09",
    )
)
# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html: a group's, in each direction.
_MOST_RULES = 60

_ONE_RULE = (
    ("securityGroupId", "ipProtocol", "fromPort", "toPort", "cidrIpv4", "referencedSecurityGroupId"),
    "InvalidPermission.Duplicate: the specified rule already exists",
)

# (what makes one unique, AWS's words for a second one).
_UNIQUE: dict[str, tuple[tuple[str, ...], str]] = {
    "aws:cloudwatch/logGroup:LogGroup": (
        ("name",),
        "ResourceAlreadyExistsException: The specified log group already exists",
    ),
    "aws:ec2/natGateway:NatGateway": (
        ("allocationId",),
        "Resource.AlreadyAssociated: resource eipalloc is already associated",
    ),
    "aws:ec2/internetGateway:InternetGateway": (
        ("vpcId",),
        "Resource.AlreadyAssociated: the VPC already has an internet gateway attached",
    ),
    "aws:ec2/route:Route": (
        ("routeTableId", "destinationCidrBlock"),
        "RouteAlreadyExists: The route identified by its destination already exists",
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (
        ("subnetId",),
        "Resource.AlreadyAssociated: the subnet is already associated with a route table",
    ),
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": (
        ("vpcId", "peerVpcId"),
        "VpcPeeringConnectionAlreadyExists: a peering of these two VPCs already exists",
    ),
    CLUSTER: (("name",), "ResourceInUseException: Cluster already exists with name"),
    NODE_GROUP: (
        ("clusterName", "nodeGroupName"),
        "ResourceInUseException: NodeGroup already exists with name",
    ),
    _ADDON: (("clusterName", "addonName"), "ResourceInUseException: Addon already exists"),
    "aws:eks/accessEntry:AccessEntry": (
        ("clusterName", "principalArn"),
        "ResourceInUseException: The specified access entry resource is already in use on this cluster",
    ),
    # https://docs.aws.amazon.com/eks/latest/APIReference/API_CreatePodIdentityAssociation.html
    _ASSOCIATION: (
        ("clusterName", "namespace", "serviceAccount"),
        "ResourceInUseException: Association already exists",
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (
        ("url",),
        "EntityAlreadyExists: Provider with url already exists",
    ),
    "aws:iam/role:Role": (("name",), "EntityAlreadyExists: Role with this name already exists"),
    _BALANCER: (("name",), "DuplicateLoadBalancerName: A load balancer with the same name exists"),
    "aws:lb/targetGroup:TargetGroup": (
        ("name",),
        "DuplicateTargetGroupName: A target group with the same name exists",
    ),
    _LISTENER: (
        ("loadBalancerArn", "port"),
        "DuplicateListener: A listener already exists on this port for this load balancer",
    ),
    **dict.fromkeys(_RULES, _ONE_RULE),
}

# The identities that the stand-in itself gives; an image's is not among them.
_ID = re.compile(r"(eipalloc|i|igw|lt|nat|rtb|sg|subnet|vpc|vpce|pcx)-[0-9a-f]{17}")

# What else AWS says instead of DependencyViolation.
_IN_USE = {
    "aws:iam/role:Role": "DeleteConflict: Cannot delete entity, must detach all policies first",
    "aws:lb/targetGroup:TargetGroup": "ResourceInUse: Target group is currently in use by a listener or a rule",
    _EIP: "InvalidIPAddress.InUse: the address is in use",
}


def creation(world: World, token: str, inputs: dict[str, Any], *, upsert: bool = False) -> str | None:
    """Tell why a resource cannot be created. `upsert`: the Kubernetes provider may take over what exists."""
    if token.startswith("kubernetes:"):
        return _object_exists(world, token, inputs, upsert)
    return _first(
        _missing(world, inputs),
        *limits.tags(token, inputs),
        _duplicate(world, token, inputs),
        *limits.quota(world, token, inputs),
        *_special(world, token, None, inputs),
    )


def update(
    world: World, thing: Thing, inputs: dict[str, Any], asked_before: dict[str, Any] | None = None
) -> str | None:
    """Tell why a resource cannot be changed in place. `asked_before`: what the caller takes it to be."""
    if thing.token.startswith("kubernetes:"):
        return None
    if thing.status == FAILED and inputs != thing.inputs:
        return "InvalidRequestException: Nodegroup is in CREATE_FAILED state and cannot be updated"
    return _first(
        _missing(world, inputs),
        *limits.tags(thing.token, inputs),
        *limits.cluster(world, thing, asked_before or thing.inputs, inputs),
        _duplicate(world, thing.token, inputs, but=thing),
        *_special(world, thing.token, thing, inputs),
    )


def deletion(world: World, thing: Thing) -> str | None:
    """Tell why a resource cannot be deleted."""
    # EC2 deletes a launch template that an auto-scaling group uses, without a word.
    if thing.token.startswith(("kubernetes:", "aws:ec2/launchTemplate:")):
        return None
    # A VPC's own security group goes with it.
    others = [
        each
        for each in world
        if each is not thing and not each.token.startswith("kubernetes:") and each.token != DEFAULT_GROUP
    ]
    if thing.token == CLUSTER:
        groups = [
            each.id for each in others if each.token == NODE_GROUP and each.inputs["clusterName"] == thing.id
        ]
        return f"ResourceInUseException: Cluster has nodegroups attached: {groups}" if groups else None
    if thing.token == _GATEWAY:
        return _mapped_addresses(world, thing.inputs["vpcId"])
    users = [each.id for each in others if thing.id in _strings(_without_tags(each.inputs))]
    if not users:
        return None
    word = _IN_USE.get(thing.token, f"DependencyViolation: {thing.id} has dependencies and cannot be deleted")
    return f"{word} ({', '.join(sorted(users))})"


def _first(*reasons: str | None) -> str | None:
    return next((reason for reason in reasons if reason), None)


def _object_exists(world: World, token: str, inputs: dict[str, Any], upsert: bool) -> str | None:
    meta = inputs.get("metadata", {})
    for each in world.of(token):
        theirs = each.inputs.get("metadata", {})
        same = (meta.get("namespace"), meta.get("name")) == (theirs.get("namespace"), theirs.get("name"))
        if same and not upsert:
            return f'{token.split(":")[-1].lower()} "{meta.get("name")}" already exists'
    return None


def _missing(world: World, inputs: dict[str, Any]) -> str | None:
    there = {each.id for each in world}
    for value in _strings(_without_tags(inputs)):
        if _ID.fullmatch(value) and value not in there:
            return f"{value.split('-')[0]}.NotFound: The ID '{value}' does not exist"
    return None


def _duplicate(world: World, token: str, inputs: dict[str, Any], but: Thing | None = None) -> str | None:
    keys, words = _UNIQUE.get(token, ((), ""))
    if not keys:
        return None
    wanted = [inputs.get(key) for key in keys]
    taken = any(
        each is not but and [each.inputs.get(key) for key in keys] == wanted for each in world.of(token)
    )
    return f"{words}: {', '.join(str(value) for value in wanted if value is not None)}" if taken else None


def _special(world: World, token: str, old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    if token in _CHECKS:
        yield from _CHECKS[token](world, old, inputs)


def _subnet(world: World, old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    own = ip_network(inputs["cidrBlock"])
    vpc = next(each for each in world.of(_VPC) if each.id == inputs["vpcId"])
    if not own.subnet_of(ip_network(vpc.inputs["cidrBlock"])):  # ty: ignore[invalid-argument-type]  both are IPv4
        yield f"InvalidSubnet.Range: The CIDR '{own}' is invalid for {vpc.id}"
    for each in world.of(_SUBNET):
        in_vpc = each is not old and each.inputs["vpcId"] == vpc.id
        if in_vpc and own.overlaps(ip_network(each.inputs["cidrBlock"])):
            yield f"InvalidSubnet.Conflict: The CIDR '{own}' conflicts with another subnet"


def _gateway(world: World, old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    if old and old.inputs["vpcId"] != inputs["vpcId"]:
        yield _mapped_addresses(world, old.inputs["vpcId"])


def _mapped_addresses(world: World, vpc: str) -> str | None:
    public = [
        *(each.id for each in world.of(_NAT) if _vpcs(world, [each.inputs["subnetId"]]) == {vpc}),
        *(
            each.id
            for each in world.of(_BALANCER)
            if not each.inputs.get("internal") and vpc in _vpcs(world, each.inputs["subnets"])
        ),
    ]
    if not public:
        return None
    return (
        f"DependencyViolation: Network {vpc} has some mapped public address(es). Please unmap those public "
        f"address(es) before detaching the gateway ({', '.join(public)})"
    )


def _cluster(world: World, old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    network = inputs["vpcConfig"]
    yield _in_two_zones(world, network["subnetIds"], "InvalidParameterException")
    vpcs = _vpcs(world, network["subnetIds"])
    groups = {
        each.inputs["vpcId"] for each in world.of(_GROUP) if each.id in network.get("securityGroupIds", [])
    }
    if groups - vpcs:
        yield "InvalidParameterException: The security groups are not in the VPC of the subnets"
    if old is None:
        return
    before = old.inputs["vpcConfig"]["subnetIds"]
    if vpcs != _vpcs(world, before):
        yield "InvalidParameterException: Provided subnets belong to a different VPC than the cluster"
    if _zones(world, network["subnetIds"]) != _zones(world, before):
        yield (
            "InvalidParameterException: Provided subnets should belong to the exact set of AZs in which subnets "
            "were provided during cluster creation"
        )
    yield _version_step(old.inputs.get("version"), inputs.get("version"))


def _version_step(old: str | None, new: str | None) -> str | None:
    if not old or not new or _minor(old) <= _minor(new) <= _minor(old) + 1:
        return None
    return f"InvalidParameterException: Unsupported Kubernetes minor version update from {old} to {new}"


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def _cluster_of(world: World, inputs: dict[str, Any]) -> Thing | None:
    return next((each for each in world.of(CLUSTER) if each.inputs["name"] == inputs["clusterName"]), None)


def _node_group(world: World, old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    cluster = _cluster_of(world, inputs)
    if cluster is None:
        yield f"ResourceNotFoundException: No cluster found for name: {inputs['clusterName']}"
        return
    if _vpcs(world, inputs["subnetIds"]) != _vpcs(world, cluster.inputs["vpcConfig"]["subnetIds"]):
        yield "InvalidParameterException: Subnets are not in the VPC of the cluster"
    if _minor(inputs["version"]) > _minor(cluster.inputs["version"]):
        yield (
            f"InvalidParameterException: Requested Nodegroup version {inputs['version']} is newer than the "
            f"cluster's {cluster.inputs['version']}"
        )
    if old and _minor(inputs["version"]) < _minor(old.inputs["version"]):
        yield "InvalidParameterException: A nodegroup's version cannot go down"
    sizes = inputs["scalingConfig"]
    if not sizes["minSize"] <= sizes["desiredSize"] <= sizes["maxSize"]:
        yield "InvalidParameterException: Minimum capacity, desired capacity and maximum capacity are not in order"


def _addon(world: World, _old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    cluster = _cluster_of(world, inputs)
    if cluster is None:
        yield f"ResourceNotFoundException: No cluster found for name: {inputs['clusterName']}"
        return
    version = inputs.get("addonVersion")
    if inputs["addonName"] == "coredns" and version and _minor(version) != _minor(cluster.inputs["version"]):
        yield f"InvalidParameterException: Addon version specified is not supported: {version}"


def _association(world: World, _old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    if _cluster_of(world, inputs) is None:
        yield f"ResourceNotFoundException: No cluster found for name: {inputs['clusterName']}"
    role = next((r for r in world.of("aws:iam/role:Role") if r.outputs.get("arn") == inputs["roleArn"]), None)
    trust = json.loads(role.inputs["assumeRolePolicy"])["Statement"] if role else []
    if not any("pods.eks.amazonaws.com" in json.dumps(each.get("Principal", {})) for each in trust):
        yield "InvalidParameterException: Trust policy of role is invalid"


def _balancer(world: World, old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    subnets = inputs["subnets"]
    yield _in_two_zones(world, subnets, "InvalidSubnet")
    (vpc,) = _vpcs(world, subnets) or {None}
    if not inputs.get("internal") and vpc not in {each.inputs["vpcId"] for each in world.of(_GATEWAY)}:
        yield f"InvalidSubnet: VPC {vpc} has no internet gateway"
    # Stricter than AWS, which lets an Application Load Balancer take up a zone: this program never asks it to.
    if old and _zones(world, subnets) != _zones(world, old.inputs["subnets"]):
        yield "InvalidSubnet: the subnets are in other zones than those of the load balancer"


def _in_two_zones(world: World, subnets: list[str], error: str) -> str | None:
    zones = list(_each_zone(world, subnets))
    if len(set(zones)) < 2:
        return f"{error}: Subnets specified must be in at least two different AZs"
    if error == "InvalidSubnet" and len(zones) != len(set(zones)):
        return f"{error}: a load balancer cannot have two subnets in one zone"
    if len(_vpcs(world, subnets)) > 1:
        return f"{error}: the subnets are not in one VPC"
    return None


def _each_zone(world: World, subnets: list[str]) -> Iterator[str]:
    return (each.inputs["availabilityZone"] for each in world.of(_SUBNET) if each.id in subnets)


def _zones(world: World, subnets: list[str]) -> set[str]:
    return set(_each_zone(world, subnets))


def _vpcs(world: World, subnets: list[str]) -> set[str]:
    return {each.inputs["vpcId"] for each in world.of(_SUBNET) if each.id in subnets}


def _peering(world: World, _old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    one, other = (
        ip_network(next(each.inputs["cidrBlock"] for each in world.of(_VPC) if each.id == inputs[key]))
        for key in ("vpcId", "peerVpcId")
    )
    if one.overlaps(other):
        yield "OperationNotPermitted: the CIDRs of the two VPCs overlap"


def _listener(_world: World, _old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    certificate, policy = inputs.get("certificateArn"), inputs.get("sslPolicy")
    _, partition, _, region, account, _ = inputs["loadBalancerArn"].split(":", 5)
    if inputs["protocol"] != "HTTPS":
        if certificate or policy:
            yield "ValidationError: A certificate cannot be specified for HTTP listeners"
    elif not certificate:
        yield "ValidationError: A certificate must be specified for HTTPS listeners"
    elif not certificate.startswith(f"arn:{partition}:acm:{region}:"):
        yield f"ValidationError: Certificate ARN '{certificate}' is not valid"
    elif certificate.split(":")[4] != account:
        yield f"CertificateNotFound: Certificate '{certificate}' not found"
    # Stricter than AWS, which takes a policy of 2016 where none is named: this program always names one.
    elif policy not in _TLS_POLICIES:
        yield f"SSLPolicyNotFound: SSL policy '{policy}' not found"
    here = (inputs["protocol"], str(inputs["port"]))
    for action in inputs["defaultActions"]:
        to = {key: each for key, each in action.get("redirect", {}).items() if not each.startswith("#{")}
        there = (to.get("protocol", here[0]), to.get("port", here[1]))
        if action["type"] == "redirect" and there == here and not {"host", "path", "query"} & to.keys():
            yield "InvalidLoadBalancerAction: The redirect configuration is not valid because it creates a loop"


def _rule(token: str) -> Callable[[World, Thing | None, dict[str, Any]], Iterator[str | None]]:
    def check(world: World, old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
        group = inputs["securityGroupId"]
        there = sum(each.inputs["securityGroupId"] == group for each in world.of(token))
        if old is None and there >= _MOST_RULES:
            yield "RulesPerSecurityGroupLimitExceeded: The maximum number of rules per security group has been reached"

    return check


def _role(world: World, _old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    boundary = inputs.get("permissionsBoundary")
    if boundary and world.get(POLICY, boundary) is None:
        yield f"NoSuchEntity: Scope ARN: {boundary} does not exist or is not attachable."


def _activation(_world: World, _old: Thing | None, inputs: dict[str, Any]) -> Iterator[str | None]:
    """The API's code for it could not be found; the limits are in its reference (CreateActivation, ExpirationDate)."""
    if date := inputs.get("expirationDate"):
        left = datetime.fromisoformat(date) - datetime.now(UTC)
        if not timedelta() < left <= timedelta(days=30):
            yield f"the expiration date {date} is not within the next 30 days"


_CHECKS: dict[str, Callable[[World, Thing | None, dict[str, Any]], Iterator[str | None]]] = {
    _ADDON: _addon,
    _ASSOCIATION: _association,
    _BALANCER: _balancer,
    CLUSTER: _cluster,
    _GATEWAY: _gateway,
    _LISTENER: _listener,
    NODE_GROUP: _node_group,
    **{token: _rule(token) for token in _RULES},
    _SUBNET: _subnet,
    "aws:ec2/route:Route": gateways.route,
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": _peering,
    "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation": gateways.propagation,
    "aws:iam/role:Role": _role,
    "aws:ssm/activation:Activation": _activation,
    gateways.TRANSIT_ATTACHMENT: gateways.transit_attachment,
    gateways.VPN_ATTACHMENT: gateways.vpn_attachment,
}


def _without_tags(inputs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key not in ("tags", "tagsAll", "userData")}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value
