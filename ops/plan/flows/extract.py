"""Reads the facts of the flow proof out of a recorded plan.

What a plan refers to but does not contain (a route to a gateway that is gone) stays a dangling id: the walk calls
that missing. A kind of network resource that is not known here stops the proof, because leaving it out could make
it lie.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from ops.plan.flows.facts import (
    ApiEndpoint,
    Association,
    Direction,
    Facts,
    Interface,
    InternetGateway,
    Kind,
    NatGateway,
    Peering,
    Route,
    Rule,
    SiteLink,
    Subnet,
    UnseenGateway,
    Vpc,
)
from ops.program.existing_vpc import DescribedVpc
from ops.program.recorder import Recording, Resource

CLUSTER = "eks:index:Cluster"
INSTANCE = "aws:ec2/instance:Instance"
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
_RULES: dict[str, Direction] = {
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "in",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "out",
}
_KNOWN = {
    *_RULES,
    # The program leaves it without a rule, and nothing is in it.
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:ec2/eip:Eip",
    INSTANCE,
    "aws:ec2/internetGateway:InternetGateway",
    LAUNCH_TEMPLATE,
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/route:Route",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/vpc:Vpc",
    # A gateway endpoint adds a way to S3 for which the NAT gateway would do as well; it decides no flow.
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
    "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment",
    "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation",
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
}
_GET_NAT_GATEWAY = "aws:ec2/getNatGateway:getNatGateway"
_PROPAGATION = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"
_TARGETS = ("gatewayId", "natGatewayId", "vpcPeeringConnectionId", "transitGatewayId")
# What ties the VPC to a gateway that leads to a data centre of one's own: the input that names the gateway, which is
# also the output that does, and what people call it.
LINKS = {
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": ("transitGatewayId", "transit"),
    "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment": ("vpnGatewayId", "VPN"),
}


def facts_of(
    recording: Recording, site: Sequence[IPv4Network] = (), *, routes_elsewhere: bool = False
) -> Facts:
    """The facts of a recorded plan; `site` has the ranges of a data centre of one's own.

    Such a range counts as a VPC with one subnet, of which nothing is known but its addresses.

    Errors: LookupError for an EC2 or VPC resource, or a route or rule inside one, that is not known here.
    """
    for resource in recording.resources.values():
        if resource.type.startswith(("aws:ec2/", "aws:vpc/", "aws:ec2transitgateway/")):
            _must_be_known(resource)
    ranges = tuple(Vpc(id=f"site {cidr}", name=f"data centre {cidr}", cidr=cidr) for cidr in site)
    links = tuple(
        SiteLink(id=r.inputs[key], name=r.name, vpc=r.inputs["vpcId"])
        for type_, (key, _) in LINKS.items()
        for r in recording.of_type(type_)
    )
    routes = tuple(_route(r) for r in recording.in_use("aws:ec2/route:Route"))
    vpc, others = recording.vpc, sorted({route.via for route in routes if route.foreign})
    return Facts(
        vpcs=(
            *(
                Vpc(
                    id=r.id,
                    name=r.name,
                    cidr=IPv4Network(r.inputs["cidrBlock"]),
                    more=tuple(map(IPv4Network, r.inputs.get("more", ()))),
                )
                for r in recording.in_use("aws:ec2/vpc:Vpc")
            ),
            *ranges,
        ),
        subnets=(
            *(
                Subnet(id=r.id, name=r.name, vpc=r.inputs["vpcId"], cidr=IPv4Network(r.inputs["cidrBlock"]))
                for r in recording.in_use("aws:ec2/subnet:Subnet")
            ),
            *(Subnet(id=each.id, name=each.name, vpc=each.id, cidr=each.cidr) for each in ranges),
        ),
        site_links=links,
        unseen_gateways=tuple(
            UnseenGateway(id=id_, public_ip=_public_address(vpc, id_))
            for id_ in others
            if not id_.startswith("igw-")
        ),
        assumed=frozenset({vpc.id} if vpc and vpc.assumed else ()),
        site=frozenset(each.id for each in ranges),
        routes_elsewhere=routes_elsewhere,
        tables={r.id: r.name for r in recording.of_type("aws:ec2/routeTable:RouteTable")},
        associations=tuple(
            Association(
                name=r.name, subnet=r.inputs["subnetId"], table=r.inputs["routeTableId"], foreign=r.foreign
            )
            for r in recording.in_use("aws:ec2/routeTableAssociation:RouteTableAssociation")
        ),
        routes=(
            *routes,
            *(route for r in recording.of_type(_PROPAGATION) for route in _propagated(r, site)),
        ),
        internet_gateways=(
            *(
                InternetGateway(id=r.id, name=r.name, vpc=r.inputs["vpcId"])
                for r in recording.of_type("aws:ec2/internetGateway:InternetGateway")
            ),
            *(
                InternetGateway(id=id_, name=id_, vpc=vpc.id, foreign=True)
                for id_ in others
                if vpc and id_.startswith("igw-")
            ),
        ),
        nat_gateways=tuple(_nat_gateways(recording)),
        peerings=tuple(
            Peering(
                id=r.id,
                name=r.name,
                vpcs=frozenset({r.inputs["vpcId"], r.inputs["peerVpcId"]}),
                accepted=r.inputs.get("autoAccept", False),
            )
            for r in recording.of_type("aws:ec2/vpcPeeringConnection:VpcPeeringConnection")
        ),
        groups={r.id: r.name for r in recording.of_type("aws:ec2/securityGroup:SecurityGroup")},
        rules=tuple(_rule(r) for type_ in _RULES for r in recording.of_type(type_)),
        interfaces=(
            *dict.fromkeys(_interfaces(recording)),
            *(Interface(kind="hybrid nodes", subnet=each.id, groups=frozenset()) for each in ranges),
        ),
        api=next((_api(r) for r in recording.of_type(CLUSTER)), None),
    )


def _public_address(vpc: DescribedVpc | None, gateway: str) -> IPv4Address | None:
    answer = vpc.answer(_GET_NAT_GATEWAY, {"id": gateway}) if vpc and gateway.startswith("nat-") else None
    return IPv4Address(answer["publicIp"]) if answer else None


def _must_be_known(resource: Resource) -> None:
    inside = {
        "aws:ec2/routeTable:RouteTable": ("routes",),
        "aws:ec2/securityGroup:SecurityGroup": ("ingress", "egress"),
    }
    unknown = resource.type not in _KNOWN
    unknown = unknown or any(resource.inputs.get(key) for key in inside.get(resource.type, ()))
    if unknown:
        raise LookupError(
            f"the flow proof cannot read {resource.type} {resource.name}: teach ops/plan/flows/extract.py what it does"
        )


def _route(resource: Resource) -> Route:
    targets = [resource.inputs[key] for key in _TARGETS if resource.inputs.get(key)]
    if len(targets) != 1:
        raise LookupError(
            f"the flow proof cannot read route {resource.name}: it has {len(targets)} targets among {_TARGETS}; "
            "teach ops/plan/flows/extract.py the kind it uses"
        )
    return Route(
        name=resource.name,
        table=resource.inputs["routeTableId"],
        destination=IPv4Network(resource.inputs["destinationCidrBlock"]),
        via=targets[0],
        foreign=resource.foreign,
    )


def _propagated(resource: Resource, site: Sequence[IPv4Network]) -> Iterator[Route]:
    """The routes that a gateway is to learn: one for each range of the site."""
    for cidr in site:
        yield Route(
            name=resource.name,
            table=resource.inputs["routeTableId"],
            destination=cidr,
            via=resource.inputs["vpnGatewayId"],
        )


def _nat_gateways(recording: Recording) -> Iterator[NatGateway]:
    addresses = {r.id: r.outputs["publicIp"] for r in recording.of_type("aws:ec2/eip:Eip")}
    for resource in recording.of_type("aws:ec2/natGateway:NatGateway"):
        address = addresses.get(resource.inputs.get("allocationId"))
        if address is not None:  # without one it carries nothing
            yield NatGateway(
                id=resource.id,
                name=resource.name,
                subnet=resource.inputs["subnetId"],
                public_ip=IPv4Address(address),
            )


def _rule(resource: Resource) -> Rule:
    inputs = resource.inputs
    peer: IPv4Network | str | None = inputs.get("referencedSecurityGroupId")
    if peer is None and inputs.get("cidrIpv4"):
        peer = IPv4Network(inputs["cidrIpv4"])
    if peer is None:
        raise LookupError(
            f"the flow proof cannot read rule {resource.name}: it names neither a CIDR nor a group; "
            "teach ops/plan/flows/extract.py the kind it uses"
        )
    return Rule(
        name=resource.name,
        group=inputs["securityGroupId"],
        direction=_RULES[resource.type],
        protocol=inputs["ipProtocol"],
        first_port=inputs.get("fromPort", 0),
        last_port=inputs.get("toPort", 65535),
        peer=peer,
    )


def _interfaces(recording: Recording) -> Iterator[Interface]:
    subnets = {r.id: r.inputs for r in recording.in_use("aws:ec2/subnet:Subnet")}
    templates = {r.id: r.inputs for r in recording.of_type(LAUNCH_TEMPLATE)}

    def at(
        kind: Kind, where: Iterable[str], groups: Iterable[Any], *, public: bool | None
    ) -> Iterator[Interface]:
        names = frozenset(group["id"] if isinstance(group, Mapping) else group for group in groups)
        for subnet in where:
            if subnet in subnets:
                faces = bool(subnets[subnet].get("mapPublicIpOnLaunch")) if public is None else public
                yield Interface(kind=kind, subnet=subnet, groups=names, public=faces)

    for cluster in recording.of_type(CLUSTER):
        # EKS gives these interfaces private addresses only, whatever the subnet says.
        where = [*cluster.inputs.get("privateSubnetIds", ()), *cluster.inputs.get("publicSubnetIds", ())]
        where += cluster.inputs.get("subnetIds", ())
        yield from at("control plane", where, [cluster.inputs.get("clusterSecurityGroup")], public=False)
    for node_group in recording.of_type(NODE_GROUP):
        template = templates.get((node_group.inputs.get("launchTemplate") or {}).get("id"), {})
        groups = template.get("vpcSecurityGroupIds", ())
        yield from at("managed nodes", node_group.inputs["subnetIds"], groups, public=None)
    for instance in recording.of_type(INSTANCE):
        groups = instance.inputs.get("vpcSecurityGroupIds", ())
        public = instance.inputs.get("associatePublicIpAddress")
        yield from at("hybrid nodes", [instance.inputs["subnetId"]], groups, public=public)
    for balancer in recording.of_type(LOAD_BALANCER):
        groups = balancer.inputs.get("securityGroups", ())
        public = not balancer.inputs.get("internal", False)
        yield from at("ALB", balancer.inputs["subnets"], groups, public=public)


def _api(cluster: Resource) -> ApiEndpoint:
    allowed = cluster.inputs.get("publicAccessCidrs") or ["0.0.0.0/0"]
    return ApiEndpoint(
        name=cluster.name,
        public=cluster.inputs.get("endpointPublicAccess", True),
        allowed=tuple(IPv4Network(cidr) for cidr in allowed),
    )
