"""Who signs in, and what the account has against what the program asks for. Everything here only reads."""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from infra.credentials import principal
from infra.names import STACK_TAG, ZONES_WITHOUT_EKS
from ops.causes import problem_of
from ops.checks.model import Check, Findings, Outcome, check, listed, skipped
from ops.clients.errors import AskError, NotAllowedError
from ops.ready.context import Context, asked

# An `up` takes about a quarter of an hour; twice that is enough for a slow one.
_LONG_ENOUGH: Final = timedelta(minutes=30)
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


@check("who.identity", "AWS knows who signs in", needs=("plan.settings",))
def identity(context: Context, findings: Findings) -> str:
    try:
        who = context.ask("sts", "get_caller_identity")
    except AskError as error:
        findings.problems.append(problem_of(error, "ready"))
        return ""
    config = {} if isinstance(context.program, Exception) else context.program.config.values
    allowed, forbidden = (_ids(config.get(f"aws:{name}AccountIds")) for name in ("allowed", "forbidden"))
    if (allowed and who["Account"] not in allowed) or who["Account"] in forbidden:
        findings.fail(
            f"account {who['Account']} is not one that the stack may be built in",
            why=f"aws:allowedAccountIds is {listed(allowed) or 'not set'}, "
            f"aws:forbiddenAccountIds {listed(forbidden) or 'not set'}",
            fix="sign in to the right account: aws sso login, or pulumi config set aws:profile NAME",
        )
    return f"account {who['Account']} as {who['Arn']}"


def _ids(raw: str | None) -> list[str]:
    try:
        value = json.loads(raw or "[]")
    except ValueError:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


@asked("who.lifetime", "the credentials live long enough")
def lifetime(context: Context, findings: Findings) -> str:
    ends = context.aws.expires_at()
    if ends is None:
        return "the credentials do not end, or do not say when"
    left = ends - context.now()
    if left < _LONG_ENOUGH:
        findings.warn(
            f"the credentials end in {max(0, round(left.total_seconds() / 60))} minutes",
            why="an up takes about a quarter of an hour, and stops half way without them",
            fix="sign in again first: aws sso login",
        )
    return f"the credentials are good until {ends.astimezone(UTC):%H:%M} UTC"


@asked("account.zones", "the region has the zones")
def zones(context: Context, findings: Findings) -> str:
    asked = context.wanted.zones
    found = _usable_zones(context)
    if len(found) < asked:
        findings.fail(
            f"{len(found)} zones of {context.wanted.region} can hold a control plane: {listed(found) or 'none'}",
            why=f"availabilityZones asks for {asked}",
            fix=f"pulumi config set availabilityZones {len(found)}"
            if len(found) >= 2
            else "pulumi config set aws:region ap-northeast-1",
        )
    return f"{len(found)} zones can hold a control plane: {listed(found)}"


def _chosen_zones(context: Context) -> list[str]:
    """Name the zones of the EKS side: those of the subnets of a VPC that exists, else the first ones."""
    wanted = context.wanted
    if not wanted.existing_vpc:
        return _usable_zones(context)[: wanted.zones]
    subnets = context.existing_subnets
    return sorted({subnets[id_]["AvailabilityZone"] for id_ in wanted.private_subnets if id_ in subnets})


def _usable_zones(context: Context) -> list[str]:
    """Name the zones that the program takes, in its order."""
    filters = [
        {"Name": "state", "Values": ["available"]},
        {"Name": "opt-in-status", "Values": ["opt-in-not-required"]},
    ]
    answer = context.ask("ec2", "describe_availability_zones", Filters=filters)
    zones = [each for each in answer["AvailabilityZones"] if each["ZoneId"] not in ZONES_WITHOUT_EKS]
    return sorted(each["ZoneName"] for each in zones)


