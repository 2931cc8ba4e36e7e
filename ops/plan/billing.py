"""What AWS bills of a plan, by component. No prices: they differ by region and change.

Prices: https://aws.amazon.com/eks/pricing/, /ec2/pricing/on-demand/, /vpc/pricing/, /ebs/pricing/,
/elasticloadbalancing/pricing/, /cloudwatch/pricing/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ops.program.counts import counts
from ops.program.recorder import Recording, Resource


@dataclass(frozen=True)
class Billed:
    """A component, how much of it the plan has, and what it is billed by."""

    component: str
    count: str
    by: str


def billed(recording: Recording) -> list[Billed]:
    """Every component of the plan that AWS bills."""
    return [*_nodes(recording), *_network(recording), *_rest(recording)]


def _nodes(recording: Recording) -> Iterator[Billed]:
    clusters = recording.of_type("eks:index:Cluster")
    if clusters:
        yield Billed("EKS control plane", str(len(clusters)), "hour (extended: 6 times)")
    hybrid = recording.of_type("aws:ssm/activation:Activation")
    if hybrid:
        yield Billed("EKS Hybrid Nodes", _counted(len(hybrid), "node"), "vCPU-hour, until Node goes")
    number = counts(recording)
    machines = Counter({(type_, "hybrid"): count for type_, count in number.hybrid.items()})
    disks = Counter(
        machine.inputs["rootBlockDevice"]["volumeSize"]
        for machine in recording.of_type("aws:ec2/instance:Instance")
    )
    for group in number.groups:
        machines["|".join(group.types), f"managed{' spot' * group.spot}"] += group.desired
        disks[_template_disk(recording)] += group.desired
    for type_ in dict.fromkeys(name for name, _ in machines):
        kinds = ", ".join(f"{count} {kind}" for (name, kind), count in machines.items() if name == type_)
        # Burstable types are "unlimited" by default: above their baseline they go on, for money.
        burst = ", and CPU credits" if type_.startswith("t") else ""
        yield Billed(f"EC2 {type_}", kinds, f"hour{burst}")
    if disks:
        sizes = ", ".join(f"{_counted(count, 'disk')} of {size} GiB" for size, count in sorted(disks.items()))
        yield Billed("EBS gp3", sizes, "GiB-month")


def _template_disk(recording: Recording) -> int:
    (template,) = recording.of_type("aws:ec2/launchTemplate:LaunchTemplate")
    return template.inputs["blockDeviceMappings"][0]["ebs"]["volumeSize"]


def _network(recording: Recording) -> Iterator[Billed]:
    number = counts(recording)
    if number.nat_gateways:
        yield Billed("NAT gateway", str(number.nat_gateways.total()), "hour, and GiB through it")
    balancers = recording.of_type("aws:lb/loadBalancer:LoadBalancer")
    addresses = number.addresses
    public = sum(len(each.inputs["subnets"]) for each in balancers if not each.inputs.get("internal"))
    if addresses or public:
        parts = [f"{addresses} for NAT"] * bool(addresses) + [f"{public} for the ALB"] * bool(public)
        yield Billed("public IPv4 address", ", ".join(parts), "hour")
    if balancers:
        yield Billed("Application Load Balancer", str(len(balancers)), "hour, and load")


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
