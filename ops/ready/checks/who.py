"""Who signs in to AWS, and for how long. Everything here only reads."""

import json
from datetime import UTC, timedelta
from typing import Final

from ops.causes import problem_of
from ops.checks.model import Findings, check, listed
from ops.clients.errors import AskError
from ops.ready.context import Context, asked

# An `up` takes about a quarter of an hour; twice that is enough for a slow one.
_LONG_ENOUGH: Final = timedelta(minutes=30)


@check("who.identity", "AWS knows who signs in", needs=("plan.settings",))
def identity(context: Context, findings: Findings) -> str:
    try:
        who = context.ask("sts", "get_caller_identity")
    except AskError as error:
        findings.problems.append(problem_of(error, "ready"))
        return ""
    config = {} if isinstance(context.program, Exception) else context.program.config.values
    allowed, forbidden = (_ids(config.get(f"aws:{name}AccountIds")) for name in ("allowed", "forbidden"))
    if (allowed and who["Account"] not in allowed) or who["Account"] in forbidden:
        findings.fail(
            f"account {who['Account']} is not one that the stack may be built in",
            why=f"aws:allowedAccountIds is {listed(allowed) or 'not set'}, "
            f"aws:forbiddenAccountIds {listed(forbidden) or 'not set'}",
            fix="sign in to the right account: aws sso login, or pulumi config set aws:profile NAME",
        )
    return f"account {who['Account']} as {who['Arn']}"


def _ids(raw: str | None) -> list[str]:
    try:
        value = json.loads(raw or "[]")
    except ValueError:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


@asked("who.lifetime", "the credentials live long enough")
def lifetime(context: Context, findings: Findings) -> str:
    ends = context.aws.expires_at()
    if ends is None:
        return "the credentials do not end, or do not say when"
    left = ends - context.now()
    if left < _LONG_ENOUGH:
        findings.warn(
            f"the credentials end in {max(0, round(left.total_seconds() / 60))} minutes",
            why="an up takes about a quarter of an hour, and stops half way without them",
            fix="sign in again first: aws sso login",
        )
    return f"the credentials are good until {ends.astimezone(UTC):%H:%M} UTC"