@asked("account.types", "the instance types are offered")
def types(context: Context, findings: Findings) -> str:
    wanted = context.wanted
    zones = _chosen_zones(context)
    offered = {(each["InstanceType"], each["Location"]) for each in _offerings(context)}
    known = _described(context)
    for type_ in wanted.types:
        # Hybrid nodes are in the first zone; one zone of the others is enough for an auto-scaling group.
        needed = _usable_zones(context)[:1] if type_ in wanted.counts.hybrid else zones
        there = [zone for zone in needed if (type_, zone) in offered]
        setting = (
            "hybridNodes[0].instanceType" if type_ in wanted.counts.hybrid else "managedNodes.instanceType"
        )
        fix = (
            f"pulumi config set --path '{setting}' TYPE; aws ec2 describe-instance-type-offerings lists them"
        )
        if not there:
            findings.fail(f"{type_} is not offered in {listed(needed)}", why="AWS has none there", fix=fix)
        elif type_ in known and not _fits(known[type_], arm64=is_arm64(type_)):
            findings.fail(f"{type_} does not run the image", why="its architecture is another", fix=fix)
    return f"{listed(wanted.types)} can be had in {listed(zones)}"


def _offerings(context: Context) -> list[dict[str, Any]]:
    return context.pages(
        "ec2",
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": list(context.wanted.types)}],
    )


def _described(context: Context) -> dict[str, dict[str, Any]]:
    wanted = [{"Name": "instance-type", "Values": list(context.wanted.types)}]
    found = context.pages("ec2", "describe_instance_types", "InstanceTypes", Filters=wanted)
    return {each["InstanceType"]: each for each in found}


def is_arm64(type_: str) -> bool:
    """Tell from the name of an instance type whether its processor is Graviton."""
    return re.fullmatch(r"a1|[a-z]+[0-9]+g[a-z]*", type_.partition(".")[0]) is not None


def _fits(type_: dict[str, Any], *, arm64: bool) -> bool:
    return ("arm64" if arm64 else "x86_64") in type_["ProcessorInfo"]["SupportedArchitectures"]


@asked("account.free-plan", "the account's plan allows the types")
def free_plan(context: Context, findings: Findings) -> str | Outcome:
    try:
        plan = context.ask("freetier", "get_account_plan_state", missing=("ResourceNotFoundException",))
    except NotAllowedError:
        raise
    except AskError as error:
        return skipped(f"not known: {_one_line(error)}")
    if not plan or plan.get("accountPlanType") != "FREE":
        return "the account may start every type"
    known = _described(context)
    refused = [each for each in context.wanted.types if not known.get(each, {}).get("FreeTierEligible")]
    if refused:
        findings.fail(
            f"{listed(refused)} may not be started",
            why="the account is on the free plan, which allows only some types",
            fix="aws ec2 describe-instance-types --filters Name=free-tier-eligible,Values=true lists them; set"
            " managedNodes.instanceType and hybridNodes[].instanceType, or upgrade the plan",
        )
    return "the account's free plan allows the types"


def _one_line(error: AskError) -> str:
    return " ".join(error.seen.split())[:120]


def _quota(context: Context, service: str, code: str) -> float:
    """Read a quota: the account's own value, else AWS's default."""
    missing = ("NoSuchResourceException",)
    arguments = {"ServiceCode": service, "QuotaCode": code}
    found = context.ask("service-quotas", "get_service_quota", missing=missing, **arguments)
    found = found or context.ask("service-quotas", "get_aws_default_service_quota", **arguments)
    return float(found["Quota"]["Value"])


def _within(
    id_: str, proves: str, what: str, quota: tuple[str, str], wanted: Callable[[Context], int]
) -> Callable[[Callable[[Context], int]], Check]:
    """Make the check of a quota (service, code) of a function that counts what is in use: with `wanted` it must fit."""
    service, code = quota

    def made(used: Callable[[Context], int]) -> Check:
        @asked(id_, proves)
        def fits(context: Context, findings: Findings) -> str | Outcome:
            if context.is_up:
                return "this stack is there already; what it needs is in use"
            now, more = used(context), wanted(context)
            try:
                limit = _quota(context, service, code)
            except AskError as error:
                return skipped(f"{now} in use, {more} more; the quota cannot be read: {_one_line(error)}")
            if now + more > limit:
                findings.fail(
                    f"{what}: {now} in use and {more} more are above the quota of {limit:g}",
                    why=f"the account's quota {code} of {service} in {context.wanted.region}",
                    fix=f"aws service-quotas request-service-quota-increase --service-code {service}"
                    f" --quota-code {code} --desired-value {now + more} --region {context.wanted.region}",
                )
            return f"{what}: {now} in use, {more} more, quota {limit:g}"

        return fits

    return made


