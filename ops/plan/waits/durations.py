"""How long things typically take to be created. Estimates, unless a file of measured durations says better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import yaml

from ops.clients.durations import Measured


@dataclass(frozen=True, kw_only=True)
class Duration:
    """Seconds: a quick day, a usual one, a slow one."""

    low: int
    typical: int
    high: int
    source: str


ONE_CALL = Duration(low=1, typical=2, high=5, source="one API call")
_FILE = Path(__file__).with_suffix(".yaml")
TYPICAL: Mapping[str, Duration] = {
    kind: Duration(**row) for kind, row in yaml.safe_load(_FILE.read_text(encoding="utf-8")).items()
}
# What happens in a hybrid node between "running" and Ready.
JOINS = "hybrid node joins"
NOTHING_MEASURED: Mapping[str, Measured] = MappingProxyType({})


def duration_of(kind: str, measured: Mapping[str, Measured] = NOTHING_MEASURED) -> Duration:
    """The duration of a resource's creation by its type token, or of what happens in a hybrid node (`JOINS`)."""
    found = measured.get(kind)
    if found is not None:
        return Duration(low=found.low, typical=found.typical, high=found.high, source="measured")
    return TYPICAL.get(kind, ONE_CALL)
