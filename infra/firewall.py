"""Security groups, with exactly the rules that the flow table asks for.

Every rule is a resource of its own, named by what it opens: AWS refuses a rule that exists already, and the engine
creates before it deletes. So no rule is named by its position in a list. Machines in the same VPC are named by
security group, machines across the peering by address: on-premises machines have no security group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.flows import GROUPS, Place, Rule, flows, rules
from infra.network import Vpc
from infra.shapes import NetworksShape
from infra.site import Site
from infra.systems import SYSTEMS

_ANYWHERE = ("0.0.0.0/0",)
_PURPOSE: Mapping[Place, str] = {
    "control-plane": "EKS control-plane network interfaces",
    "managed": "Managed nodes",
    "hybrid": "Hybrid nodes",
    "load-balancer": "Load balancer of the sample app",
}


@dataclass(frozen=True, kw_only=True)
class FirewallArgs:
    """The networks that it stands around; `shape` says what is opened beside the fixed flows."""

    account: Account
    vpc: Vpc
    site: Site
    shape: NetworksShape


class Firewall(pulumi.ComponentResource):
    """Security groups: control plane, managed nodes, load balancer, and hybrid nodes where those are instances.

    In a data centre of one's own its own firewall does the same; `ops plan --firewall` prints what it must open.
    """

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:firewall:Firewall", name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._groups = {place: self._group(place, vpc) for place in GROUPS if (vpc := self._vpc(place))}
        self._cidrs: dict[Place, Sequence[str]] = {
            "clients": args.shape.alb.allowed_cidrs,
            "internet": _ANYWHERE,
            "hybrid": args.site.machine_cidrs,
            "managed": args.vpc.private_cidrs,
            "control-plane": args.vpc.private_cidrs,
            "load-balancer": args.vpc.public_cidrs,
        }
        self._opened: set[tuple[str, ...]] = set()
        table = flows(
            node_port=args.shape.alb.node_port,
            plain_http=any(SYSTEMS[name].plain_http for name in args.shape.operating_systems),
            https=args.shape.alb.certificate_arn is not None,
            webhook_ports=args.shape.webhook_ports,
        )
        for rule in rules(table):
            if rule.group in self._groups:
                self._open(rule)
        self.control_plane = self._groups["control-plane"]
        self.managed_nodes = self._groups["managed"]
        hybrid = self._groups.get("hybrid")
        self.hybrid_nodes_id: pulumi.Output[str] | None = hybrid.id if hybrid else None
        self.load_balancer = self._groups["load-balancer"]
        self.register_outputs({})

    def _vpc(self, place: Place) -> Vpc | None:
        return self._args.site.vpc if place == "hybrid" else self._args.vpc

    def _group(self, place: Place, vpc: Vpc) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            place,
            vpc_id=vpc.id,
            description=_PURPOSE[place],
            tags=self._args.account.named(place),
            opts=self._child,
        )

    def _open(self, rule: Rule) -> None:
        same_vpc = rule.peer in self._groups and (rule.group == "hybrid") == (rule.peer == "hybrid")
        if same_vpc:
            self._create(
                rule, rule.name, rule.former_name, referenced_security_group_id=self._groups[rule.peer].id
            )
            return
        cidrs = self._cidrs[rule.peer]
        for number, cidr in enumerate(cidrs, start=1):
            former = rule.former_name if len(cidrs) == 1 else f"{rule.former_name}-{number}"
            # The control plane and the managed nodes have the same addresses, and AWS refuses a rule twice.
            opens = (rule.group, rule.direction, rule.protocol, str(rule.port), cidr)
            if opens not in self._opened:
                self._opened.add(opens)
                self._create(rule, f"{rule.name}-{cidr}", former, cidr_ipv4=cidr)

    def _create(
        self,
        rule: Rule,
        name: str,
        former_name: str,
        *,
        cidr_ipv4: str | None = None,
        referenced_security_group_id: pulumi.Input[str] | None = None,
    ) -> None:
        kind = (
            aws.vpc.SecurityGroupIngressRule
            if rule.direction == "ingress"
            else aws.vpc.SecurityGroupEgressRule
        )
        kind(
            name,
            security_group_id=self._groups[rule.group].id,
            ip_protocol=rule.protocol,
            from_port=rule.port,
            to_port=rule.port,
            cidr_ipv4=cidr_ipv4,
            referenced_security_group_id=referenced_security_group_id,
            description=rule.description,
            tags=self._args.account.named(name),
            opts=pulumi.ResourceOptions.merge(
                self._child,
                # A stack that an earlier release of this program made keeps its rules.
                pulumi.ResourceOptions(aliases=[pulumi.Alias(name=former_name)]),
            ),
        )
