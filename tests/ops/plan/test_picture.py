"""Whether a reader can see it all: nothing overlaps, nothing is cut off, no line runs through a box."""

import html
import re
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from ops.plan.flows import Expectations, prove
from ops.plan.picture import draw
from tests.conftest import CERTIFICATE

COMMITTED = Path(__file__).parents[3] / "docs" / "dev.svg"
STACKS = {
    "dev": {},
    "one node": {"hybridNodes": [{"name": "only", "os": "al2023"}]},
    "five nodes in three zones": {
        "availabilityZones": 3,
        "hybridNodes": [{"name": name} for name in ("a", "b", "c", "d", "a-name-as-long-as-they-may-get")],
        "clusterName": "x" * 100,
        "apiAllowedCidrs": [f"203.0.113.{number}/32" for number in range(100, 138)],
        "albAllowedCidrs": ["203.0.113.100/32", "203.0.113.102/32"],
        "managedNodes": {
            "instanceType": "t4g.medium,t4g.large,m7g.large",
            "min": 1,
            "max": 450,
            "spot": True,
        },
    },
    "https": {"albCertificateArn": CERTIFICATE, "albHostName": "app.example.com"},
    "no sample app": {"sampleApp": False},
    "twelve nodes": {
        "hybridNodes": [{"name": f"n{i}", "os": "al2023" if i % 3 else "ubuntu-22.04"} for i in range(12)]
    },
}
# Widths in em of DejaVu Sans, the widest font that a reader without Roboto is likely to get, rounded up by class.
NARROW, WIDE, CAPITALS = set("ijlI'.,:;/|!()[] ftrJ·-"), set("mwMW@%…"), set("ABCDEGHKNOPQRUVX&<>+=#")


def text_width(text: str, size: int, *, bold: bool = False) -> float:
    """An upper estimate of a text's width in px, whatever sans-serif font draws it."""
    em = sum(0.4 if c in NARROW else 1.0 if c in WIDE else 0.79 if c in CAPITALS else 0.64 for c in text)
    return em * size * (1.08 if bold else 1.0)


CLOSED = {"1", "4", "7", "8", "11", "12"}


@dataclass(frozen=True)
class Shape:
    """A rectangle on the page: of a box, a text, a badge, or one straight part of an arrow."""

    left: float
    top: float
    right: float
    bottom: float
    what: str = ""
    kind: str = ""
    arrow: int = -1

    def overlaps(self, other: "Shape", margin: float = 0.5) -> bool:
        return (
            self.left + margin < other.right
            and other.left + margin < self.right
            and self.top + margin < other.bottom
            and other.top + margin < self.bottom
        )


