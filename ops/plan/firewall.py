"""What a data centre of one's own must open, from its own point of view: for its network people."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra.systems import SYSTEMS
from k8s.images import images
from ops.plan.describe import on_hybrid_nodes, subnets_of
from ops.plan.evaluation import Plan
from ops.plan.flows.expected import API_ENDPOINT, INTERNET, Flow
from ops.plan.picture import DEPLOYMENT
from ops.program.counts import add_ons
from ops.program.recorder import Recording

HYBRID = "hybrid nodes"
_HOSTS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
# Of Calico's own objects, where its manifest could not be had.
_CALICO_IMAGE = "quay.io/calico/node"


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One line for a firewall: who begins and whom it asks, each a range or a host; `direction` and the rest are words.

    `direction` is as the data centre sees it. In a host `*` stands for a part of a name.
    """

    direction: str
    source: str
    destination: str
    protocol: str
    port: int
    who: str
    without_it: str


def openings(plan: Plan) -> list[Opening]:
    """Every line, from the flows that the proof knows; no rule twice. None without a data centre of one's own."""
    checks = plan.recording.stack_outputs["opsOnly"]
    if "onPremVpcId" in checks:
        return []
    rows: dict[tuple[str, str, str, int], list[Opening]] = {}
    for opening in (
        *chain.from_iterable(_openings(row.flow, checks, plan.recording) for row in plan.flows.rows),
        *_to_the_proxy(checks, plan.recording),
    ):
        rule = (opening.source, opening.destination, opening.protocol, opening.port)
        rows.setdefault(rule, []).append(opening)
    return [_merged(same) for same in rows.values()]


def _merged(same: list[Opening]) -> Opening:
    """One line for what several flows need: the control plane and the managed nodes share their subnets."""
    return replace(
        same[0],
        who=", ".join(dict.fromkeys(opening.who for opening in same)),
        without_it="; ".join(dict.fromkeys(opening.without_it for opening in same)),
    )


def _openings(flow: Flow, checks: Mapping[str, Any], recording: Recording) -> Iterator[Opening]:
    if HYBRID not in (flow.source, flow.target) or not flow.port:
        return
    outbound = flow.source == HYBRID
    other = flow.target if outbound else flow.source
    for here in checks["remoteNodeNetworks"]:
        for there, breaks in _ends(other, flow, checks, recording):
            yield Opening(
                direction="inside" if other == HYBRID else "out" if outbound else "in",
                source=here if outbound else there,
                destination=there if outbound else here,
                protocol=flow.protocol,
                port=flow.port,
                who=other,
                without_it=breaks,
            )


def _to_the_proxy(checks: Mapping[str, Any], recording: Recording) -> Iterator[Opening]:
    proxies = {join["config"]["proxy"]["url"] for join in _joins(recording) if join["config"]["proxy"]}
    for url in sorted(proxies):
        proxy = urlsplit(url)
        for here in checks["remoteNodeNetworks"]:
            yield Opening(
                direction="inside",
                source=here,
                destination=str(proxy.hostname),
                protocol="tcp",
                port=proxy.port or 80,
                who="site.httpsProxy",
                without_it="no machine joins: what they ask on the internet goes through the proxy",
            )


def _ends(
    other: str, flow: Flow, checks: Mapping[str, Any], recording: Recording
) -> Iterable[tuple[str, str]]:
    """Each range or host at the other end, with what fails without it."""
    if other == INTERNET:
        return internet_hosts(recording, flow.port)
    if other == HYBRID:
        return [(cidr, flow.breaks) for cidr in checks["remoteNodeNetworks"]]
    if other == API_ENDPOINT:
        # ID.gr7.REGION.eks.amazonaws.com: its name is known once the cluster is there (output apiEndpoint).
        return [("*.{region}.eks.{suffix}".format(**_place(checks)), flow.breaks)]
    # Managed nodes and the control plane's interfaces share the private subnets; the ALB is in the public ones.
    kind = "public" if other == "ALB" else "private"
    return [(subnet["cidrBlock"], flow.breaks) for subnet in subnets_of(recording, "vpcId", kind)]


def _place(checks: Mapping[str, Any]) -> dict[str, str]:
    china = checks["partition"] == "aws-cn"
    return {
        "region": checks["region"],
        "suffix": "amazonaws.com.cn" if china else "amazonaws.com",
        "dual_stack": "api.amazonwebservices.com.cn" if china else "api.aws",
    }


def internet_hosts(recording: Recording, port: int) -> list[tuple[str, str]]:
    """The hosts that the hybrid nodes of a stack ask on a port, each with what fails without it."""
    hosts = {}
    for system in sorted({SYSTEMS[join["config"]["os"]].packages for join in _joins(recording)}):
        hosts |= _HOSTS["systems"][system].get(port, {})
    if port == 443:
        addons = add_ons(recording)
        hosts |= _HOSTS["aws"]
        for addon, its_hosts in _HOSTS["addons"].items():
            hosts |= its_hosts if addon in addons else {}
        for registry, pulled in _images(recording).items():
            # A registry that the table does not know, such as one of one's own, redirects to nobody.
            hosts |= dict.fromkeys(
                _HOSTS["registries"].get(registry, [registry]), f"not pulled: {', '.join(pulled)}"
            )
    place = _place(recording.stack_outputs["opsOnly"])
    return [(host.format(**place), breaks) for host, breaks in hosts.items()]


def _images(recording: Recording) -> dict[str, list[str]]:
    """The images that hybrid nodes run, without their tags, by registry."""
    names = {image.rpartition(":")[0] for pod in _pods(recording) for image in images(pod)}
    if not any(name.endswith("/calico/node") for name in names):
        names.add(_CALICO_IMAGE)
    registries: dict[str, list[str]] = {}
    for image in sorted(names):
        registry, _, name = image.partition("/")
        registries.setdefault(registry, []).append(name)
    return registries


def _pods(recording: Recording) -> Iterator[Mapping[str, Any]]:
    """The pods that may run on hybrid nodes. Calico's are objects of a manifest, which the engine makes one by one."""
    for group in recording.of_type("kubernetes:yaml/v2:ConfigGroup"):
        for manifest in group.inputs.get("objs", ()):
            if "template" in manifest.get("spec", {}):
                yield manifest["spec"]["template"]["spec"]
    for deployment in recording.of_type(DEPLOYMENT):
        if on_hybrid_nodes(deployment):
            yield deployment.inputs["spec"]["template"]["spec"]


def _joins(recording: Recording) -> list[Mapping[str, Any]]:
    return list(recording.stack_outputs.get("joins", {}).values())


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
    """The lines for a terminal; what differs in its addresses only is one of them."""
    rows = openings(plan)
    if not rows:
        return None
    table = Table(box=None, pad_edge=False)
    for column in ("", "port", "other end", "address", "without it"):
        table.add_column(column, overflow="fold")
    shown: dict[tuple[str, str, str, str], list[str]] = {}
    for row in rows:
        end = row.source if row.direction == "in" else row.destination
        ends = shown.setdefault((row.direction, f"{row.protocol} {row.port}", row.who, row.without_it), [])
        if end not in ends:
            ends.append(end)
    for (direction, port, who, breaks), ends in shown.items():
        table.add_row(direction, port, who, "\n".join(ends), breaks)
    ranges = ", ".join(plan.recording.stack_outputs["opsOnly"]["remoteNodeNetworks"])
    return Group(
        Text(f"What the data centre ({ranges}) must open, as it sees it", style="bold"),
        table,
        Text("As a list for its firewall: ops plan --firewall FILE.csv", style="dim"),
    )
