"""The command line of `ops which`. Imports of the work itself are inside the function: `ops --help` stays fast."""

from typing import TYPE_CHECKING

import typer

from ops import options
from ops.checks.terminal import refusals

if TYPE_CHECKING:
    from ops.clients.stack_names import LookedUp

_TIMEOUT_S = 10.0


def which(
    stack: options.Stack = None,
) -> None:
    """Say in one line which stack is meant: its full name, cluster, region and account.

    Exit codes: 0 said, 2 no stack is selected, or its settings name no region or no cluster.
    """
    with refusals("which"):
        from ops.clients import stack_names

        looked_up = stack_names.look_up(outputs=None, stack=stack, region=None, cluster=None, profile=None)
        names = looked_up.names
        full = stack if stack and "/" in stack else names.tag
        typer.echo(f"Stack {full}: cluster {names.cluster}, region {names.region}, {_account(looked_up)}")


def _account(looked_up: "LookedUp") -> str:
    from ops.clients.aws import AwsClient
    from ops.clients.errors import AskError

    try:
        aws = AwsClient(
            region=looked_up.names.region,
            profile=looked_up.profile,
            roles=looked_up.roles,
            timeout_s=_TIMEOUT_S,
            retries=1,
        )
        return f"account {aws.ask('sts', 'get_caller_identity')['Account']}"
    except AskError as error:
        return f"account not known ({error.seen})"
