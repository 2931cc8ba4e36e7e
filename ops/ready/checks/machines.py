"""Where machines of the plan's types may be started: zones, types, and what the account's plan allows."""

import re
from typing import Any

from infra.names import ZONES_WITHOUT_EKS
from ops.checks.model import Findings, Outcome, listed, skipped
from ops.clients.errors import AskError, NotAllowedError
from ops.ready.context import Context, asked


@asked("account.zones", "the region has the zones")
def zones(context: Context, findings: Findings) -> str:
    asked = context.wanted.zones
    found = usable_zones(context)
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
        return usable_zones(context)[: wanted.zones]
    subnets = context.existing_subnets
    return sorted({subnets[id_]["AvailabilityZone"] for id_ in wanted.private_subnets if id_ in subnets})


def usable_zones(context: Context) -> list[str]:
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
    known = described(context)
    for type_ in wanted.types:
        # Hybrid nodes are in the first zone; one zone of the others is enough for an auto-scaling group.
        needed = usable_zones(context)[:1] if type_ in wanted.counts.hybrid else zones
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


def described(context: Context) -> dict[str, dict[str, Any]]:
    """Describe the instance types of the plan, by name."""
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
        return skipped(f"not known: {error.brief}")
    if not plan or plan.get("accountPlanType") != "FREE":
        return "the account may start every type"
    known = described(context)
    refused = [each for each in context.wanted.types if not known.get(each, {}).get("FreeTierEligible")]
    if refused:
        findings.fail(
            f"{listed(refused)} may not be started",
            why="the account is on the free plan, which allows only some types",
            fix="aws ec2 describe-instance-types --filters Name=free-tier-eligible,Values=true lists them; set"
            " managedNodes.instanceType and hybridNodes[].instanceType, or upgrade the plan",
        )
    return "the account's free plan allows the types"
