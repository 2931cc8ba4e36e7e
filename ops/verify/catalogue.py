"""All checks, in the order of a report: that of the modules here, and of the functions in them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ops.verify.checks import aws, firewall, lb, leftovers, net, node, system, targets
from ops.verify.model import Check

CHECKS = tuple(
    value
    for module in (aws, firewall, targets, node, system, net, lb)
    for value in vars(module).values()
    if isinstance(value, Check)
)
LEFTOVERS: tuple[Check, ...] = leftovers.CHECKS


def select(checks: Sequence[Check], *, only: str | None, skip: str | None) -> list[Check]:
    """Keep the checks whose id matches `only` and does not match `skip` (regular expressions, anywhere in the id)."""
    return [
        check
        for check in checks
        if (only is None or re.search(only, check.id))
        and not (skip is not None and re.search(skip, check.id))
    ]