class Page:
    """The shapes of an SVG document, read back from its text."""

    def __init__(self, svg: str) -> None:
        root = Xml.fromstring(re.sub(r' xmlns="[^"]*"', "", svg, count=1))  # noqa: S314 (our own text)
        self.width, self.height = float(root.attrib["width"]), float(root.attrib["height"])
        self.boxes: list[Shape] = []
        self.texts: list[Shape] = []
        self.badges: list[Shape] = []
        self.arrows: list[Shape] = []
        self.tips: list[tuple[float, float]] = []
        style = root.findtext("style") or ""
        self.rules = dict(re.findall(r"^\.(\w+) \{ (.*) \}$", style, re.MULTILINE))
        self._read(root, 0, 0, badge=False, key=False)
        del self.boxes[0]  # the page itself

    def _read(self, parent: Xml.Element, x: float, y: float, *, badge: bool, key: bool) -> None:
        for item in parent:
            move = re.match(r"translate\((\S+) (\S+)\)", item.get("transform", ""))
            dx, dy = (x + float(move[1]), y + float(move[2])) if move else (x, y)
            left, top = dx + float(item.get("x", 0)), dy + float(item.get("y", 0))
            names = item.get("class", "").split()
            if item.tag == "g":
                self._read(item, dx, dy, badge=badge or "badge" in names, key=key or "key" in names)
            elif item.tag == "rect" and badge:
                what = "".join(parent.itertext()).strip()
                self.badges.append(Shape(left, dy - 9, left + float(item.attrib["width"]), dy + 9, what))
            elif item.tag == "rect":
                right, bottom = left + float(item.attrib["width"]), top + float(item.attrib["height"])
                self.boxes.append(Shape(left, top, right, bottom, kind=names[0] if names else ""))
            elif item.tag == "text" and not badge:
                self.texts.append(self._text(item, names, left, top, starts=key))
            elif item.tag == "path":
                self._path(item, dx, dy)

    def _text(self, item: Xml.Element, names: list[str], x: float, y: float, *, starts: bool) -> Shape:
        rules = "; ".join([*(self.rules.get(name, "") for name in names), item.get("style", "")])
        smaller = item.find("tspan")
        rules += f"; {smaller.attrib['style']}" if smaller is not None else ""
        size = int(([*re.findall(r"font-size: (\d+)", rules)] or ["12"])[-1])
        what = "".join(item.itertext())
        width = text_width(what, size, bold="bold" in rules)
        left = x if starts or "anchor: start" in rules else x - width / 2
        return Shape(left, y - size, left + width, y + 3, what)

    def _path(self, item: Xml.Element, dx: float, dy: float) -> None:
        points: list[tuple[float, float]] = []
        for command, numbers in re.findall(r"([MHV])([^MHV]*)", item.attrib["d"]):
            values = [float(number) for number in numbers.split()]
            if command == "M":
                points.append((values[0] + dx, values[1] + dy))
            else:
                x, y = points[-1]
                points.append((values[0] + dx, y) if command == "H" else (x, values[0] + dy))
        number = len(self.tips)
        for (x0, y0), (x1, y1) in pairwise(points):
            ends = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
            self.arrows.append(Shape(*ends, "arrow", arrow=number))
        self.tips += [points[0], points[-1]]


def page(record, config, closed=(), **settings) -> Page:
    recording = record(**settings)
    report = prove(recording, Expectations.from_config(config(**settings)))
    rows = tuple(
        replace(row, missing=("a rule",)) if row.flow.number.rstrip("abcd") in closed else row
        for row in report.rows
    )
    return Page(draw(recording, replace(report, rows=rows)))


@pytest.fixture(params=STACKS.values(), ids=list(STACKS))
def stack(request):
    return request.param


@pytest.fixture(params=[(), CLOSED], ids=["open", "closed"])
def picture(stack, record, config, request) -> Page:
    return page(record, config, request.param, **stack)


def test_every_shape_is_inside_the_page(picture):
    for shape in [*picture.boxes, *picture.texts, *picture.badges, *picture.arrows]:
        assert min(shape.left, shape.top) >= 0, shape
        assert shape.right <= picture.width, shape
        assert shape.bottom <= picture.height, shape


def test_a_page_fits_the_width_of_a_readme(picture):
    assert picture.width == 1200
    assert picture.height < 1000


def test_boxes_overlap_only_what_holds_them(picture):
    for one, other in combinations(picture.boxes, 2):
        if one.overlaps(other):
            # What holds another is drawn before it. A load balancer stands in several subnets.
            assert one.kind in ("area", "subnet"), f"{one} overlaps {other}"
            across = one.kind == "subnet" and not other.kind
            assert across or (one.left <= other.left and other.right <= one.right), (
                f"{other} sticks out of {one}"
            )


def test_no_text_is_cut_off_by_its_box(picture):
    for text in picture.texts:
        holders = [box for box in picture.boxes if box.overlaps(text)]
        if holders:
            box = holders[-1]
            assert box.left <= text.left, text
            assert text.right <= box.right, text
            assert box.top <= text.top, text
            assert text.bottom <= box.bottom, text


def test_no_two_texts_overlap(picture):
    for one, other in combinations([*picture.texts, *picture.badges], 2):
        assert not one.overlaps(other, 0), f"{one} overlaps {other}"


def test_no_arrow_runs_through_a_box_or_a_text(picture):
    for obstacle in [*(box for box in picture.boxes if not box.kind), *picture.texts]:
        for arrow in picture.arrows:
            assert not arrow.overlaps(obstacle, 0.5), f"{arrow} runs through {obstacle}"


