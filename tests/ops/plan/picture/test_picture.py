"""Whether a reader can see it all: nothing overlaps, nothing is cut off, no line runs through a box."""

import html
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.parsers import expat

import pytest

from ops.plan.flows import Expectations, prove
from ops.plan.flows.extract import facts_of
from ops.plan.picture import draw, write
from ops.plan.picture.layout import lay_out
from ops.plan.picture.scene import scene_of
from ops.plan.picture.shapes import BADGE_HEIGHT, Line, fitted, text_width

COMMITTED = Path(__file__).parents[4] / "docs" / "dev.svg"
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
    "twelve nodes": {
        "hybridNodes": [{"name": f"n{i}", "os": "al2023" if i % 3 else "ubuntu-22.04"} for i in range(12)]
    },
}
CLOSED = frozenset({"1", "4", "7", "8", "11", "12"})


@pytest.fixture(params=STACKS.values(), ids=list(STACKS))
def scene(request, record):
    recording = record(**request.param)
    return scene_of(recording, facts_of(recording))


@pytest.fixture(params=[frozenset(), CLOSED], ids=["open", "closed"])
def picture(scene, request):
    return lay_out(scene, request.param)


def text_rectangles(picture):
    """(left, top, right, bottom, text) of every line of text."""
    for box in picture.boxes:
        for line, y in box.baselines:
            left = box.x + box.pad if box.area else box.middle - line.width / 2
            yield left, y - line.size, left + line.width, y + 3, line.text
    for caption in picture.captions:
        yield (
            caption.x,
            caption.y - caption.line.size,
            caption.x + caption.line.width,
            caption.y + 3,
            caption.line.text,
        )


def badge_rectangles(picture):
    for badge in picture.badges:
        (x, y), half = badge.at, badge.width / 2
        yield x - half, y - BADGE_HEIGHT / 2, x + half, y + BADGE_HEIGHT / 2, badge.text


def overlap(one, other) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def rectangle(box):
    return box.x, box.y, box.right, box.bottom, box.lines[0].text if box.lines else ""


def segment_rectangle(segment):
    (x0, y0), (x1, y1) = segment
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1), "arrow"


def inner(one, margin=0.5):
    """A rectangle less its border, so that touching does not count."""
    return one[0] + margin, one[1] + margin, one[2] - margin, one[3] - margin, one[4]


def test_every_shape_is_inside_the_page(picture):
    rectangles = [rectangle(b) for b in picture.boxes]
    rectangles += [*text_rectangles(picture), *badge_rectangles(picture)]
    rectangles += [segment_rectangle(s) for arrow in picture.arrows for s in arrow.segments]
    assert [
        r for r in rectangles if r[0] < 0 or r[1] < 0 or r[2] > picture.width or r[3] > picture.height
    ] == []


def test_a_page_fits_the_width_of_a_readme(picture):
    assert picture.width == 1200
    assert picture.height < 1000


def test_boxes_overlap_only_what_holds_them(picture):
    for one, other in combinations(picture.boxes, 2):
        if overlap(inner(rectangle(one)), rectangle(other)):
            holder = one if one.area else other
            held = other if holder is one else one
            assert holder.area, f"{rectangle(one)} overlaps {rectangle(other)}"
            across = not held.area and holder.low  # a load balancer stands in several subnets
            assert across or (holder.x <= held.x and held.right <= holder.right), (
                f"{rectangle(held)} sticks out of {rectangle(holder)}"
            )


def test_no_text_is_wider_than_its_box(picture):
    for box in picture.boxes:
        for line, y in box.baselines:
            assert line.width <= box.width - (box.pad if box.area else 0), line.text
            assert box.y <= y - line.size
            assert y + 3 <= box.bottom


def test_no_two_texts_overlap(picture):
    for one, other in combinations([*text_rectangles(picture), *badge_rectangles(picture)], 2):
        assert not overlap(one, other), f"{one} overlaps {other}"


def test_no_arrow_runs_through_a_box_or_a_text(picture):
    obstacles = [inner(rectangle(b)) for b in picture.boxes if not b.area] + list(text_rectangles(picture))
    for arrow in picture.arrows:
        for segment in arrow.segments:
            for obstacle in obstacles:
                assert not overlap(segment_rectangle(segment), obstacle), f"{segment} runs through {obstacle}"


def test_no_two_arrows_cross(picture):
    for one, other in combinations(picture.arrows, 2):
        for segment in one.segments:
            for crossing in other.segments:
                a, b = segment_rectangle(segment), segment_rectangle(crossing)
                assert not (a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]), (
                    f"{a} crosses {b}"
                )


def test_every_arrow_starts_and_ends_at_something(picture):
    boxes = [rectangle(b) for b in picture.boxes]
    for arrow in picture.arrows:
        for x, y in (arrow.points[0], arrow.points[-1]):
            assert any(
                (x in (left, right) and top <= y <= bottom) or (y in (top, bottom) and left <= x <= right)
                for left, top, right, bottom, _ in boxes
            ), f"{(x, y)} is in mid-air"


