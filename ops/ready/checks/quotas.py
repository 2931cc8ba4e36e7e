"""What a plan needs fits the quotas of the account, beside what is in use."""

from collections import Counter
from collections.abc import Callable

from ops.checks.model import Check, Findings, Outcome, skipped
from ops.clients.errors import AskError
from ops.ready.checks.machines import described, usable_zones
from ops.ready.context import Context, asked


def _quota(context: Context, service: str, code: str) -> float:
    """Read a quota: the account's own value, else AWS's default."""
    missing = ("NoSuchResourceException",)
    arguments = {"ServiceCode": service, "QuotaCode": code}
    found = context.ask("service-quotas", "get_service_quota", missing=missing, **arguments)
    found = found or context.ask("service-quotas", "get_aws_default_service_quota", **arguments)
    return float(found["Quota"]["Value"])


def _within(
    id_: str,
    proves: str,
    what: str,
    quota: str,
    used: Callable[[Context], int],
    wanted: Callable[[Context], int],
) -> Check:
    """Make the check of a quota, `SERVICE CODE`: it must have room for what is `wanted` beside what is `used`."""
    service, code = quota.split()

    @asked(id_, proves)
    def fits(context: Context, findings: Findings) -> str | Outcome:
        if context.is_up:
            return "this stack is there already; what it needs is in use"
        now, more = used(context), wanted(context)
        try:
            limit = _quota(context, service, code)
        except AskError as error:
            return skipped(f"{now} in use, {more} more; the quota cannot be read: {error.brief}")
        if now + more > limit:
            findings.fail(
                f"{what}: {now} in use and {more} more are above the quota of {limit:g}",
                why=f"the account's quota {code} of {service} in {context.wanted.region}",
                fix=f"aws service-quotas request-service-quota-increase --service-code {service}"
                f" --quota-code {code} --desired-value {now + more} --region {context.wanted.region}",
            )
        return f"{what}: {now} in use, {more} more, quota {limit:g}"

    return fits


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
    wanted, known = context.wanted.counts, described(context)
    machines = Counter[str]() if spot else wanted.hybrid.copy()
    for group in wanted.groups:
        if group.spot is spot:
            machines[group.types[0]] += group.most
    return sum(
        number * known[type_]["VCpuInfo"]["DefaultVCpus"]
        for type_, number in machines.items()
        if type_ in known
    )


def _fullest_zone(context: Context) -> int:
    """Count the NAT gateways of the fullest of our zones; the quota is one of each zone."""
    live = [{"Name": "state", "Values": ["pending", "available"]}]
    gateways = context.pages("ec2", "describe_nat_gateways", "NatGateways", Filter=live)
    subnets = context.pages("ec2", "describe_subnets", "Subnets")
    zone_of = {each["SubnetId"]: each["AvailabilityZone"] for each in subnets}
    zones = [zone_of.get(each.get("SubnetId", "")) for each in gateways]
    ours = usable_zones(context)[: context.wanted.zones or 1]
    return max((zones.count(zone) for zone in ours), default=0)


def _balancers(context: Context) -> int:
    found = context.pages("elbv2", "describe_load_balancers", "LoadBalancers")
    return sum(each["Type"] == "application" for each in found)


QUOTAS = (
    _within(
        "account.vcpus",
        "the on-demand vCPUs fit the quota",
        "vCPUs",
        "ec2 L-1216C47A",
        lambda context: _running_vcpus(context, spot=False),
        lambda context: _wanted_vcpus(context, spot=False),
    ),
    _within(
        "account.spot-vcpus",
        "the spot vCPUs fit the quota",
        "spot vCPUs",
        "ec2 L-34B43A08",
        lambda context: _running_vcpus(context, spot=True),
        lambda context: _wanted_vcpus(context, spot=True),
    ),
    _within(
        "account.addresses",
        "the elastic IPs fit the quota",
        "elastic IPs",
        "ec2 L-0263D0A3",
        lambda context: len(context.ask("ec2", "describe_addresses")["Addresses"]),
        lambda context: context.wanted.counts.addresses,
    ),
    _within(
        "account.vpcs",
        "the VPCs fit the quota",
        "VPCs",
        "vpc L-F678F1CE",
        lambda context: len(context.pages("ec2", "describe_vpcs", "Vpcs")),
        lambda context: context.wanted.counts.vpcs,
    ),
    _within(
        "account.nat-gateways",
        "the NAT gateways fit the quota of a zone",
        "NAT gateways",
        "vpc L-FE5A380F",
        _fullest_zone,
        lambda context: max(context.wanted.counts.nat_gateways.values(), default=0),
    ),
    _within(
        "account.balancers",
        "the load balancer fits the quota",
        "load balancers",
        "elasticloadbalancing L-53DA6B97",
        _balancers,
        lambda context: context.wanted.counts.balancers,
    ),
    _within(
        "account.clusters",
        "the cluster fits the quota",
        "EKS clusters",
        "eks L-1194D53C",
        lambda context: len(context.pages("eks", "list_clusters", "clusters")),
        lambda _: 1,
    ),
)
