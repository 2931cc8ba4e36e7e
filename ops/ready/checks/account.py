"""What the account has against what the program asks for. Everything here only reads."""

import json
from datetime import UTC, datetime
from typing import Final

from infra.credentials import principal
from infra.names import STACK_TAG
from ops.checks.model import Findings, Outcome, listed, skipped
from ops.clients.errors import AskError
from ops.ready.context import Context, asked

_SERVICE_ROLES: Final = {
    "AWSServiceRoleForAmazonEKS": "eks.amazonaws.com",
    "AWSServiceRoleForAmazonEKSNodegroup": "eks-nodegroup.amazonaws.com",
    "AWSServiceRoleForElasticLoadBalancing": "elasticloadbalancing.amazonaws.com",
    "AWSServiceRoleForAutoScaling": "autoscaling.amazonaws.com",
}
_SPOT_ROLE: Final = {"AWSServiceRoleForEC2Spot": "spot.amazonaws.com"}
# What EKS does when the version leaves standard support, by supportType.
_AFTER_SUPPORT: Final = {
    "STANDARD": "EKS upgrades the control plane by itself, one minor version, without the nodes (supportType STANDARD)",
    "EXTENDED": "the control plane costs six times as much (supportType EXTENDED)",
}


@asked("account.key", "the disks' key can be used")
def key(context: Context, findings: Findings) -> str:
    key = context.ask("ec2", "get_ebs_default_kms_key_id")["KmsKeyId"]
    if key.endswith("alias/aws/ebs"):
        return "disks are encrypted with AWS's own key"
    described = context.ask("kms", "describe_key", KeyId=key)["KeyMetadata"]
    if described["KeyState"] != "Enabled":
        findings.fail(
            f"the account's default EBS key {key} is {described['KeyState']}",
            why="no instance with an encrypted disk starts",
            fix=f"aws kms enable-key --key-id {key}, or aws ec2 reset-ebs-default-kms-key-id",
        )
        return ""
    if described.get("KeyManager") == "AWS":
        return "disks are encrypted with AWS's own key"
    policy = context.ask("kms", "get_key_policy", KeyId=described["KeyId"], PolicyName="default")["Policy"]
    grants = context.pages("kms", "list_grants", "Grants", KeyId=described["KeyId"])
    if "AWSServiceRoleForAutoScaling" not in policy + json.dumps(grants, default=str):
        findings.warn(
            f"the default EBS key {key} names no Auto Scaling service role",
            why="Auto Scaling may then not start the managed nodes (Client.InvalidKMSKey.InvalidState)",
            fix="allow AWSServiceRoleForAutoScaling in the key's policy, or aws ec2 reset-ebs-default-kms-key-id",
        )
    return f"the default EBS key {key} may be used by Auto Scaling"


@asked("account.public-access", "VPCs may reach the internet")
def public_access(context: Context, findings: Findings) -> str:
    answer = context.ask("ec2", "describe_vpc_block_public_access_options")
    mode = answer["VpcBlockPublicAccessOptions"].get("InternetGatewayBlockMode", "off")
    fix = "aws ec2 modify-vpc-block-public-access-options --internet-gateway-block-mode off, or an exclusion"
    if mode == "block-bidirectional":
        findings.fail(
            f"VPC Block Public Access is {mode}",
            why="no node reaches the internet, through no gateway",
            fix=fix,
        )
    elif mode == "block-ingress":
        findings.warn(f"VPC Block Public Access is {mode}", why="nobody reaches the load balancer", fix=fix)
    return "VPC Block Public Access is off"


@asked("account.service-roles", "the service-linked roles exist")
def service_roles(context: Context, findings: Findings) -> str:
    roles = _SERVICE_ROLES | (_SPOT_ROLE if context.wanted.spot else {})
    absent = [
        role
        for role in roles
        if context.ask("iam", "get_role", missing=("NoSuchEntity",), RoleName=role) is None
    ]
    if absent and _may_make_service_roles(context) is False:
        findings.fail(
            f"there is no service-linked role {listed(absent)}",
            why="the first use makes it, but these credentials may not: iam:CreateServiceLinkedRole",
            fix="an administrator: "
            + "; ".join(
                f"aws iam create-service-linked-role --aws-service-name {roles[each]}" for each in absent
            ),
        )
    made = f"; the first use makes {listed(absent)}" if absent else ""
    return f"{len(roles) - len(absent)} service-linked roles are there{made}"


