"""All checks, in the order of a report. `OFFLINE` are those that ask nobody on the network."""

from __future__ import annotations

from ops.checks.model import Check
from ops.ready.checks import account, local

CHECKS: tuple[Check, ...] = (*local.TOOLS, *local.PLAN, *account.WHO, *account.ACCOUNT, *local.MACHINE)
_OFFLINE = frozenset(
    {"tools.pulumi", "tools.aws-cli", "tools.session-manager", "tools.python", "plan.settings"}
)
OFFLINE: tuple[Check, ...] = tuple(check for check in CHECKS if check.id in _OFFLINE)
