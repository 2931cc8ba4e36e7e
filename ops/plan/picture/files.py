"""The picture as a file: SVG, or PNG for places that do not take SVG."""

from __future__ import annotations

from pathlib import Path

from ops.plan.flows.extract import facts_of
from ops.plan.flows.proof import FlowReport
from ops.plan.picture.layout import lay_out
from ops.plan.picture.legend import closed_numbers
from ops.plan.picture.scene import scene_of
from ops.program.recorder import Recording

FONTS = Path(__file__).parent / "fonts"
# Twice the size: sharp on today's screens.
_PNG_SCALE = 2


def draw(recording: Recording, report: FlowReport) -> str:
    """The picture of a recorded plan as an SVG document. The same plan gives the same text.

    Errors: LookupError when the plan lacks what every stack has.
    """
    return lay_out(scene_of(recording, facts_of(recording)), closed_numbers(report), _ubuntu(report)).svg()


def write(recording: Recording, report: FlowReport, path: Path) -> None:
    """Draw to a file; its suffix says how.

    Errors: ValueError for a suffix other than .svg and .png, OSError when the file cannot be written.
    """
    if path.suffix not in (".svg", ".png"):
        raise ValueError(f"--picture {path}: a picture ends in .svg or .png, e.g. --picture stack.svg")
    svg = draw(recording, report)
    if path.suffix == ".svg":
        path.write_text(svg, encoding="utf-8")
    else:
        path.write_bytes(_png(svg))


def _ubuntu(report: FlowReport) -> bool:
    return any(row.flow.number == "14" for row in report.rows)


def _png(svg: str) -> bytes:
    # Imported here: a plan without a PNG does not need it. Only our own fonts count, so that the picture is the same
    # on every machine, and has text on those that have no fonts at all.
    import resvg_py

    fonts = [str(font) for font in sorted(FONTS.glob("*.ttf"))]
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            skip_system_fonts=True,
            font_files=fonts,
            sans_serif_family="Roboto",
            zoom=_PNG_SCALE,
        )
    )
