"""Security groups, with exactly the rules that the flow table asks for.

Every rule is a resource of its own, named by what makes it another one for AWS and by nothing else: group, direction,
protocol, port, peer. AWS refuses a rule that exists already, and the engine creates before it deletes. Machines in the
same VPC are named by security group, machines across the peering by address: on-premises machines have no security
group.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.account import Account
from infra.addressing import ANYWHERE
from infra.flows import GROUPS, Place, Rule, flows, rules
from infra.network import Network
from infra.rule_limit import RuleLimit
from infra.shapes import Opened
from infra.site import Site
from infra.systems import SYSTEMS

_PURPOSE: Mapping[Place, str] = {
    "control-plane": "EKS control-plane network interfaces",
    "managed": "Managed nodes",
    "hybrid": "Hybrid nodes",
    "load-balancer": "Load balancer of the sample app",
}


@dataclass(frozen=True, kw_only=True)
class FirewallArgs:
    """The networks that it stands around; `opened` is what it lets through beside the fixed flows."""

    account: Account
    vpc: Network
    site: Site
    opened: Opened


@dataclass(frozen=True, kw_only=True)
class _Opening:
    """One rule of one group: from or to a range, or where `cidr` is None the group of the rule's peer."""

    rule: Rule
    cidr: str | None
    former_names: tuple[str, ...]

    @property
    def name(self) -> str:
        """All that makes it another rule for AWS."""
        rule = self.rule
        return f"{rule.group}-{rule.direction}-{rule.protocol}-{rule.port}-{self.cidr or rule.peer}"


class Firewall(pulumi.ComponentResource):
    """Security groups: control plane, managed nodes, load balancer, hybrid nodes, where each is there.

    In a data centre of one's own its own firewall does the same; `ops plan --firewall` prints what it must open.
    """

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:firewall:Firewall", name, {}, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        alb = args.opened.alb
        self._groups = {place: self._group(place, vpc) for place in GROUPS if (vpc := self._vpc(place))}
        self._cidrs: dict[Place, Sequence[str]] = {
            "clients": alb.allowed_cidrs if alb else (),
            "internet": (ANYWHERE,),
            "hybrid": args.site.machine_cidrs,
            "managed": args.vpc.private_cidrs,
            "control-plane": args.vpc.private_cidrs,
            "load-balancer": args.vpc.public_cidrs,
        }
        table = flows(
            node_port=alb.node_port if alb else None,
            plain_http=any(SYSTEMS[name].plain_http for name in args.opened.operating_systems),
            https=alb is not None and alb.certificate_arn is not None,
            webhook_ports=args.opened.webhook_ports,
        )
        openings: dict[str, _Opening] = {}
        for rule in rules(table):
            if rule.group in self._groups:
                for opening in self._openings(rule):
                    # The control plane and the managed nodes have the same addresses, and AWS refuses a rule twice.
                    openings.setdefault(opening.name, opening)
        self._limit = RuleLimit(name, rules=_by_group(openings.values()), opts=self._child)
        for opening in openings.values():
            self._create(opening)
        self.control_plane = self._groups["control-plane"]
        self.managed_nodes = self._groups["managed"]
        hybrid = self._groups.get("hybrid")
        self.hybrid_nodes_id: pulumi.Output[str] | None = hybrid.id if hybrid else None
        self.load_balancer = self._groups.get("load-balancer")
        self.register_outputs({})

    def _vpc(self, place: Place) -> Network | None:
        if place == "load-balancer" and self._args.opened.alb is None:
            return None
        return self._args.site.vpc if place == "hybrid" else self._args.vpc

    def _group(self, place: Place, vpc: Network) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            place,
            vpc_id=vpc.id,
            description=_PURPOSE[place],
            tags=self._args.account.named(place),
            opts=self._child,
        )

    def _openings(self, rule: Rule) -> Iterator[_Opening]:
        same_vpc = rule.peer in self._groups and (rule.group == "hybrid") == (rule.peer == "hybrid")
        if same_vpc:
            yield _Opening(rule=rule, cidr=None, former_names=(rule.name, rule.former_name))
            return
        cidrs = self._cidrs[rule.peer]
        for number, cidr in enumerate(cidrs, start=1):
            by_position = rule.former_name if len(cidrs) == 1 else f"{rule.former_name}-{number}"
            yield _Opening(rule=rule, cidr=cidr, former_names=(f"{rule.name}-{cidr}", by_position))

    def _create(self, opening: _Opening) -> None:
        rule, name, cidr = opening.rule, opening.name, opening.cidr
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
            cidr_ipv4=cidr,
            referenced_security_group_id=None if cidr else self._groups[rule.peer].id,
            description=rule.description,
            tags=self._args.account.named(name),
            opts=pulumi.ResourceOptions.merge(
                self._child,
                pulumi.ResourceOptions(
                    depends_on=[self._limit],
                    # A stack that an earlier release of this program made keeps its rules.
                    aliases=[pulumi.Alias(name=before) for before in opening.former_names],
                ),
            ),
        )


def _by_group(openings: Iterable[_Opening]) -> dict[str, list[str]]:
    """The names of the rules of each group in each direction, as the limit counts them."""
    places: dict[str, list[str]] = {}
    for opening in openings:
        places.setdefault(f"{opening.rule.group} {opening.rule.direction}", []).append(opening.name)
    return {place: sorted(names) for place, names in places.items()}