def test_no_two_arrows_cross(picture):
    for one, other in combinations(picture.arrows, 2):
        if one.arrow != other.arrow:
            touch = one.left <= other.right and other.left <= one.right
            assert not (touch and one.top <= other.bottom and other.top <= one.bottom), (
                f"{one} crosses {other}"
            )


def test_every_arrow_starts_and_ends_at_something(picture):
    for x, y in picture.tips:
        assert any(
            (x in (box.left, box.right) and box.top <= y <= box.bottom)
            or (y in (box.top, box.bottom) and box.left <= x <= box.right)
            for box in picture.boxes
        ), f"{(x, y)} is in mid-air"


def test_every_badge_sits_on_an_arrow_or_in_the_legend(picture):
    legend = max(box.bottom for box in picture.boxes)
    for badge in picture.badges:
        x, y = (badge.left + badge.right) / 2, (badge.top + badge.bottom) / 2
        on_line = any(a.left <= x <= a.right and a.top <= y <= a.bottom for a in picture.arrows)
        assert on_line or y > legend, badge


def test_every_number_fits_its_badge(picture):
    for badge in picture.badges:
        assert text_width(badge.what, 11, bold=True) <= badge.right - badge.left, badge


def test_every_required_flow_has_its_number_in_picture_and_legend(record, config):
    picture = page(record, config)
    report = prove(record(), Expectations.from_config(config()))
    below = max(box.bottom for box in picture.boxes)
    above = {number for b in picture.badges if b.bottom < below for number in b.what.split()}
    legend = {number for b in picture.badges if b.top > below for number in b.what.split()}
    # 15 is a rule about route tables, not a packet.
    assert above == legend == {row.flow.number.rstrip("abcd") for row in report.rows} - {"15"}


def test_a_closed_flow_is_red_and_says_so(record, config):
    recording = record()
    closed = "control-plane-ingress-tcp-443-10.90.1.0/24"
    rest = {u: r for u, r in recording.resources.items() if r.name != closed}
    recording = replace(recording, resources=rest)
    svg = draw(recording, prove(recording, Expectations.from_config(config())))
    assert ">Closed: 1<" in svg
    assert ".n1 rect { stroke: #c81e1e }" in svg
    assert "Closed" not in draw(record(), prove(record(), Expectations.from_config(config())))


def words(record, config, **settings) -> str:
    svg = draw(record(**settings), prove(record(**settings), Expectations.from_config(config(**settings))))
    shown = re.findall(r"<text[^>]*>(?:<tspan[^>]*>)?([^<]*)(?:</tspan>)?</text>", svg)
    return " | ".join(html.unescape(text) for text in shown)


def test_the_picture_names_everything_that_the_plan_has(record, config):
    text = words(record, config)
    for word in (
        "10.10.0.0/16",
        "10.90.0.0/16",
        "10.10.1.0/24",
        "10.10.102.0/24",
        "10.90.1.0/24",
        "ap-northeast-1a",
    ):
        assert word in text
    for word in (
        "hybrid-1 | ubuntu-24.04 | t4g.medium",
        "hybrid-2 | al2023 | t4g.medium",
        "2 nodes (1 to 3)",
    ):
        assert word in text
    for word in (
        "HTTP 80",
        "(2:2), port 30080",
        "192.168.0.0/16",
        "172.16.0.0/16",
        "Kubernetes 1.36",
        "VPC | peering",
    ):
        assert word in text
    for word in (
        "sample-app | 2 pods",
        "nw-check-hybrid | 2 pods",
        "nw-check-managed | 2 pods",
        "coredns | EKS add-on",
    ):
        assert word in text
    # It is on the network of its node: on the managed nodes, and not in the overlay.
    assert "metrics-server on the network of its node" in text
    assert "metrics-server | 1 pod" not in text
    assert text.count("NAT gateway") == text.count("internet gateway") == 2
    # Each side's closed pod is for a check alone.
    assert "closed" not in text


def test_the_picture_says_on_which_ports_the_load_balancer_answers(record, config):
    plain, https = words(record, config), words(record, config, **STACKS["https"])
    assert "Application load balancer, HTTP 80 |" in plain
    assert "clients to balancer, tcp 80 |" in plain
    assert "Application load balancer, HTTPS 443 |" in https
    assert "clients to balancer, tcp 443 (80 redirects) |" in https
    assert "(2:2), port 30080" in https


