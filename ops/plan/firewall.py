"""What a data centre of one's own must open, from its own point of view: for its network people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra import versions
from ops.plan.evaluation import Plan
from ops.plan.flows.expected import API_ENDPOINT, INTERNET
from ops.program.recorder import Recording

HYBRID = "hybrid nodes"
# https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-networking.html
_AWS_NAMES = (
    "hybrid-assets.eks.amazonaws.com",
    "eks.{region}.amazonaws.com",
    "ssm.{region}.amazonaws.com",
    "ssmmessages.{region}.amazonaws.com",
    "ec2messages.{region}.amazonaws.com",
    "sts.{region}.amazonaws.com",
    "*.dkr.ecr.{region}.amazonaws.com",
    "api.ecr.{region}.amazonaws.com",
    "*.s3.{region}.amazonaws.com",
    "amazon-ssm-{region}.s3.{region}.amazonaws.com",
)
# Of each registry, the hosts that it asks and those that it redirects to for the layers.
# https://github.com/kubernetes/registry.k8s.io/blob/main/docs/debugging.md
_REGISTRY_NAMES = {
    "quay.io": ("quay.io", "*.quay.io"),
    "ghcr.io": ("ghcr.io", "pkg-containers.githubusercontent.com"),
    "docker.io": ("registry-1.docker.io", "auth.docker.io", "production.cloudflare.docker.com"),
    "registry.k8s.io": (
        "registry.k8s.io",
        "*.pkg.dev",
        "prod-registry-k8s-io-*.s3.dualstack.*.amazonaws.com",
    ),
}
_CALICO_REGISTRY = "quay.io"


def registries() -> list[str]:
    """The registries of what runs on hybrid nodes: Calico's, and those of the images in `infra.versions`."""
    images = (image for name, image in vars(versions).items() if name.endswith("_IMAGE"))
    return list(dict.fromkeys([_CALICO_REGISTRY, *(image.partition("/")[0] for image in images)]))


def internet_names(region: str) -> list[str]:
    """The host names on tcp 443 that a hybrid node asks; `*` stands for a part of a name.

    Errors: KeyError where an image is of a registry whose hosts are not known.
    """
    return [
        *(name.format(region=region) for name in _AWS_NAMES),
        *(name for registry in registries() for name in _REGISTRY_NAMES[registry]),
    ]


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One line for a firewall: `direction` as the data centre sees it; both ends as ranges, or as names."""

    direction: str
    protocol: str
    port: int
    data_centre: str
    other_end: str
    who: str
    without_it: str


def openings(plan: Plan) -> list[Opening]:
    """Every line, from the flows that the proof knows. None without a data centre of one's own."""
    checks = plan.recording.stack_outputs["opsOnly"]
    if "onPremVpcId" in checks:
        return []
    return [opening for row in plan.flows.rows for opening in _openings(row.flow, checks, plan.recording)]


def _openings(flow: Any, checks: dict[str, Any], recording: Recording) -> Iterator[Opening]:
    if HYBRID not in (flow.source, flow.target) or not flow.port:
        return
    outbound = flow.source == HYBRID
    other = flow.target if outbound else flow.source
    for here in checks["remoteNodeNetworks"]:
        for there in _ranges(other, flow.port, checks, recording):
            yield Opening(
                direction="inside" if other == HYBRID else "out" if outbound else "in",
                protocol=flow.protocol,
                port=flow.port,
                data_centre=here,
                other_end=there,
                who=other,
                without_it=flow.breaks,
            )


def _ranges(other: str, port: int, checks: dict[str, Any], recording: Recording) -> list[str]:
    if other == HYBRID:
        return list(checks["remoteNodeNetworks"])
    if other == API_ENDPOINT:
        return [f"the cluster's API endpoint (*.eks.{checks['region']}.amazonaws.com)"]
    if other == INTERNET:
        return internet_names(checks["region"]) if port == 443 else ["the package mirrors of Ubuntu"]
    # Managed nodes and the control plane's interfaces share the private subnets; the ALB is in the public ones.
    kind = "public" if other == "ALB" else "private"
    return [
        subnet.inputs["cidrBlock"]
        for subnet in recording.of_type("aws:ec2/subnet:Subnet")
        if f"-{kind}-" in subnet.name
    ]


def to_csv(plan: Plan) -> str:
    """The lines as CSV, with a head.

    Errors: ValueError where a VPC of the stack plays the data centre: its firewall is the program's.
    """
    rows = openings(plan)
    if not rows:
        raise ValueError(
            "a VPC of this stack plays the data centre, and the program opens what it needs. "
            "For your own, see docs/data-centre.md, e.g. pulumi config set --path 'site.nodeCidrs[0]' 10.80.0.0/16"
        )
    names = [field.name for field in fields(Opening)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)
    return out.getvalue()


def render(plan: Plan) -> RenderableType | None:
    """The lines for a terminal; those to names on the internet in one."""
    rows = openings(plan)
    if not rows:
        return None
    table = Table(box=None, pad_edge=False)
    for column in ("", "port", "other end", "address", "without it"):
        table.add_column(column, overflow="fold")
    shown: dict[tuple[str, str, str, str], list[str]] = {}
    for row in rows:
        key = (row.direction, f"{row.protocol} {row.port}", row.who, row.without_it)
        shown.setdefault(key, [])
        if row.other_end not in shown[key]:
            shown[key].append(row.other_end)
    for (direction, port, who, breaks), ends in shown.items():
        table.add_row(direction, port, who, "\n".join(ends), breaks)
    ranges = ", ".join(dict.fromkeys(row.data_centre for row in rows))
    return Group(
        Text(f"What the data centre ({ranges}) must open, as it sees it", style="bold"),
        table,
        Text("As a list for its firewall: ops plan --firewall FILE.csv", style="dim"),
    )
