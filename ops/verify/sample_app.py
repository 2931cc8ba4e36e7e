"""Checks of the sample application and of the load balancer in front of it, which a stack may do without."""

from collections.abc import Callable

from ops.checks.model import Check, Findings, Outcome, check, skipped
from ops.verify.context import Context

Ask = Callable[[Context, Findings], str | Outcome]


def sample_check(
    id_: str, proves: str, *, needs: tuple[str, ...] = (), eventually: bool = False
) -> Callable[[Ask], Check]:
    """Make a check as `check` does; it is skipped where the stack has no sample app."""

    def made(ask: Ask) -> Check:
        def run(context: Context, findings: Findings) -> str | Outcome:
            if not context.deployment.alb_url:
                return skipped("sampleApp is false: there is no sample app and no load balancer")
            return ask(context, findings)

        return check(id_, proves, needs=needs, eventually=eventually)(run)

    return made
