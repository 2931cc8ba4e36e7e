"""What AWS has of the stack and its state has not."""

import json

from ops.checks.model import Findings, Outcome, skipped
from ops.clients import unrecorded
from ops.clients.leftovers import Names
from ops.ready.context import Context, asked


@asked("account.unrecorded", "the state knows all that AWS has of the stack")
def state(context: Context, findings: Findings) -> str | Outcome:
    exported = context.cli("stack", "export", "--stack", context.stack)
    if exported.exit_code:
        return skipped("the stack has no state yet")
    wanted = context.wanted
    project, _, stack = wanted.stack_tag.partition("/")
    names = Names(project=project, stack=stack, region=wanted.region, cluster=wanted.cluster)
    deployment = json.loads(exported.stdout).get("deployment") or {}
    for item in unrecorded.find(context.aws, names, unrecorded.recorded(deployment)):
        findings.fail(
            f"AWS has {item.what}, and the stack's state does not",
            why="a run that was killed, or an answer that was lost; nothing else depends on it",
            fix=item.delete,
        )
    return "the state knows all that AWS has of the stack"
