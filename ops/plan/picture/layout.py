"""Where everything goes, in px on a page 1,200 wide: the internet on top, the two VPCs side by side, pods below.

Between the VPCs stands the peering. Every line keeps to the channels between boxes:

    EKS VPC  x   24..604   things   54..584   a free channel left of them for the way out
    peering      646..710
    on-prem      752..1176 things  792..1136  a free channel right of them for the way out
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ops.plan.picture.legend import API, APP, OUT, OVERLAY, entries
from ops.plan.picture.scene import Scene, SubnetView, VpcView
from ops.plan.picture.shapes import (
    FAINT,
    INK,
    Arrow,
    Badge,
    Box,
    Caption,
    Line,
    Picture,
    Point,
    fitted,
    text_width,
)

WIDTH = 1200
_LEFT, _RIGHT = (24, 580), (752, 424)  # x and width of the VPCs
_TOP, _PUBLIC, _PRIVATE = 166, 232, 360  # y of the VPCs, and of their rows of subnets
_NODES, _NODES_LEAST = 478, 64  # y of the node group, and the least height of it
_HYBRID, _ROW = 392, 66  # y of the hybrid nodes, and the height of a row of them
_SUBNET_GAP, _SMALLEST = 10, 10
_WHITE, _RED = "#ffffff", "#c81e1e"


@dataclass(frozen=True, kw_only=True)
class _Canvas:
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    captions: list[Caption] = field(default_factory=list)
    badges: list[Badge] = field(default_factory=list)

    def box(self, box: Box) -> Box:
        """Put a box on the page."""
        self.boxes.append(box)
        return box

    def arrow(
        self, color: str, *points: Point, badge: str = "", at: Point = (0, 0), both: bool = False
    ) -> None:
        """Put an arrow on the page, with the numbers of its flows."""
        self.arrows.append(Arrow(points=points, color=color, both=both, dashed=color == OVERLAY))
        if badge:
            self.badges.append(Badge(at=at, text=badge, color=color))


def lay_out(scene: Scene, closed: frozenset[str] = frozenset(), ubuntu: bool = True) -> Picture:
    """Place a scene. `closed` has the numbers of flows that the proof found closed."""
    canvas = _Canvas()
    title = f"{scene.cluster}: one cluster on two networks"
    canvas.captions.append(Caption(x=24, y=36, line=_line(title, 20, 1152, name=True)))
    detail = f"Stack {scene.stack} in {scene.region}, drawn from the program by ops plan --picture"
    canvas.captions.append(Caption(x=24, y=57, line=Line(text=detail, size=12, color=FAINT)))
    rows = (len(scene.hybrid) + 1) // 2
    bottom = max(_NODES + _NODES_LEAST, _HYBRID + 36 + _ROW * rows)
    _internet(canvas, scene)
    _vpc(canvas, scene.vpc, _LEFT, "EKS VPC", ("#fff8ec", "#d9a441"), bottom, pad=110)
    _vpc(canvas, scene.on_prem, _RIGHT, '"On-premises" VPC', ("#eef7f1", "#5b9a74"), bottom, pad=10)
    _eks_side(canvas, scene, bottom)
    _on_prem_side(canvas, scene, bottom, ubuntu=ubuntu)
    _peering(canvas, bottom)
    below = _overlay(canvas, scene, bottom)
    height = _legend(canvas, scene, below, closed, ubuntu=ubuntu)
    return Picture(
        title=title,
        width=WIDTH,
        height=round(height),
        boxes=tuple(canvas.boxes),
        arrows=tuple(canvas.arrows),
        captions=tuple(canvas.captions),
        badges=tuple(_marked(badge, closed) for badge in canvas.badges),
    )


def _marked(badge: Badge, closed: frozenset[str]) -> Badge:
    """A badge in red when one of its flows is closed."""
    return replace(badge, color=_RED) if closed.intersection(badge.text.split()) else badge


def _thing(
    x: float, y: float, width: float, height: float, *texts: str, fill: str = _WHITE, stroke: str = "#7b8794"
) -> Box:
    """A box whose first line is its name."""
    lines = [
        _line(text, 12 if number else 13, width - 12, name=not number) for number, text in enumerate(texts)
    ]
    return Box(x=x, y=y, width=width, height=height, fill=fill, stroke=stroke, lines=tuple(lines))


def _line(text: str, size: int, width: float, *, name: bool) -> Line:
    """A line that fits: smaller where it must be, and shortened where that is not enough."""
    while size > _SMALLEST and text_width(text, size, bold=name) > width:
        size -= 1
    return Line(text=fitted(text, size, width, bold=name), size=size, bold=name, color=INK if name else FAINT)


def _internet(canvas: _Canvas, scene: Scene) -> None:
    strip = Box(
        x=24,
        y=72,
        width=1152,
        height=72,
        fill="#f5f7fa",
        stroke="#9aa5b1",
        area=True,
        lines=(Line(text="Internet", bold=True),),
    )
    canvas.box(strip)
    canvas.box(_thing(110, 84, 250, 48, "Kubernetes API endpoint, 443", f"open to {scene.api_clients}"))
    canvas.box(_thing(390, 84, 194, 48, "Clients", f"from {scene.alb_clients}"))
    canvas.box(
        _thing(792, 84, 344, 48, "AWS APIs and registries", "SSM, ECR, quay.io, Docker Hub, OS packages")
    )


def _vpc(
    canvas: _Canvas,
    vpc: VpcView,
    place: tuple[int, int],
    role: str,
    colors: tuple[str, str],
    bottom: float,
    *,
    pad: int,
) -> None:
    x, width = place
    fill, stroke = colors
    name = Line(text=fitted(f"{role}  {vpc.cidr}", 14, 310, bold=True), size=14, bold=True)
    canvas.box(
        Box(
            x=x,
            y=_TOP,
            width=width,
            height=bottom + 40 - _TOP,
            fill=fill,
            stroke=stroke,
            area=True,
            pad=pad,
            lines=(name,),
        )
    )
    rows = [("public", _PUBLIC, 110, vpc.public), ("private", _PRIVATE, bottom + 26 - _PRIVATE, vpc.private)]
    for kind, y, height, subnets in rows:
        _subnets(canvas, kind, subnets, (x + 20, width - 40), y, height, stroke)


def _subnets(
    canvas: _Canvas,
    kind: str,
    subnets: Sequence[SubnetView],
    place: tuple[float, float],
    y: float,
    height: float,
    stroke: str,
) -> None:
    x, width = place
    each = _subnet_width(len(subnets), width)
    for number, subnet in enumerate(subnets):
        full = f"{kind} {subnet.cidr}, {subnet.zone}"
        text = full if Line(text=full, size=11).width <= each - 16 else f"{kind} {subnet.cidr}"
        canvas.box(
            Box(
                x=x + number * (each + _SUBNET_GAP),
                y=y,
                width=each,
                height=height,
                fill=_WHITE if kind == "public" else "#fbfcfd",
                stroke=stroke,
                area=True,
                low=True,
                dashed=True,
                pad=8,
                lines=(Line(text=fitted(text, 11, each - 16), size=11, color=FAINT),),
            )
        )


def _subnet_width(count: int, width: float) -> float:
    return (width - _SUBNET_GAP * (count - 1)) / max(1, count)


def _eks_side(canvas: _Canvas, scene: Scene, bottom: float) -> None:
    gateway = canvas.box(_thing(54, 194, 530, 24, "internet gateway"))
    nat = canvas.box(_thing(54, 250, 130, 60, "NAT gateway", "1 Elastic IP"))
    first, second = scene.weights
    balancer = canvas.box(
        _thing(
            204,
            250,
            380,
            60,
            f"Application load balancer, {scene.listener}",
            f"target groups managed and hybrid ({first}:{second}), port {scene.node_port}",
        )
    )
    control = canvas.box(
        _thing(
            150,
            392,
            434,
            44,
            f"Control plane {scene.cluster}, Kubernetes {scene.kubernetes}",
            "its network interfaces in the private subnets",
            fill="#e8f0fe",
            stroke="#3b6fc4",
        )
    )
    group = canvas.box(
        _thing(54, _NODES, 530, bottom - _NODES, "Managed node group", scene.managed, fill="#fff3d6")
    )
    x = 480
    canvas.arrow(APP, (x, 132), (x, gateway.y))
    canvas.arrow(APP, (x, gateway.bottom), (x, balancer.y), badge="13", at=(x, 154))
    # Down between the first two subnets, where no subnet's name is in the way.
    gap = _LEFT[0] + 20 + _subnet_width(len(scene.vpc.public), _LEFT[1] - 40) + _SUBNET_GAP / 2
    canvas.arrow(
        APP, (gap, balancer.bottom), (gap, 351), (102, 351), (102, group.y), badge="10", at=(102, 414)
    )
    canvas.arrow(
        OUT, (group.x, group.y + 31), (34, group.y + 31), (34, 280), (nat.x, 280), badge="3", at=(34, 414)
    )
    canvas.arrow(OUT, (nat.middle, nat.y), (nat.middle, gateway.bottom))
    canvas.arrow(OUT, (nat.middle, gateway.y), (nat.middle, 144))
    canvas.arrow(API, (300, group.y), (300, control.bottom), badge="2", at=(300, 458))
    canvas.arrow(API, (420, control.bottom), (420, group.y), badge="5", at=(420, 458))


def _on_prem_side(canvas: _Canvas, scene: Scene, bottom: float, *, ubuntu: bool) -> None:
    gateway = canvas.box(_thing(792, 194, 344, 24, "internet gateway"))
    nat = canvas.box(_thing(956, 250, 180, 60, "NAT gateway", "1 Elastic IP"))
    group = canvas.box(
        Box(
            x=792,
            y=_HYBRID,
            width=344,
            height=bottom - _HYBRID,
            fill="#dff1e6",
            stroke="#5b9a74",
            area=True,
            lines=(Line(text="Hybrid nodes (EC2, joined by nodeadm)", bold=True),),
        )
    )
    each = 158
    for number, node in enumerate(scene.hybrid):
        x, y = 802 + (number % 2) * (each + 8), _HYBRID + 30 + (number // 2) * _ROW
        canvas.box(_thing(x, y, each, 60, node.title, *node.details))
    canvas.arrow(
        OUT, (group.right, 440), (1166, 440), (1166, 280), (nat.right, 280), badge="3", at=(1166, 358)
    )
    if ubuntu:
        canvas.badges.append(Badge(at=(1166, 384), text="14", color=OUT))
    canvas.arrow(OUT, (1090, nat.y), (1090, gateway.bottom))
    canvas.arrow(OUT, (1090, gateway.y), (1090, 144))


def _peering(canvas: _Canvas, bottom: float) -> None:
    box = canvas.box(_thing(646, 250, 64, bottom - 250, "VPC", "peering", fill="#f0ecfa", stroke="#7a5cc0"))
    left, right = 584, 792  # where things end and begin
    canvas.arrow(APP, (left, 280), (box.x, 280), badge="11", at=(615, 280))
    canvas.arrow(APP, (box.right, 456), (right, 456), badge="11", at=(751, 456))
    # Both sides of a flow have the same number and, where there is room, the same height.
    for x, start, end in ((615, left, box.x), (751, box.right, right)):
        canvas.arrow(API, (end, 402), (start, 402), badge="1", at=(x, 402))
        canvas.arrow(API, (start, 426), (end, 426), badge="4", at=(x, 426))
        canvas.arrow(OVERLAY, (start, 494), (end, 494), both=True, badge="7 8", at=(x, 494))
        canvas.arrow(APP, (start, 524), (end, 524), both=True, badge="12", at=(x, 524))


def _overlay(canvas: _Canvas, scene: Scene, bottom: float) -> float:
    y = bottom + 76
    band = canvas.box(
        Box(
            x=24,
            y=y,
            width=1152,
            height=92,
            fill="#f6f0fb",
            stroke=OVERLAY,
            dashed=True,
            area=True,
            lines=(
                Line(
                    text=f"Calico VXLAN overlay: pods {scene.pod_cidr}, services {scene.service_cidr}",
                    size=14,
                    bold=True,
                ),
            ),
        )
    )
    for x, width, pods in ((54, 530, scene.managed_pods), (792, 344, scene.hybrid_pods)):
        each = (width - 8 * (len(pods) - 1)) / max(1, len(pods))
        for number, (name, detail) in enumerate(pods.items()):
            canvas.box(_thing(x + number * (each + 8), y + 34, each, 46, name, detail))
    canvas.arrow(OVERLAY, (566, bottom), (566, band.y), both=True, badge="6", at=(566, bottom + 57))
    canvas.arrow(OVERLAY, (1090, bottom), (1090, band.y), both=True, badge="9", at=(1090, bottom + 57))
    return band.bottom


def _legend(canvas: _Canvas, scene: Scene, below: float, closed: frozenset[str], *, ubuntu: bool) -> float:
    y = below + 30
    columns = entries(scene.node_port, ubuntu=ubuntu)
    for number, (heading, color, rows) in enumerate(columns):
        x = 24 + number * 292
        canvas.captions.append(Caption(x=x, y=y, line=Line(text=heading, size=13, bold=True, color=color)))
        for row, (badge, text) in enumerate(rows, start=1):
            shut = sorted(closed.intersection(badge.split()), key=int)
            width = Badge(at=(0, 0), text=badge, color=color).width
            at = (x + width / 2, y - 4 + 24 * row)
            canvas.badges.append(Badge(at=at, text=badge, color=color))
            words = f"{' '.join(shut)} closed: {text}" if shut else text
            line = Line(text=fitted(words, 12, 274 - width), size=12, color=_RED if shut else INK)
            canvas.captions.append(Caption(x=x + width + 8, y=at[1] + 4, line=line))
    return y + 24 * max(len(rows) for _, _, rows in columns) + 20
