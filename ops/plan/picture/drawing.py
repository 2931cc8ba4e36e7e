"""Fills the holes of stack.svg, which is the drawing. What a stack may have more or less of is drawn here.

A page is 1,200 px wide: the internet on top, the two VPCs side by side and the peering between them, pods below.
Rows of hybrid nodes make the page longer: `{tall[416]}` is 416 px and what they add, `{half[510]}` half of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from ops.plan.describe import on_hybrid_nodes
from ops.plan.flows.extract import facts_of
from ops.plan.flows.facts import Facts, Subnet
from ops.plan.flows.proof import FlowReport
from ops.plan.picture.words import Words, text_width
from ops.program.recorder import Recording

# Above this many, nodes that are alike share one box.
NODES_SHOWN = 5

_NODE = """<g transform="translate({x} {y})"><rect width="158" height="60"/>\
<text x="79" y="18" class="name">{name:13 bold 146}</text><text x="79" y="35">{os:12 146}</text>\
<text x="79" y="52">{kind:12 146}</text></g>
"""
_POD = """<g transform="translate({x:g} 652)"><rect width="{width:g}" height="46"/>\
<text x="{middle:g}" y="19.5" class="name">{name}</text>\
<text x="{middle:g}" y="36.5">{detail}</text></g>
"""
_SUBNET = """<g transform="translate({x:g} {y})">\
<rect width="{width:g}" height="{height}" class="subnet dashed" style="fill: {fill}; stroke: {stroke}"/>\
<text x="8" y="{base}" class="small">{text}</text></g>
"""


class _Plus:
    """`{tall[416]}`: 416 and what the rows of hybrid nodes add."""

    def __init__(self, more: float) -> None:
        self._more = more

    def __getitem__(self, number: int) -> str:
        return f"{number + self._more:g}"


class _Closed(frozenset[str]):
    """`{closed[7 8]}`: the words before a line of the legend when some of its flows are closed."""

    def __getitem__(self, numbers: str | int) -> str:
        shut = [number for number in str(numbers).split() if number in self]
        return f"{' '.join(shut)} closed: " if shut else ""


def write(
    recording: Recording, report: FlowReport, path: Path, *, concealed: Callable[[str], str] = str
) -> None:
    """Draw to a file. `concealed` takes secrets out of the text of the picture.

    Errors: ValueError for a suffix other than .svg, OSError when the file cannot be written.
    """
    if path.suffix != ".svg":
        raise ValueError(f"--picture {path}: a picture is an SVG, its name ends in .svg: --picture stack.svg")
    path.write_text(concealed(draw(recording, report)), encoding="utf-8")


def draw(recording: Recording, report: FlowReport) -> str:
    """The picture of a recorded plan as an SVG document. The same plan gives the same text.

    Errors: LookupError when the plan lacks what every stack has (two VPCs, a cluster, a load balancer).
    """
    facts, nodes = facts_of(recording, _own_ranges(recording)), _hybrid_nodes(recording)
    more = max(0, (len(nodes) + 1) // 2 * 66 - 114)
    # A data centre of one's own has no VPC, and its subnets are nobody's business here.
    checks = recording.stack_outputs["opsOnly"]
    rows = [_rows_of_subnets(facts, checks.get(key, "")) for key in ("vpcId", "onPremVpcId")]
    closed = _Closed(row.flow.number.rstrip("abcd") for row in report.missing)
    drawn = {
        "tall": _Plus(more),
        "half": _Plus(more / 2),
        "eks_subnets": _subnets(recording, rows[0], 44, 540, "#d9a441", more),
        "on_prem_subnets": _subnets(recording, rows[1], 772, 384, "#5b9a74", more),
        "nodes": "".join(_node(number, *texts) for number, texts in enumerate(nodes)),
        "pods": _pods(recording),
        # Down between the first two subnets, where no subnet's name is in the way.
        "gap": 49 + _width_of_one(len(rows[0][0]), 540),
        "closed": closed,
        "closed_style": "".join(
            f".n{number} rect {{ stroke: #c81e1e }} .n{number} text {{ fill: #c81e1e }}\n"
            for number in sorted(closed)
        ),
    }
    texts = {key: Words(text) for key, text in _texts(recording, facts, report).items()}
    template = (Path(__file__).parent / "stack.svg").read_text(encoding="utf-8")
    if not any(row.flow.number == "14" for row in report.rows):
        template = "".join(line for line in template.splitlines(keepends=True) if ' n14"' not in line)
    return template.format_map({**texts, **drawn})


def _texts(recording: Recording, facts: Facts, report: FlowReport) -> dict[str, str]:
    checks = recording.stack_outputs["opsOnly"]
    cluster = recording.one("eks:index:Cluster").inputs
    # Of two, the one on the lower port redirects to the other.
    ports = {r.inputs["port"]: r.inputs for r in recording.of_type("aws:lb/listener:Listener")}
    *redirects, listener = (ports[port] for port in sorted(ports))
    weight = {one["arn"]: one["weight"] for one in listener["defaultActions"][0]["forward"]["targetGroups"]}
    alb = next((i.groups for i in facts.interfaces if i.kind == "ALB"), frozenset())
    clients = [str(r.peer) for r in facts.rules if r.direction == "in" and r.group in alb]
    return {
        "title": f"{cluster['name']}: one cluster on two networks",
        "where": f"Stack {recording.stack} in {checks['region']}, drawn from the program by ops plan --picture",
        "api_clients": _some(cluster.get("publicAccessCidrs") or ["0.0.0.0/0"]),
        "alb_clients": _some(clients),
        "vpc": checks["vpcCidr"],
        **_site(recording),
        "listener": f"{listener['protocol']} {listener['port']}",
        "listener_ports": f"{listener['port']}" + "".join(f" ({one['port']} redirects)" for one in redirects),
        "weights": ":".join(str(weight[checks["targetGroups"][side]]) for side in ("managed", "hybrid")),
        "node_port": str(checks["nodePort"]),
        "node_calls": _node_calls(report),
        "control_plane": f"Control plane {cluster['name']}, Kubernetes {cluster['version']}",
        "managed": _managed(recording.one("aws:eks/nodeGroup:NodeGroup").inputs),
        "pod_cidr": checks["podCidr"],
        "service_cidr": checks["serviceCidr"],
    }


def _node_calls(report: FlowReport) -> str:
    """What the control plane calls nodes for: kubelets, and the webhooks of the user's, if there are any."""
    ports = sorted({row.flow.port for row in report.rows if row.flow.number == "5b"})
    return (
        f"logs, exec, webhooks, tcp 10250 {' '.join(map(str, ports))}"
        if ports
        else "logs and exec, tcp 10250"
    )


