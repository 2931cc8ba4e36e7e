"""What AWS bills of a plan, by component, and an estimate of it from the list prices of one region (prices.yaml)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from ops.program.counts import Counts, counts
from ops.program.recorder import Recording, Resource

PRICES: Final[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("prices.yaml").read_text(encoding="utf-8")
)
_HOURS_A_MONTH = 730  # as AWS counts


@dataclass(frozen=True)
class Billed:
    """A component, how much of it the plan has, and what it is billed by.

    `usd_an_hour` is an estimate without traffic and load; None where there is no price for it here.
    """

    component: str
    count: str
    by: str
    usd_an_hour: float | None = None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """USD an hour for what has a price here, the same in extended support, and the components that have none."""

    usd_an_hour: float
    extended_usd_an_hour: float
    without: tuple[str, ...]


def estimate(rows: list[Billed]) -> Estimate:
    """Sum up what is billed."""
    usd = sum(row.usd_an_hour for row in rows if row.usd_an_hour is not None)
    return Estimate(
        usd_an_hour=usd,
        extended_usd_an_hour=usd + PRICES["controlPlaneExtended"] - PRICES["controlPlane"],
        without=tuple(row.component for row in rows if row.usd_an_hour is None),
    )


def billed(recording: Recording) -> list[Billed]:
    """Every component of the plan that AWS bills."""
    number = counts(recording)
    return [*_nodes(recording, number), *_network(recording, number), *_rest(recording)]


def _nodes(recording: Recording, number: Counts) -> Iterator[Billed]:
    clusters = recording.of_type("eks:index:Cluster")
    if clusters:
        price = len(clusters) * PRICES["controlPlane"]
        yield Billed("EKS control plane", str(len(clusters)), "hour (extended: 6 times)", price)
    hybrid = recording.of_type("aws:ssm/activation:Activation")
    if hybrid:
        known = {type_: PRICES["instances"].get(type_) for type_ in number.hybrid}
        # How many vCPUs a machine of one's own has is not in the settings.
        price = (
            sum(count * known[type_]["vcpus"] for type_, count in number.hybrid.items())
            * PRICES["hybridVcpu"]
            if number.hybrid.total() == len(hybrid) and all(known.values())
            else None
        )
        yield Billed("EKS Hybrid Nodes", _counted(len(hybrid), "node"), "vCPU-hour, until Node goes", price)
    machines = Counter({(type_, "hybrid"): count for type_, count in number.hybrid.items()})
    disks = Counter(
        machine.inputs["rootBlockDevice"]["volumeSize"]
        for machine in recording.of_type("aws:ec2/instance:Instance")
    )
    for group in number.groups:
        machines["|".join(group.types), f"managed{' spot' * group.spot}"] += group.desired
        disks[group.disk_gib] += group.desired
    for type_ in dict.fromkeys(name for name, _ in machines):
        of_type = {kind: count for (name, kind), count in machines.items() if name == type_}
        kinds = ", ".join(f"{count} {kind}" for kind, count in of_type.items())
        # Burstable types are "unlimited" by default: above their baseline they go on, for money.
        burst = ", and CPU credits" if type_.startswith("t") else ""
        row = PRICES["instances"].get(type_)
        price = row and sum(of_type.values()) * row["price"]
        yield Billed(f"EC2 {type_}", kinds, f"hour{burst}", price)
    if disks:
        sizes = ", ".join(f"{_counted(count, 'disk')} of {size} GiB" for size, count in sorted(disks.items()))
        price = sum(count * size for size, count in disks.items()) * PRICES["disk"] / _HOURS_A_MONTH
        yield Billed("EBS gp3", sizes, "GiB-month", price)


def _network(recording: Recording, number: Counts) -> Iterator[Billed]:
    if number.nat_gateways:
        gateways = number.nat_gateways.total()
        yield Billed(
            "NAT gateway", str(gateways), "hour, and GiB through it", gateways * PRICES["natGateway"]
        )
    balancers = recording.of_type("aws:lb/loadBalancer:LoadBalancer")
    addresses = number.addresses
    public = sum(len(each.inputs["subnets"]) for each in balancers if not each.inputs.get("internal"))
    if addresses or public:
        parts = [f"{addresses} for NAT"] * bool(addresses) + [f"{public} for the ALB"] * bool(public)
        price = (addresses + public) * PRICES["publicIpv4"]
        yield Billed("public IPv4 address", ", ".join(parts), "hour", price)
    if balancers:
        price = len(balancers) * PRICES["loadBalancer"]
        yield Billed("Application Load Balancer", str(len(balancers)), "hour, and load", price)


def _rest(recording: Recording) -> Iterator[Billed]:
    logged = [log for cluster in recording.of_type("eks:index:Cluster") for log in _logs(cluster)]
    if logged:
        yield Billed("CloudWatch Logs", _counted(len(logged), "log"), "GiB")
    attachments = recording.of_type("aws:ec2transitgateway/vpcAttachment:VpcAttachment")
    if attachments:
        yield Billed("transit gateway attachment", str(len(attachments)), "hour, and GiB through it")
    crossing = ["zones"]
    if recording.of_type("aws:ec2/vpcPeeringConnection:VpcPeeringConnection"):
        crossing.append("the peering")
    yield Billed("traffic across", ", ".join(crossing), "GiB")


def _logs(cluster: Resource) -> list[str]:
    return cluster.inputs.get("enabledClusterLogTypes") or []


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