def test_without_the_sample_app_nothing_of_it_is_drawn(record, config):
    drawn = words(record, config, sampleApp=False)
    assert not re.search("balancer|Sample app|sample-app|Clients|30080", drawn)
    assert "AWS APIs and registries" in drawn


def test_without_ubuntu_there_is_no_flow_14(record, config):
    assert "Ubuntu" not in words(record, config, **STACKS["one node"])
    assert "Ubuntu" in words(record, config)


def test_the_committed_picture_is_that_of_the_program(record, config):
    drawn = draw(record(), prove(record(), Expectations.from_config(config())))
    assert COMMITTED.read_text(encoding="utf-8") == drawn, (
        'The program has changed and docs/dev.svg has not: make plan ARGS="--picture docs/dev.svg"'
    )


def test_a_changed_setting_changes_the_picture(record, config):
    drawn = draw(record(), prove(record(), Expectations.from_config(config())))
    settings = STACKS["one node"]
    assert (
        draw(record(**settings), prove(record(**settings), Expectations.from_config(config(**settings))))
        != drawn
    )


def test_names_are_written_so_that_xml_can_be_read(record, config):
    cluster = record().one("eks:index:Cluster")
    odd = {**record().resources, cluster.urn: replace(cluster, inputs={**cluster.inputs, "name": 'a<b>&"c"'})}
    svg = draw(replace(record(), resources=odd), prove(record(), Expectations.from_config(config())))
    root = Xml.fromstring(svg)  # noqa: S314 (our own text)
    assert root.attrib["aria-label"] == 'a<b>&"c": one cluster on two networks'


def test_an_estimate_of_a_width_is_never_less_than_the_widest_common_font_draws_it():
    # Advance widths of DejaVu Sans in em, as its font file has them.
    dejavu = {"m": 0.974, "M": 0.863, "W": 0.989, "0": 0.636, "a": 0.613, "i": 0.278, ".": 0.318, "Q": 0.787}
    dejavu |= {" ": 0.318, "/": 0.337, "-": 0.361, "r": 0.411, "T": 0.611, "L": 0.557, ":": 0.337, "(": 0.39}
    for character, em in dejavu.items():
        assert text_width(character * 10, 10) >= em * 100 * 0.97, character


def test_many_nodes_are_counted_by_what_they_are(record, config):
    text = words(record, config, **STACKS["twelve nodes"])
    assert "8 nodes | al2023 | t4g.medium" in text
    assert "4 nodes | ubuntu-22.04 | t4g.medium" in text


def test_nodes_of_many_kinds_leave_a_box_for_the_rest(record, config):
    kinds = [f"{family}.large" for family in ("m6g", "m7g", "c6g", "c7g", "r6g", "r7g", "t4g")]
    nodes = [{"name": f"n{number}", "instanceType": kind} for number, kind in enumerate(kinds)]
    text = words(record, config, hybridNodes=nodes)
    assert text.count("1 nodes | ubuntu-24.04") == 5
    assert "2 nodes | of other kinds" in text


def test_flows_between_nodes_end_at_nodes(record, config):
    picture = page(record, config)
    nodes = {
        584: (478, 626),
        792: (392, 626),
    }  # the right edge of the managed ones, the left edge of the others
    for y in (488, 509, 530):
        (arrow,) = [a for a in picture.arrows if a.top == a.bottom == y and a.right > 600]
        for x in (arrow.left, arrow.right):
            top, bottom = nodes[round(x)]
            assert top <= y <= bottom


def test_an_svg_is_a_document_of_its_own_that_dark_mode_does_not_change(record, config):
    svg = draw(record(), prove(record(), Expectations.from_config(config())))
    # Its page is opaque: dark text on a dark page cannot be.
    assert "rect { fill: #ffffff;" in svg
    first = re.findall(r"<rect [^>]*>", svg)[0]
    assert first == '<rect width="1200" height="916" style="rx: 10px; stroke: none"/>'
    assert "{" not in re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)
    assert not re.search(r"href|script|@import", svg)