def _own_ranges(recording: Recording) -> list[IPv4Network]:
    """The ranges of a data centre of one's own; none where a VPC of the stack plays it."""
    checks = recording.stack_outputs["opsOnly"]
    return [] if "onPremVpcId" in checks else [IPv4Network(cidr) for cidr in checks["remoteNodeNetworks"]]


def _site(recording: Recording) -> dict[str, str]:
    """What stands on the side of the hybrid nodes, and between the two sides."""
    checks = recording.stack_outputs["opsOnly"]
    if "onPremVpcId" in checks:
        return {
            "site": f'"On-premises" VPC {checks["onPremVpcCidr"]}',
            "site_door": "internet gateway",
            "site_nat": "NAT gateway",
            "site_nat_address": "1 Elastic IP",
            "site_nodes": "Hybrid nodes (EC2, joined by nodeadm)",
            "link": "VPC",
            "link_kind": "peering",
        }
    transit, vpn = checks["transitGatewayId"], checks["vpnGatewayId"]
    return {
        "site": f"Your data centre {_some(checks['remoteNodeNetworks'])}",
        "site_door": "its own way to the internet",
        "site_nat": "NAT or proxy",
        "site_nat_address": "of its own",
        "site_nodes": "Your machines (joined by ops join)",
        "link": "transit" if transit else "VPN" if vpn else "your",
        "link_kind": "gateway" if transit or vpn else "routes",
    }


def _some(cidrs: list[str]) -> str:
    return cidrs[0] if len(cidrs) == 1 else f"{cidrs[0]} +{len(cidrs) - 1}"


def _managed(group: Mapping[str, Any]) -> str:
    scaling = group["scalingConfig"]
    spot = ", spot" if group["capacityType"] == "SPOT" else ""
    architecture = "arm64" if "ARM" in group["amiType"] else "amd64"
    sizes = f"{scaling['desiredSize']} nodes ({scaling['minSize']} to {scaling['maxSize']})"
    return f"{sizes}, {', '.join(group['instanceTypes'])}, AL2023 {architecture}{spot}"


