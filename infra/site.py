"""Where the hybrid nodes are: in a VPC of the stack that plays a data centre, or in a data centre of one's own.

Both kinds are a `Site`, and nothing else in the program asks which one it is, but for what is made of machines: an own
data centre has its machines already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.network import Network, Vpc, VpcArgs, VpcPeering, VpcPeeringArgs
from infra.shapes import OwnSite
from userdata.join_files import Proxy


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the rest of the program knows of the place.

    `node_cidrs` are EKS's remote node networks, `machine_cidrs` the addresses that machines can have. `ready` is what
    a machine needs before it starts; `egress_cidrs` are the public ranges that the program knows its machines by;
    `vpc` is where instances are made, None where there are none. `checks` is what `ops verify` compares.
    """

    node_cidrs: tuple[str, ...]
    machine_cidrs: tuple[str, ...]
    ready: Sequence[pulumi.Resource] = ()
    egress_cidrs: Sequence[pulumi.Input[str]] = ()
    vpc: Network | None = None
    proxy: Proxy | None = None
    checks: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SiteArgs:
    """`vpc` is the EKS VPC, `played_cidr` the range of the VPC that plays a data centre where there is no `own`.

    `overlay_cidrs` are the ranges of pods and Services, which no proxy reaches.
    """

    account: Account
    vpc: Network
    played_cidr: str
    overlay_cidrs: Sequence[str]
    own: OwnSite


def build_site(args: SiteArgs, opts: pulumi.ResourceOptions) -> Site:
    """Make what leads to the site, and the site itself where the stack plays it."""
    return _own(args, opts) if args.own.node_cidrs else _played(args, opts)


def _played(args: SiteArgs, opts: pulumi.ResourceOptions) -> Site:
    on_prem = Vpc("on-prem", VpcArgs(account=args.account, cidr=args.played_cidr, zones=1), opts).network
    peering = VpcPeering("peering", VpcPeeringArgs(account=args.account, vpc=args.vpc, on_prem=on_prem), opts)
    return Site(
        node_cidrs=on_prem.cidrs,
        machine_cidrs=on_prem.private_cidrs,
        ready=[*on_prem.egress, *peering.node_routes],
        egress_cidrs=on_prem.egress_cidrs,
        vpc=on_prem,
        checks={"onPremVpcId": on_prem.id, "onPremVpcCidr": args.played_cidr, "peeringId": peering.id},
    )


def _own(args: SiteArgs, opts: pulumi.ResourceOptions) -> Site:
    own = args.own
    DataCentreLink(
        "site",
        DataCentreLinkArgs(
            account=args.account,
            vpc=args.vpc,
            cidrs=own.node_cidrs,
            transit_gateway_id=own.transit_gateway_id,
            vpn_gateway_id=own.vpn_gateway_id,
        ),
        opts,
    )
    return Site(
        node_cidrs=tuple(own.node_cidrs),
        machine_cidrs=tuple(own.node_cidrs),
        proxy=_proxy(own, [*own.node_cidrs, *args.vpc.cidrs, *args.overlay_cidrs]),
        checks={"transitGatewayId": own.transit_gateway_id or "", "vpnGatewayId": own.vpn_gateway_id or ""},
    )


def _proxy(own: OwnSite, ranges: Sequence[str]) -> Proxy | None:
    return Proxy(url=own.https_proxy, exceptions=no_proxy(own.no_proxy, ranges)) if own.https_proxy else None


def no_proxy(own: str | None, ranges: Sequence[str]) -> str:
    """What is reached without a proxy: what must be, and what the settings add.

    https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-proxy.html
    """
    always = ("localhost", "127.0.0.1", "169.254.0.0/16", ".svc", ".cluster.local")
    return ",".join(dict.fromkeys([*always, *ranges, *(own.split(",") if own else ())]))


@dataclass(frozen=True, kw_only=True)
class DataCentreLinkArgs:
    """The EKS VPC, the ranges on the other side, and one gateway or none."""

    account: Account
    vpc: Network
    cidrs: Sequence[str]
    transit_gateway_id: str | None
    vpn_gateway_id: str | None


class DataCentreLink(pulumi.ComponentResource):
    """What leads from the EKS VPC to a data centre: an attachment, and routes in every table of the VPC.

    The gateway is somebody else's and is only attached to. With neither gateway the component is empty, and the routes
    are somebody else's too.
    """

    def __init__(
        self, name: str, args: DataCentreLinkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ekshybrid:site:DataCentreLink", name, {}, opts)
        if args.transit_gateway_id:
            self._transit(name, args, args.transit_gateway_id)
        elif args.vpn_gateway_id:
            self._vpn(name, args, args.vpn_gateway_id)
        self.register_outputs({})

    def _transit(self, name: str, args: DataCentreLinkArgs, gateway_id: str) -> None:
        child = pulumi.ResourceOptions(parent=self)
        attachment = aws.ec2transitgateway.VpcAttachment(
            name,
            transit_gateway_id=gateway_id,
            vpc_id=args.vpc.id,
            # One in each zone: AWS takes no second one, and a zone without one does not reach the gateway.
            subnet_ids=args.vpc.private_subnet_ids,
            tags=args.account.named(name),
            opts=child,
        )
        for kind, table in args.vpc.route_tables.items():
            for cidr in args.cidrs:
                aws.ec2.Route(
                    # By its content: another range is another route (an existing one cannot be made again).
                    f"{name}-{kind}-{cidr}",
                    route_table_id=table,
                    destination_cidr_block=cidr,
                    # The attachment's output: AWS takes the route only when the VPC is attached.
                    transit_gateway_id=attachment.transit_gateway_id,
                    opts=child,
                )

    def _vpn(self, name: str, args: DataCentreLinkArgs, gateway_id: str) -> None:
        child = pulumi.ResourceOptions(parent=self)
        attachment = aws.ec2.VpnGatewayAttachment(
            name,
            vpn_gateway_id=gateway_id,
            vpc_id=args.vpc.id,
            # A VPC takes one: another gateway can come only when this one has gone.
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(delete_before_replace=True)),
        )
        for kind, table in args.vpc.route_tables.items():
            aws.ec2.VpnGatewayRoutePropagation(
                f"{name}-{kind}",
                route_table_id=table,
                # The attachment's output, as above.
                vpn_gateway_id=attachment.vpn_gateway_id,
                opts=child,
            )
