"""The checks before an `up`, in the order of a report; `OFFLINE` need no network, `DOWN` come before a destroy."""

from ops.checks.model import Check, checks_in
from ops.ready.checks import (
    account,
    certificate,
    cluster,
    down,
    dry_run,
    gateway,
    local,
    machines,
    unrecorded,
    vpc,
    who,
)
from ops.ready.checks.quotas import QUOTAS

_ORDER = ("tools", "plan", "who", "account", "cluster", "machine")
CHECKS: tuple[Check, ...] = tuple(
    sorted(
        (
            *checks_in(local, who, machines),
            *QUOTAS,
            *checks_in(account, dry_run, unrecorded, certificate, gateway, vpc, cluster),
        ),
        key=lambda check: _ORDER.index(check.category),
    )
)
_OFFLINE = frozenset(
    {"tools.pulumi", "tools.aws-cli", "tools.session-manager", "tools.python", "plan.settings"}
)
OFFLINE: tuple[Check, ...] = tuple(check for check in CHECKS if check.id in _OFFLINE)
DOWN: tuple[Check, ...] = (
    *(check for check in CHECKS if check.category in ("tools", "who")),
    *checks_in(down),
)
