"""Texts that go into a drawing of fixed size."""

from __future__ import annotations

from xml.sax.saxutils import escape

# Widths in em of DejaVu Sans, the widest font that a reader without Roboto is likely to get, rounded up by class.
_NARROW, _WIDE = set("ijlI'.,:;/|!()[] ftrJ·-"), set("mwMW@%…")
_CAPITALS = set("ABCDEGHKNOPQRUVX&<>+=#")
_SMALLEST = 10


class Words(str):
    """A text for a hole such as `{name:13 bold 150}`: 13 px, bold, at most 150 px wide, written as XML.

    What is too wide is written smaller, down to 10 px; and where that is not enough, shortened.
    """

    __slots__ = ()

    def __format__(self, hole: str) -> str:
        """Write the text into a hole; one without a size takes it as it is."""
        if not hole:
            return _xml(self)
        first, *bold, width = hole.split()
        size, room = int(first), float(width)
        while size > _SMALLEST and text_width(self, size, bold=bool(bold)) > room:
            size -= 1
        text = _xml(fitted(self, size, room, bold=bool(bold)))
        return text if size == int(first) else f'<tspan style="font-size: {size}px">{text}</tspan>'


def _xml(text: str) -> str:
    return escape(text, {'"': "&quot;"})


def text_width(text: str, size: int, *, bold: bool = False) -> float:
    """An upper estimate of a text's width in px, whatever sans-serif font draws it."""
    em = sum(
        0.4 if one in _NARROW else 1.0 if one in _WIDE else 0.79 if one in _CAPITALS else 0.64 for one in text
    )
    return em * size * (1.08 if bold else 1.0)


def fitted(text: str, size: int, width: float, *, bold: bool = False) -> str:
    """The text, shortened with an ellipsis where it would not fit into `width` px."""
    if text_width(text, size, bold=bold) <= width:
        return text
    while text and text_width(f"{text}…", size, bold=bold) > width:
        text = text[:-1]
    return f"{text}…"