def _running_vcpus(context: Context, *, spot: bool) -> int:
    """Count the vCPUs of the standard families (A, C, D, H, I, M, R, T, Z) that run."""
    running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    found = context.pages("ec2", "describe_instances", "Reservations", Filters=running)
    machines = [each for reservation in found for each in reservation["Instances"]]
    return sum(
        each["CpuOptions"]["CoreCount"] * each["CpuOptions"]["ThreadsPerCore"]
        for each in machines
        if each["InstanceType"][0] in "acdhimrtz" and (each.get("InstanceLifecycle") == "spot") is spot
    )


def _wanted_vcpus(context: Context, *, spot: bool) -> int:
    wanted, known = context.wanted.counts, _described(context)
    machines = Counter[str]() if spot else wanted.hybrid.copy()
    for group in wanted.groups:
        if group.spot is spot:
            machines[group.types[0]] += group.most
    return sum(
        number * known[type_]["VCpuInfo"]["DefaultVCpus"]
        for type_, number in machines.items()
        if type_ in known
    )


@_within(
    "account.vcpus",
    "the on-demand vCPUs fit the quota",
    "vCPUs",
    ("ec2", "L-1216C47A"),
    lambda context: _wanted_vcpus(context, spot=False),
)
def vcpus(context: Context) -> int:
    return _running_vcpus(context, spot=False)


@_within(
    "account.spot-vcpus",
    "the spot vCPUs fit the quota",
    "spot vCPUs",
    ("ec2", "L-34B43A08"),
    lambda context: _wanted_vcpus(context, spot=True),
)
def spot_vcpus(context: Context) -> int:
    return _running_vcpus(context, spot=True)


@_within(
    "account.addresses",
    "the elastic IPs fit the quota",
    "elastic IPs",
    ("ec2", "L-0263D0A3"),
    lambda context: context.wanted.counts.addresses,
)
def addresses(context: Context) -> int:
    return len(context.ask("ec2", "describe_addresses")["Addresses"])


@_within(
    "account.vpcs",
    "the VPCs fit the quota",
    "VPCs",
    ("vpc", "L-F678F1CE"),
    lambda context: context.wanted.counts.vpcs,
)
def vpcs(context: Context) -> int:
    return len(context.pages("ec2", "describe_vpcs", "Vpcs"))


@_within(
    "account.nat-gateways",
    "the NAT gateways fit the quota of a zone",
    "NAT gateways",
    ("vpc", "L-FE5A380F"),
    lambda context: max(context.wanted.counts.nat_gateways.values(), default=0),
)
def nat_gateways(context: Context) -> int:
    """Count the NAT gateways of the fullest of our zones; the quota is one of each zone."""
    live = [{"Name": "state", "Values": ["pending", "available"]}]
    gateways = context.pages("ec2", "describe_nat_gateways", "NatGateways", Filter=live)
    subnets = context.pages("ec2", "describe_subnets", "Subnets")
    zone_of = {each["SubnetId"]: each["AvailabilityZone"] for each in subnets}
    zones = [zone_of.get(each.get("SubnetId", "")) for each in gateways]
    ours = _usable_zones(context)[: context.wanted.zones or 1]
    return max((zones.count(zone) for zone in ours), default=0)


@_within(
    "account.balancers",
    "the load balancer fits the quota",
    "load balancers",
    ("elasticloadbalancing", "L-53DA6B97"),
    lambda context: context.wanted.counts.balancers,
)
def balancers(context: Context) -> int:
    found = context.pages("elbv2", "describe_load_balancers", "LoadBalancers")
    return sum(each["Type"] == "application" for each in found)


@_within("account.clusters", "the cluster fits the quota", "EKS clusters", ("eks", "L-1194D53C"), lambda _: 1)
def clusters(context: Context) -> int:
    return len(context.pages("eks", "list_clusters", "clusters"))


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
