"""leftovers: after a destroy nothing is left in the stack's VPCs, and nothing carries its names or tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.checks.model import Check, Findings, Outcome, listed

if TYPE_CHECKING:
    from ops.clients.leftovers import LeftoversAws, Names


@dataclass(frozen=True, kw_only=True)
class Leftovers:
    """The context of these checks: AWS, and what to look for. It remembers nothing between checks."""

    aws: LeftoversAws
    names: Names

    def fresh(self) -> Leftovers:
        """Give the context of the next round: itself."""
        return self


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of thing that may be left: why that happens, what it costs, and how to remove it."""

    name: str
    noun: str
    why: str
    fix: str


_REPEAT = "pulumi destroy again; it removes what is still in the stack's state"

KINDS = (
    Kind(
        name="cluster",
        noun="EKS cluster (and with it every Node object)",
        why="the destroy did not end, or the cluster is being deleted; it is billed by the hour",
        fix=f"{_REPEAT}; or aws eks delete-cluster --name {{cluster}} --region {{region}}",
    ),
    Kind(
        name="instances",
        noun="EC2 instance",
        why="still shutting down, or started by an auto-scaling group that outlived the stack",
        fix="aws ec2 terminate-instances --region {region} --instance-ids {ids}",
    ),
    Kind(
        name="registrations",
        noun="managed instance (mi-*)",
        why="nothing but the clean-up resource of a hybrid node deregisters it; a destroy with --target skips that",
        fix="aws ssm deregister-managed-instance --region {region} --instance-id {first}",
    ),
    Kind(
        name="activations",
        noun="SSM activation",
        why="it was left out of the stack's state; until it expires, its code can register a machine",
        fix="aws ssm delete-activation --region {region} --activation-id {first}",
    ),
    Kind(
        name="load-balancers",
        noun="load balancer",
        why="a controller in the cluster made it for a Service or Ingress, or the destroy did not end; it is billed "
        "by the hour and holds its VPC",
        fix="while the cluster is there, kubectl delete the Service or Ingress; otherwise aws elbv2 "
        "describe-load-balancers --region {region} --names {first}, then delete-load-balancer by its ARN (classic: "
        "aws elb delete-load-balancer --load-balancer-name {first})",
    ),
    Kind(
        name="vpc-endpoints",
        noun="VPC endpoint",
        why="somebody or a service (GuardDuty, for example) made it in a VPC of the stack; it is billed by the hour "
        "and holds the VPC",
        fix="aws ec2 delete-vpc-endpoints --region {region} --vpc-endpoint-ids {ids}; then its security group; then "
        "pulumi destroy again",
    ),
    Kind(
        name="network-interfaces",
        noun="network interface",
        why="it belongs to what stands beside it, and holds its subnet; EKS removes the control plane's some minutes "
        "after the cluster",
        fix="delete what it belongs to (load balancer, endpoint), and wait: ops verify --destroyed --wait 10m; or aws "
        "ec2 delete-network-interface --region {region} --network-interface-id {first}",
    ),
    Kind(
        name="security-groups",
        noun="security group",
        why="who made it stands beside it; something may still use it",
        fix="first what uses it, then aws ec2 delete-security-group --region {region} --group-id {first}",
    ),
    Kind(
        name="volumes",
        noun="EBS volume",
        why="a PersistentVolume's disk outlives its cluster; it is billed",
        fix="aws ec2 delete-volume --region {region} --volume-id {first}",
    ),
    Kind(
        name="elastic-ips",
        noun="elastic IP address",
        why="its NAT gateway was not deleted, or the address was not released; it is billed by the hour",
        fix="aws ec2 release-address --region {region} --allocation-id {first}",
    ),
    Kind(
        name="launch-templates",
        noun="launch template",
        why="the destroy did not end",
        fix="aws ec2 delete-launch-template --region {region} --launch-template-id {first}",
    ),
    Kind(
        name="target-groups",
        noun="target group",
        why="a listener outside the stack uses it, or the destroy did not end",
        fix="aws elbv2 describe-target-groups --region {region} --names {first}; then delete-target-group by its ARN",
    ),
    Kind(
        name="log-groups",
        noun="log group",
        why="the control plane writes a last line after the stack has deleted it, which makes it again",
        fix="aws logs delete-log-group --region {region} --log-group-name {first}",
    ),
    Kind(
        name="roles",
        noun="IAM role",
        why="it was changed outside Pulumi (a policy attached by hand keeps it)",
        fix="aws iam list-attached-role-policies --role-name {first}; detach them, then aws iam delete-role",
    ),
    Kind(
        name="vpcs",
        noun="VPC",
        why="something in it is left; subnets, gateways, route tables and peering go with it",
        fix=f"first what the other checks list in it (load balancers, endpoints, interfaces, groups); then {_REPEAT}",
    ),
    Kind(
        name="others",
        noun="tagged resource",
        why="it still has the stack's tag; the tagging API may lag behind by some minutes",
        fix="wait: ops verify --destroyed --wait 10m; or delete it by its ARN",
    ),
)


def _look(kind: Kind) -> Callable[[Leftovers], Outcome]:
    def look(context: Leftovers) -> Outcome:
        left = context.aws.left(kind.name, context.names)
        findings = Findings(evidence=left, failed=f"{len(left)} left")
        if left:
            ids = [item.partition(" ")[0] for item in left]
            plural = "s" if len(left) > 1 and not kind.noun.endswith(")") else ""
            findings.fail(
                f"{len(left)} {kind.noun}{plural}: {listed(left)}",
                why=kind.why,
                fix=kind.fix.format(
                    region=context.names.region,
                    cluster=context.names.cluster,
                    first=ids[0],
                    ids=" ".join(ids),
                ),
            )
        return findings.outcome("none left")

    return look


def identity(context: Leftovers) -> Outcome:
    """Answer whether AWS lets us look; the account is shown because it cannot be compared any more."""
    return Findings().outcome(f"looking in account {context.aws.account()}, {context.names.region}")


CHECKS = (
    Check(id="leftovers.identity", proves="the AWS credentials work", run=identity),
    *(
        Check(
            id=f"leftovers.{kind.name}",
            proves=f"no {kind.noun} of the stack is left",
            run=_look(kind),
            needs=("leftovers.identity",),
            eventually=True,
        )
        for kind in KINDS
    ),
)
