"""All checks, in the order of a report. A new check goes into its category's CHECKS and appears by that."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ops.verify.checks import aws, firewall, lb, leftovers, net, node, system, targets
from ops.verify.model import Check

CHECKS: tuple[Check, ...] = (
    *aws.CHECKS,
    *firewall.CHECKS,
    *targets.CHECKS,
    *node.CHECKS,
    *system.CHECKS,
    *net.CHECKS,
    *lb.CHECKS,
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
