"""The few shapes that a picture is made of, and how they are written as SVG.

They stay data until the last moment, so that tests can ask whether anything overlaps, is cut off or is crossed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

Point = tuple[float, float]
INK, FAINT = "#1f2933", "#52606d"
FONT = "Roboto, 'Helvetica Neue', Arial, sans-serif"

# Widths in em of DejaVu Sans, the widest font that a reader without Roboto is likely to get, rounded up by class.
_NARROW, _WIDE = set("ijlI'.,:;/|!()[] ftrJ·-"), set("mwMW@%…")
_CAPITALS = set("ABCDEGHKNOPQRUVX&<>+=#")
BADGE_HEIGHT = 18


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of text. Size in px."""

    text: str
    size: int = 13
    bold: bool = False
    color: str = INK

    @property
    def width(self) -> float:
        """An upper estimate of its width in px."""
        return text_width(self.text, self.size, bold=self.bold)


def text_width(text: str, size: int, *, bold: bool = False) -> float:
    """An upper estimate of a text's width in px, whatever sans-serif font draws it."""
    em = 0.0
    for character in text:
        if character in _NARROW:
            em += 0.4
        elif character in _WIDE:
            em += 1.0
        else:
            em += 0.79 if character in _CAPITALS else 0.64
    return em * size * (1.08 if bold else 1.0)


def fitted(text: str, size: int, width: float, *, bold: bool = False) -> str:
    """The text, shortened with an ellipsis where it would not fit into `width` px."""
    if text_width(text, size, bold=bold) <= width:
        return text
    while text and text_width(f"{text}…", size, bold=bold) > width:
        text = text[:-1]
    return f"{text}…"


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle with lines of text, in its middle.

    An area holds other boxes and has its text at the left: at the top, or at the bottom when `low`.
    """

    x: float
    y: float
    width: float
    height: float
    fill: str
    stroke: str
    lines: tuple[Line, ...] = ()
    area: bool = False
    low: bool = False
    dashed: bool = False
    pad: int = 10

    @property
    def right(self) -> float:
        """The x of its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of its lower edge."""
        return self.y + self.height

    @property
    def middle(self) -> float:
        """The x of its centre."""
        return self.x + self.width / 2

    def svg(self) -> str:
        """The box and its text."""
        dash = ' stroke-dasharray="6 4"' if self.dashed else ""
        place = f'x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" height="{self.height:g}"'
        parts = [f'<rect {place} rx="6" fill="{self.fill}" stroke="{self.stroke}"{dash}/>']
        anchor = "start" if self.area else "middle"
        x = self.x + self.pad if self.area else self.middle
        parts += [write(line, x, y, anchor) for line, y in self.baselines]
        return "\n".join(parts)

    @property
    def baselines(self) -> list[tuple[Line, float]]:
        """Each line of text and the y of its baseline."""
        tall = sum(line.size + 5 for line in self.lines)
        y = self.y + (self.height - tall) / 2
        if self.area:
            y = self.bottom - tall - 2 if self.low else self.y + 6
        found = []
        for line in self.lines:
            found.append((line, y + line.size + 1))
            y += line.size + 5
        return found


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """A line through points with a head at its end, or at both ends; `badge` sits on it at `badge_at`."""

    points: tuple[Point, ...]
    color: str
    both: bool = False
    badge: str = ""
    badge_at: Point = (0, 0)
    dashed: bool = False

    @property
    def segments(self) -> list[tuple[Point, Point]]:
        """Its straight parts."""
        return list(pairwise(self.points))

    def svg(self) -> str:
        """The line and its heads; badges are drawn last, on top of everything."""
        path = " ".join(f"{x:g},{y:g}" for x, y in self.points)
        dash = ' stroke-dasharray="6 4"' if self.dashed else ""
        parts = [f'<polyline points="{path}" fill="none" stroke="{self.color}" stroke-width="2"{dash}/>']
        parts.append(_head(self.points[-2], self.points[-1], self.color))
        if self.both:
            parts.append(_head(self.points[1], self.points[0], self.color))
        return "\n".join(parts)


@dataclass(frozen=True, kw_only=True)
class Badge:
    """A small pill with flow numbers, centred on a point."""

    at: Point
    text: str
    color: str

    @property
    def width(self) -> float:
        """Its width in px."""
        return max(BADGE_HEIGHT, text_width(self.text, 11, bold=True) + 8)

    def svg(self) -> str:
        """The pill and its text."""
        x, y = self.at
        return (
            f'<rect x="{x - self.width / 2:g}" y="{y - BADGE_HEIGHT / 2:g}" width="{self.width:g}" '
            f'height="{BADGE_HEIGHT}" rx="9" fill="#ffffff" stroke="{self.color}" stroke-width="1.5"/>\n'
            + write(Line(text=self.text, size=11, bold=True, color=self.color), x, y + 4, "middle")
        )


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A line of text on its own; `x` is its left edge and `y` its baseline."""

    x: float
    y: float
    line: Line

    def svg(self) -> str:
        """The text."""
        return write(self.line, self.x, self.y, "start")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """All shapes, drawn in the order boxes, arrows, captions, badges."""

    title: str
    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    captions: tuple[Caption, ...]
    badges: tuple[Badge, ...]

    def svg(self) -> str:
        """The whole document. Its background is opaque, so that it reads the same in dark mode."""
        shapes = [shape.svg() for shape in (*self.boxes, *self.arrows, *self.captions, *self.badges)]
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        name = f'role="img" aria-label={quoteattr(self.title)} font-family="{FONT}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} {name}>',
                f"<title>{escape(self.title)}</title>",
                f'<rect width="{self.width}" height="{self.height}" rx="10" fill="#ffffff"/>',
                *shapes,
                "</svg>\n",
            ]
        )


def write(line: Line, x: float, y: float, anchor: str) -> str:
    """A line of text as SVG; `y` is its baseline."""
    weight = ' font-weight="bold"' if line.bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{line.size}" fill="{line.color}" text-anchor="{anchor}"'
        f"{weight}>{escape(line.text)}</text>"
    )


def _head(before: Point, tip: Point, color: str) -> str:
    (x0, y0), (x, y) = before, tip
    length = max(abs(x - x0), abs(y - y0)) or 1.0
    dx, dy = (x - x0) / length, (y - y0) / length
    left, right = (x - 9 * dx - 5 * dy, y - 9 * dy + 5 * dx), (x - 9 * dx + 5 * dy, y - 9 * dy - 5 * dx)
    points = " ".join(f"{px:g},{py:g}" for px, py in (tip, left, right))
    return f'<polygon points="{points}" fill="{color}"/>'
