"""The failure table: every known failure, its cause and its fix. The README's troubleshooting table is made of it.

Order counts: what lies nearer to the root stands first, and a special row before the general one of its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ops.doctor.known import eks, in_cluster, joining, machines
from ops.doctor.known.row import Failure

FAILURES: tuple[Failure, ...] = (
    *joining.FAILURES,
    *machines.FAILURES,
    *eks.FAILURES,
    *in_cluster.FAILURES,
)


def markdown_table(failures: Iterable[Failure] = FAILURES) -> str:
    """Give a troubleshooting table: symptom, cause with its source, fix. Ends in a newline.

    What only waits is left out: nothing is broken, and doctor says so when it sees it.
    """
    rows = ["| What you see | Why | What to do |", "|---|---|---|"]
    for failure in failures:
        if failure.waits:
            continue
        why = f"{_cell(failure.cause)} ([source]({failure.source}))"
        rows.append(f"| {_cell(failure.symptom)} | {why} | {_cell(failure.fix)} |")
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    """Write text for a table cell: a pipe would end the cell, and the stars of a URN pattern would be markup."""
    return re.sub(r"'\*\*:[^']+'", r"`\g<0>`", text.replace("|", "\\|"))