def _rows_of_subnets(facts: Facts, vpc: str) -> tuple[list[Subnet], list[Subnet]]:
    """The public and the private subnets of a VPC, in the order of their addresses."""
    doors = {gateway.id for gateway in facts.internet_gateways}

    def is_public(subnet: Subnet) -> bool:
        association = facts.association_of.get(subnet.id)
        return any(
            r.via in doors for r in (facts.routes_of.get(association.table, ()) if association else ())
        )

    subnets = sorted((one for one in facts.subnets if one.vpc == vpc), key=lambda one: one.cidr)
    return [one for one in subnets if is_public(one)], [one for one in subnets if not is_public(one)]


def _width_of_one(count: int, width: float) -> float:
    return (width - 10 * (count - 1)) / max(1, count)


def _subnets(
    recording: Recording, rows: tuple[list[Subnet], list[Subnet]], x: int, width: int, stroke: str, more: int
) -> str:
    zones = {r.id: r.inputs["availabilityZone"] for r in recording.of_type("aws:ec2/subnet:Subnet")}
    found = ""
    for subnets, kind, y, height in ((rows[0], "public", 232, 110), (rows[1], "private", 360, 208 + more)):
        each = _width_of_one(len(subnets), width)
        for number, subnet in enumerate(subnets):
            text = f"{kind} {subnet.cidr}, {zones[subnet.id]}"
            if text_width(text, 11) > each - 16:
                text = f"{kind} {subnet.cidr}"
            found += _SUBNET.format(
                x=x + number * (each + 10),
                y=y,
                width=each,
                height=height,
                base=height - 6,
                fill="#ffffff" if kind == "public" else "#fbfcfd",
                stroke=stroke,
                text=Words(text),
            )
    return found


def _hybrid_nodes(recording: Recording) -> list[tuple[str, str, str]]:
    """The boxes for hybrid nodes: name, operating system and instance type; alike ones in one box if many."""
    alike: dict[tuple[str, str], list[str]] = {}
    for instance in recording.of_type("aws:ec2/instance:Instance"):
        owner = recording.resources[instance.parent]
        alike.setdefault((owner.inputs["os"], instance.inputs["instanceType"]), []).append(owner.name)
    addresses = {node["name"]: node["privateIp"] for node in recording.stack_outputs["hybridNodes"]}
    for machine in recording.of_type("ekshybrid:own_machine:OwnMachine"):
        alike.setdefault((machine.inputs["os"], addresses[machine.name]), []).append(machine.name)
    if sum(map(len, alike.values())) <= NODES_SHOWN:
        return sorted((name, *details) for details, names in alike.items() for name in names)
    kinds = sorted(alike.items(), key=lambda item: (-len(item[1]), item[0]))
    shown = kinds if len(kinds) <= NODES_SHOWN else kinds[: NODES_SHOWN - 1]
    boxes = [(f"{len(names)} nodes" if len(names) > 1 else names[0], *details) for details, names in shown]
    rest = sum(len(names) for _, names in kinds[len(shown) :])
    return [*boxes, (f"{rest} nodes", "of other kinds", "")] if rest else boxes


def _node(number: int, name: str, os: str, kind: str) -> str:
    x, y = 802 + number % 2 * 166, 422 + number // 2 * 66
    return _NODE.format(x=x, y=y, name=Words(name), os=Words(os), kind=Words(kind))


def _pods(recording: Recording) -> str:
    """What runs on which side: add-ons and Deployments."""
    sides: dict[bool, list[tuple[str, str]]] = {False: [], True: []}
    sides[False] += [(r.inputs["addonName"], "EKS add-on") for r in recording.of_type("aws:eks/addon:Addon")]
    for one in sorted(recording.of_type("kubernetes:apps/v1:Deployment"), key=lambda one: one.name):
        if one.inputs["spec"]["template"]["metadata"]["labels"].get("nw-check") == "closed":
            continue  # Serves nobody but a check, and there is no room for a box of its own.
        count = one.inputs["spec"]["replicas"]
        sides[on_hybrid_nodes(one)].append((one.name, f"{count} pod" if count == 1 else f"{count} pods"))
    found = ""
    for pods, left, room in ((sides[False], 54, 530), (sides[True], 792, 344)):
        each = (room - 8 * (len(pods) - 1)) / max(1, len(pods))
        for number, (name, detail) in enumerate(pods):
            x = left + number * (each + 8)
            text = f"{Words(name):13 bold {each - 8:g}}"
            found += _POD.format(x=x, width=each, middle=each / 2, name=text, detail=Words(detail))
    return found
