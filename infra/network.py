"""A VPC with public and private subnets (used twice), and the peering that joins the two.

Each VPC has one NAT gateway: this is a place to try hybrid nodes, not one that survives the loss of a zone.
Pods have no route here: their network is an overlay between nodes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.addressing import ANYWHERE, subnet_layout


@dataclass(frozen=True, kw_only=True)
class Network:
    """A VPC as the rest of the program knows it, whether this stack makes it (`made_here`) or it was there before.

    `route_tables` are those that its subnets use, by a name for each; `private_tables` names those of the private
    ones. `egress_cidrs` are the public ranges that machines there are known by. `internet` is what a public address
    needs to work, `egress` what a private machine needs to reach the internet: lists of resources to wait for, so that
    nobody waits for the whole VPC.
    """

    id: pulumi.Input[str]
    made_here: bool
    cidrs: tuple[str, ...]
    private_cidrs: tuple[str, ...]
    public_cidrs: tuple[str, ...]
    private_subnet_ids: Sequence[pulumi.Input[str]]
    public_subnet_ids: Sequence[pulumi.Input[str]]
    route_tables: Mapping[str, pulumi.Input[str]]
    private_tables: frozenset[str]
    egress_cidrs: Sequence[pulumi.Input[str]]
    internet: Sequence[pulumi.Resource] = ()
    egress: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True, kw_only=True)
class VpcArgs:
    """`cidr` as `subnet_layout` accepts it; `zones`: how many availability zones, with one subnet pair each.

    `load_balancers` marks the subnets for controllers that place load balancers.
    """

    account: Account
    cidr: str
    zones: int
    load_balancers: bool = False


class Vpc(pulumi.ComponentResource):
    """One VPC, and as `network` what the rest of the program takes of it."""

    def __init__(self, name: str, args: VpcArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:network:Vpc", name, {}, opts)
        self._name, self._args = name, args
        public_cidrs, private_cidrs = subnet_layout(args.cidr, args.zones)

        self._child = pulumi.ResourceOptions(parent=self)
        self._vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=args.account.named(name),
            opts=self._child,
        )
        # Every VPC has this group, and everything that names no other gets it: it shall open nothing.
        default = f"{name}-default"
        aws.ec2.DefaultSecurityGroup(
            default, vpc_id=self._vpc.id, tags=args.account.named(default), opts=self._child
        )
        gateway = aws.ec2.InternetGateway(
            name, vpc_id=self._vpc.id, tags=args.account.named(name), opts=self._child
        )

        public_table = self._table("public")
        public_subnet_ids, _ = self._subnets("public", public_cidrs, public_table)
        aws.ec2.Route(
            f"{name}-public-internet",
            route_table_id=public_table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=self._child,
        )

        nat, nat_address = self._nat(gateway, public_subnet_ids[0])
        private_table = self._table("private")
        private_subnet_ids, associations = self._subnets("private", private_cidrs, private_table)
        to_nat = aws.ec2.Route(
            f"{name}-private-internet",
            route_table_id=private_table.id,
            destination_cidr_block=ANYWHERE,
            nat_gateway_id=nat.id,
            opts=self._child,
        )

        # Image layers come from S3 and would otherwise pay for every gigabyte through the NAT gateway.
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=self._vpc.id,
            vpc_endpoint_type="Gateway",
            service_name=f"com.amazonaws.{args.account.region}.s3",
            route_table_ids=[private_table.id],
            tags=args.account.named(f"{name}-s3"),
            opts=self._child,
        )
        self.network = Network(
            id=self._vpc.id,
            made_here=True,
            cidrs=(args.cidr,),
            private_cidrs=tuple(private_cidrs),
            public_cidrs=tuple(public_cidrs),
            private_subnet_ids=private_subnet_ids,
            public_subnet_ids=public_subnet_ids,
            route_tables={"public": public_table.id, "private": private_table.id},
            private_tables=frozenset({"private"}),
            egress_cidrs=[pulumi.Output.concat(nat_address, "/32")],
            internet=[gateway],
            egress=[to_nat, *associations],
        )
        self.register_outputs({"id": self._vpc.id})

    def _table(self, kind: str) -> aws.ec2.RouteTable:
        name = f"{self._name}-{kind}"
        return aws.ec2.RouteTable(
            name, vpc_id=self._vpc.id, tags=self._args.account.named(name), opts=self._child
        )

    def _subnets(
        self, kind: str, cidrs: Sequence[str], table: aws.ec2.RouteTable
    ) -> tuple[list[pulumi.Output[str]], list[pulumi.Resource]]:
        account = self._args.account
        # Where controllers look for subnets:
        # https://docs.aws.amazon.com/eks/latest/userguide/network-load-balancing.html
        role = {f"kubernetes.io/role/{'elb' if kind == 'public' else 'internal-elb'}": "1"}
        ids: list[pulumi.Output[str]] = []
        associations: list[pulumi.Resource] = []
        # The on-prem VPC takes the first of the zones only.
        for number, (cidr, zone) in enumerate(zip(cidrs, account.zones, strict=False), start=1):
            name = f"{self._name}-{kind}-{number}"
            subnet = aws.ec2.Subnet(
                name,
                vpc_id=self._vpc.id,
                cidr_block=cidr,
                availability_zone=zone,
                tags={**account.named(name), **(role if self._args.load_balancers else {})},
                opts=pulumi.ResourceOptions.merge(
                    self._child,
                    # A zone that AWS opens later shifts the list; a subnet cannot move and would be replaced.
                    pulumi.ResourceOptions(ignore_changes=["availabilityZone"]),
                ),
            )
            associations.append(
                aws.ec2.RouteTableAssociation(
                    name, subnet_id=subnet.id, route_table_id=table.id, opts=self._child
                )
            )
            ids.append(subnet.id)
        return ids, associations

    def _nat(
        self, gateway: aws.ec2.InternetGateway, subnet_id: pulumi.Output[str]
    ) -> tuple[aws.ec2.NatGateway, pulumi.Output[str]]:
        """Make the NAT gateway; its public address comes with it."""
        name = f"{self._name}-nat"
        address = aws.ec2.Eip(name, domain="vpc", tags=self._args.account.named(name), opts=self._child)
        nat = aws.ec2.NatGateway(
            name,
            allocation_id=address.id,
            subnet_id=subnet_id,
            tags=self._args.account.named(name),
            # A NAT gateway fails in a VPC whose internet gateway is not attached yet.
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[gateway])),
        )
        return nat, address.public_ip


@dataclass(frozen=True, kw_only=True)
class VpcPeeringArgs:
    """The two VPCs, in one account and region."""

    account: Account
    vpc: Network
    on_prem: Network


class VpcPeering(pulumi.ComponentResource):
    """The peering, with a route in every route table that the subnets of both VPCs use.

    `node_routes` are the two between the private subnets: what nodes and control plane need to meet.
    """

    def __init__(self, name: str, args: VpcPeeringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:network:VpcPeering", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        peering = aws.ec2.VpcPeeringConnection(
            name,
            vpc_id=args.vpc.id,
            peer_vpc_id=args.on_prem.id,
            auto_accept=True,
            tags=args.account.named(name),
            opts=child,
        )
        self.node_routes: list[pulumi.Resource] = []
        for side, here, there in (("vpc", args.vpc, args.on_prem), ("on-prem", args.on_prem, args.vpc)):
            for kind, table in here.route_tables.items():
                for cidr in there.cidrs:
                    route = aws.ec2.Route(
                        # A VPC that was there before may get one more range: each has a route by its content.
                        f"{name}-{side}-{kind}" if there.made_here else f"{name}-{side}-{kind}-{cidr}",
                        route_table_id=table,
                        destination_cidr_block=cidr,
                        vpc_peering_connection_id=peering.id,
                        opts=child,
                    )
                    if kind in here.private_tables:
                        self.node_routes.append(route)
        self.id = peering.id
        self.register_outputs({"id": self.id})
