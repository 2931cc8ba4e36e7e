"""Fills the holes of picture.svg, which is the drawing: the two sides, what lies between them, and the proven flows."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import yaml

from ops.plan.describe import on_hybrid_nodes, subnets_of
from ops.plan.flows.extract import LINKS
from ops.plan.flows.proof import FlowReport
from ops.program.recorder import Recording, Resource

# There is room for so many boxes of hybrid nodes.
NODES_SHOWN = 6
_SITES = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
Box = tuple[str, ...]
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def draw(recording: Recording, report: FlowReport) -> str:
    """The picture of a recorded plan as an SVG document. The same plan gives the same text.

    Errors: LookupError when the plan lacks what every stack has (a cluster, a node group).
    """
    closed = sorted({row.flow.number.rstrip("abcd") for row in report.missing}, key=int)
    template = Path(__file__).with_suffix(".svg").read_text(encoding="utf-8")
    if not any(row.flow.number == "14" for row in report.rows):
        template = _without(' n14"', template)
    if "nodePort" not in recording.stack_outputs["opsOnly"]:
        template = _without(r'="[^"]*\bapp\b', template)
    public = len(subnets_of(recording, "vpcId", "public"))
    return template.format_map(
        {key: escape(text, {'"': "&quot;"}) for key, text in _texts(recording, report, closed).items()}
        | {
            "closed_style": "".join(
                f".n{n} rect {{ stroke: #c81e1e }} .n{n} text {{ fill: #c81e1e }}\n" for n in closed
            ),
            "eks_subnets": _subnets(recording, "vpcId", 44, 540, "#d9a441"),
            "on_prem_subnets": _subnets(recording, "onPremVpcId", 772, 384, "#5b9a74"),
            # Down between the first two subnets, where no subnet's name is in the way.
            "gap": f"{49 + _width(public, 540, 10):g}",
            "nodes": _boxes(_hybrid_nodes(recording), 802, 422, 324, 60, columns=2),
            "managed_pods": _boxes(_pods(recording, hybrid=False), 54, 736, 530, 46),
            "hybrid_pods": _boxes(_pods(recording, hybrid=True), 792, 736, 344, 46),
        }
    )


def _without(pattern: str, template: str) -> str:
    """Leave out the lines in which the pattern is."""
    return "".join(line for line in template.splitlines(keepends=True) if not re.search(pattern, line))


def _texts(recording: Recording, report: FlowReport, closed: Sequence[str]) -> dict[str, str]:
    checks, cluster = recording.stack_outputs["opsOnly"], recording.one("eks:index:Cluster").inputs
    groups = [r.inputs for r in recording.of_type("aws:eks/nodeGroup:NodeGroup")]
    sizes = {key: sum(g["scalingConfig"][f"{key}Size"] for g in groups) for key in ("desired", "min", "max")}
    architectures = sorted({"arm64" if "ARM" in group["amiType"] else "amd64" for group in groups})
    webhooks = sorted({str(row.flow.port) for row in report.rows if row.flow.number == "5b"})
    gateway = next((name for key, name in LINKS.values() if checks.get(key)), "your")
    words = {"checks": checks, "gateway": gateway, "ranges": _some(checks["remoteNodeNetworks"])}
    words["kind"] = "routes" if gateway == "your" else "gateway"
    site = _SITES["played" if "onPremVpcId" in checks else "own"]
    on_nodes = [r.name for r in recording.of_type(DEPLOYMENT) if _own_network(r)]
    return {
        **{key: text.format(**words) for key, text in site.items()},
        "title": f"{cluster['name']}: one cluster on two networks",
        "where": f"Stack {recording.stack} in {checks['region']}, drawn from the program by ops plan --picture",
        "closed": f"Closed: {', '.join(closed)}" if closed else "",
        "api_clients": _some(cluster.get("publicAccessCidrs") or ["0.0.0.0/0"]),
        "alb_clients": _some([row.clients for row in report.exposed if row.listener == "ALB"]),
        **(_listener_texts(recording) if "nodePort" in checks else {}),
        "node_calls": f"logs, exec{', webhooks' * bool(webhooks)}, tcp {' '.join(['10250', *webhooks])}",
        "control_plane": f"Kubernetes {cluster['version']}, control plane {cluster['name']}",
        "managed": f"{sizes['desired']} nodes ({sizes['min']} to {sizes['max']})"
        f"{f' in {len(groups)} groups' * (len(groups) > 1)}, AL2023 {' and '.join(architectures)}"
        f"{', spot' * any(group['capacityType'] == 'SPOT' for group in groups)}, "
        + ", ".join(dict.fromkeys(type_ for group in groups for type_ in group["instanceTypes"])),
        "host_network": ", ".join(f"{name} on the network of its node" for name in on_nodes),
        **{key: str(checks[key]) for key in ("vpcCidr", "podCidr", "serviceCidr")},
    }


def _listener_texts(recording: Recording) -> dict[str, str]:
    checks = recording.stack_outputs["opsOnly"]
    listeners = {r.inputs["port"]: r.inputs for r in recording.of_type("aws:lb/listener:Listener")}
    # Of two, the one on the lower port redirects to the other.
    *redirects, port = sorted(listeners)
    targets = listeners[port]["defaultActions"][0]["forward"]["targetGroups"]
    weight = {target["arn"]: target["weight"] for target in targets}
    return {
        "listener": f"{listeners[port]['protocol']} {port}",
        "listener_ports": f"{port}" + "".join(f" ({other} redirects)" for other in redirects),
        "weights": ":".join(str(weight[checks["targetGroups"][side]]) for side in ("managed", "hybrid")),
        "nodePort": str(checks["nodePort"]),
    }


def _some(cidrs: Sequence[str]) -> str:
    different = list(dict.fromkeys(cidrs)) or ["nowhere"]
    return different[0] + (f" +{len(different) - 1}" if len(different) > 1 else "")


def _width(count: int, width: float, gap: float) -> float:
    """How wide each of several boxes in a row is."""
    return (width - gap * (count - 1)) / max(1, count)


def _subnets(recording: Recording, vpc: str, x: int, width: int, stroke: str) -> str:
    drawn = ""
    for kind, y, height in (("public", 232, 110), ("private", 360, 292)):
        subnets = subnets_of(recording, vpc, kind)
        each = _width(len(subnets), width, 10)
        for number, subnet in enumerate(subnets):
            zone = f", {subnet['availabilityZone']}" if len(subnets) < 3 else ""
            drawn += (
                f'<g transform="translate({x + number * (each + 10):g} {y})"><rect width="{each:g}" height="{height}" '
                f'class="subnet dashed {kind}" style="stroke: {stroke}"/>'
                f'<text x="8" y="{height - 6}" class="small">{kind} {subnet["cidrBlock"]}{zone}</text></g>\n'
            )
    return drawn


def _boxes(boxes: Sequence[Box], x: float, y: float, width: float, height: float, columns: int = 0) -> str:
    """Boxes in rows, each with its lines; in one row where no number of columns is given."""
    columns = columns or len(boxes)
    drawn, each = "", _width(columns, width, 8)
    for number, lines in enumerate(boxes):
        left, top = x + number % columns * (each + 8), y + number // columns * (height + 6)
        drawn += f'<g transform="translate({left:g} {top:g})"><rect width="{each:g}" height="{height:g}"/>'
        for line, text in enumerate(lines):
            base = height / 2 + 5 + 17 * line - 8.5 * (len(lines) - 1)
            drawn += f'<text x="{each / 2:g}" y="{base:g}" class="line{line}">{escape(text[:17])}</text>'
        drawn += "</g>\n"
    return drawn


def _hybrid_nodes(recording: Recording) -> list[Box]:
    """Name, operating system, and instance type or address of each hybrid node; of many, how many of each kind."""
    kinds = {r.parent: r.inputs["instanceType"] for r in recording.of_type("aws:ec2/instance:Instance")}
    addresses = {node["name"]: node["privateIp"] for node in recording.stack_outputs["hybridNodes"]}
    nodes: list[Box] = [
        (r.name, r.inputs["os"], kinds.get(r.urn) or addresses[r.name])
        for type_ in ("hybrid_nodes:HybridNode", "own_machine:OwnMachine")
        for r in recording.of_type(f"ekshybrid:{type_}")
    ]
    if len(nodes) <= NODES_SHOWN:
        return sorted(nodes)
    alike = Counter(node[1:] for node in nodes).most_common()
    boxes: list[Box] = [(f"{count} nodes", *kind) for kind, count in alike[: NODES_SHOWN - 1]]
    rest = len(nodes) - sum(count for _, count in alike[: NODES_SHOWN - 1])
    return [*boxes, (f"{rest} nodes", "of other kinds")] if rest else boxes


def _pods(recording: Recording, *, hybrid: bool) -> list[Box]:
    """What runs on the pod network of one side."""
    addons = [] if hybrid else recording.of_type("aws:eks/addon:Addon")
    boxes: list[Box] = [(addon.inputs["addonName"], "EKS add-on") for addon in addons]
    for deployment in recording.of_type(DEPLOYMENT):
        spec = deployment.inputs["spec"]
        # The closed pod serves nobody but a check, and there is no room for a box of its own.
        closed = spec["template"]["metadata"]["labels"].get("nw-check") == "closed"
        if not closed and not _own_network(deployment) and on_hybrid_nodes(deployment) is hybrid:
            boxes.append((deployment.name, f"{spec['replicas']} pod{'s' * (spec['replicas'] != 1)}"))
    return sorted(boxes)


def _own_network(deployment: Resource) -> bool:
    """Whether a Deployment's pods use the network of their node, and not the overlay."""
    return bool(deployment.inputs["spec"]["template"]["spec"].get("hostNetwork"))