def test_every_badge_sits_on_an_arrow_or_in_the_legend(picture):
    lines = [segment_rectangle(s) for arrow in picture.arrows for s in arrow.segments]
    legend = max(box.bottom for box in picture.boxes)
    for badge in picture.badges:
        x, y = badge.at
        on_line = any(left <= x <= right and top <= y <= bottom for left, top, right, bottom, _ in lines)
        assert on_line or y > legend, badge


def test_every_required_flow_has_its_number_in_picture_and_legend(record, config):
    recording = record()
    report = prove(recording, Expectations.from_config(config()))
    scene = scene_of(recording, facts_of(recording))
    picture = lay_out(scene)
    below = max(box.bottom for box in picture.boxes)
    above = {number for b in picture.badges if b.at[1] < below for number in b.text.split()}
    legend = {number for b in picture.badges if b.at[1] > below for number in b.text.split()}
    # 15 is a rule about route tables, not a packet.
    numbers = {row.flow.number.rstrip("abcd") for row in report.rows} - {"15"}
    assert above == legend == numbers


def test_a_closed_flow_is_red_and_says_so(record, config):
    recording = record()
    rest = {u: r for u, r in recording.resources.items() if r.name != "control-plane-ingress-api-from-hybrid"}
    recording = replace(recording, resources=rest)
    svg = draw(recording, prove(recording, Expectations.from_config(config())))
    assert "1 closed: API calls, tcp 443" in svg
    assert "closed" not in draw(record(), prove(record(), Expectations.from_config(config())))


def words(record, config, **settings) -> str:
    svg = draw(record(**settings), prove(record(**settings), Expectations.from_config(config(**settings))))
    return " | ".join(html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg))


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
    assert text.count("NAT gateway") == text.count("internet gateway") == 2


def test_many_nodes_are_grouped_by_what_they_are(record, config):
    text = words(record, config, **STACKS["twelve nodes"])
    assert "8 nodes | al2023 | t4g.medium" in text
    assert "4 nodes | ubuntu-22.04 | t4g.medium" in text


def test_nodes_of_many_kinds_leave_a_box_for_the_rest(record):
    scene = scene_of(record(), facts_of(record()))
    node = next(r for r in record().of_type("aws:ec2/instance:Instance"))
    many = {
        f"{node.urn}-{n}": replace(node, inputs={**node.inputs, "instanceType": f"m{n}.large"})
        for n in range(9)
    }
    resources = {u: r for u, r in record().resources.items() if r.type != node.type} | many
    crowd = scene_of(replace(record(), resources=resources), facts_of(record()))
    assert [view.count for view in crowd.hybrid] == [1, 1, 1, 1, 5]
    assert crowd.hybrid[-1].title == "5 nodes"
    assert len(scene.hybrid) == 2


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


def test_a_png_has_text_where_there_are_no_fonts(record, config, tmp_path, monkeypatch):
    report = prove(record(), Expectations.from_config(config()))
    write(record(), report, tmp_path / "stack.png")
    image = (tmp_path / "stack.png").read_bytes()
    assert image.startswith(b"\x89PNG")
    assert int.from_bytes(image[16:20], "big") == 2400
    monkeypatch.setattr("ops.plan.picture.files.FONTS", tmp_path)  # resvg's own fonts only: none
    write(record(), report, tmp_path / "bare.png")
    assert len((tmp_path / "bare.png").read_bytes()) < 0.7 * len(image)


def test_an_svg_is_a_document_of_its_own_with_an_opaque_background(record, config, tmp_path):
    write(record(), prove(record(), Expectations.from_config(config())), tmp_path / "stack.svg")
    svg = (tmp_path / "stack.svg").read_text()
    first = re.search(r"<rect [^>]*>", svg)
    assert first
    assert first[0].startswith('<rect width="1200" height=')
    assert 'fill="#ffffff"' in first[0]
    assert not re.search(r"href|script|@import", svg)


def test_another_suffix_is_refused(record, config, tmp_path):
    report = prove(record(), Expectations.from_config(config()))
    with pytest.raises(ValueError, match=r"ends in .svg or .png"):
        write(record(), report, tmp_path / "stack.pdf")


def test_a_text_that_does_not_fit_is_shortened_and_says_so():
    assert fitted("short", 12, 200) == "short"
    shortened = fitted("a-very-long-name-for-a-node", 12, 100)
    assert shortened.endswith("…")
    assert text_width(shortened, 12) <= 100


def test_names_are_written_so_that_xml_can_be_read(scene):
    svg = lay_out(replace(scene, cluster='a<b>&"c"')).svg()
    expat.ParserCreate().Parse(svg, True)
    assert "a&lt;b&gt;&amp;" in svg


def test_an_estimate_of_a_width_is_never_less_than_the_widest_common_font_draws_it():
    # Advance widths of DejaVu Sans in em, as its font file has them.
    dejavu = {"m": 0.974, "M": 0.863, "W": 0.989, "0": 0.636, "a": 0.613, "i": 0.278, ".": 0.318, "Q": 0.787}
    dejavu |= {" ": 0.318, "/": 0.337, "-": 0.361, "r": 0.411, "T": 0.611, "L": 0.557, ":": 0.337, "(": 0.39}
    for character, em in dejavu.items():
        assert Line(text=character * 10, size=10).width >= em * 100 * 0.97, character
