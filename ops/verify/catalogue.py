"""All checks, in the order of a report: that of the modules here, and of the functions in them."""

from __future__ import annotations

from ops.checks.model import Check
from ops.verify.checks import aws, firewall, lb, leftovers, net, node, system, targets

CHECKS = tuple(
    value
    for module in (aws, firewall, targets, node, system, net, lb)
    for value in vars(module).values()
    if isinstance(value, Check)
)
LEFTOVERS: tuple[Check, ...] = leftovers.CHECKS
