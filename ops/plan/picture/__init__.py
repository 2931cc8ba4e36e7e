"""Draws the planned stack: an SVG as text, or a PNG made from it."""

from ops.plan.picture.files import draw, write

__all__ = ["draw", "write"]
