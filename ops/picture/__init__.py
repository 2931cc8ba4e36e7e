"""Draws the planned stack: an SVG as text, or a PNG made from it."""

from ops.picture.files import draw, write

__all__ = ["draw", "write"]
