"""Draws the planned stack as an SVG."""

from ops.plan.picture.drawing import draw, write

__all__ = ["draw", "write"]