def _may_make_service_roles(context: Context) -> bool | None:
    """Ask IAM's simulator; None where it cannot tell. It wants the ARN of a role, not that of its session."""
    arn = principal(context.ask("sts", "get_caller_identity")["Arn"])
    asked = {"PolicySourceArn": arn, "ActionNames": ["iam:CreateServiceLinkedRole"]}
    try:
        found = context.ask("iam", "simulate_principal_policy", **asked)
    except AskError:
        return None
    return all(each["EvalDecision"] == "allowed" for each in found["EvaluationResults"])


@asked("account.boundary", "the permissions boundary exists")
def boundary(context: Context, findings: Findings) -> str | Outcome:
    arn = context.wanted.permissions_boundary
    if not arn:
        return skipped("the settings name none")
    if context.ask("iam", "get_policy", missing=("NoSuchEntity",), PolicyArn=arn) is None:
        findings.fail(
            f"there is no policy {arn}",
            why="permissionsBoundaryArn names it, and IAM makes no role with a boundary that is not there",
            fix="pulumi config set permissionsBoundaryArn ARN; aws iam list-policies --scope Local lists yours",
        )
    return f"{arn} is there"


@asked("account.images", "the region has the images")
def images(context: Context, findings: Findings) -> str:
    for name in context.wanted.images:
        if context.ask("ssm", "get_parameter", missing=("ParameterNotFound",), Name=name) is None:
            findings.fail(
                f"there is no image parameter {name} in {context.wanted.region}",
                why="the region has no such image",
                fix="another hybridNodes[].os, or another aws:region",
            )
    return f"{len(context.wanted.images)} images are there"


@asked("account.names", "fixed names are free")
def names(context: Context, findings: Findings) -> str:
    wanted = context.wanted
    answer = context.ask(
        "eks", "describe_cluster", missing=("ResourceNotFoundException",), name=wanted.cluster
    )
    if answer is not None:
        owner = (answer["cluster"].get("tags") or {}).get(STACK_TAG)
        if owner != wanted.stack_tag:
            findings.fail(
                f"there is a cluster {wanted.cluster} in {wanted.region} already, of {owner or 'somebody else'}",
                why="a name can be had once",
                fix=f"pulumi config set clusterName {wanted.cluster}-2",
            )
    ours = answer is not None and not findings.problems
    for name in [] if ours else wanted.log_groups:
        groups = context.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        if name in {each["logGroupName"] for each in groups} and not context.is_up:
            findings.fail(
                f"there is a log group {name} already",
                why="an earlier cluster of this name left it",
                fix=f"aws logs delete-log-group --log-group-name {name}, once nobody needs its logs",
            )
    return f"{wanted.cluster} is {'this stack' if ours else 'free'}"


@asked("account.version", "EKS offers the Kubernetes version")
def version(context: Context, findings: Findings) -> str:
    wanted = context.wanted
    versions = context.pages("eks", "describe_cluster_versions", "clusterVersions")
    offered = {each["clusterVersion"]: each for each in versions}
    version = offered.get(wanted.kubernetes)
    if version is None:
        names = sorted(offered, key=lambda each: int(each.partition(".")[2]))
        findings.fail(
            f"EKS does not offer Kubernetes {wanted.kubernetes} in {wanted.region}",
            why=f"it offers {listed(names, most=9)}",
            fix=f"pulumi config set kubernetesVersion {names[-1] if names else 'VERSION'}",
        )
        return ""
    end = version.get("endOfStandardSupportDate")
    if isinstance(end, datetime) and end.astimezone(UTC) < context.now():
        following = f"1.{int(wanted.kubernetes.partition('.')[2]) + 1}"
        findings.warn(
            f"Kubernetes {wanted.kubernetes} left standard support on {end:%Y-%m-%d}",
            why=_AFTER_SUPPORT[wanted.support_type],
            fix=f"pulumi config set kubernetesVersion {following}; docs/upgrade.md says in which order",
        )
    for add_on in wanted.add_ons:
        found = context.pages(
            "eks", "describe_addon_versions", "addons", kubernetesVersion=wanted.kubernetes, addonName=add_on
        )
        if not any(each.get("addonVersions") for each in found):
            findings.fail(
                f"EKS has no add-on {add_on} for Kubernetes {wanted.kubernetes}",
                why="its region may not have it yet",
                fix="another kubernetesVersion",
            )
    support = f", in standard support until {end:%Y-%m-%d}" if isinstance(end, datetime) else ""
    return f"Kubernetes {wanted.kubernetes} is offered{support}"
