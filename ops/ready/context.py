"""What a check gets to work with: the evaluated program, AWS as the stack's identity, the CLI, and the clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from infra.names import STACK_TAG
from ops.checks.model import Check, Findings, Outcome, check, skipped
from ops.clients import tools
from ops.clients.aws import AwsClient
from ops.clients.errors import NotAllowedError
from ops.clients.http import Http
from ops.clients.kube import Kube
from ops.clients.pool import Memo
from ops.program.running import Evaluated
from ops.ready.wanted import Wanted, wanted

Object = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Context:
    """Handed to every check. `program` is the evaluated program, or why its settings cannot be used."""

    stack: str
    folder: Path
    program: Evaluated | Exception
    sign_in: Callable[[], AwsClient]
    http: Http
    kube: Callable[[], Kube]
    run: Callable[..., tools.Ran] = tools.run
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    memo: Memo = field(default_factory=Memo)

    @property
    def evaluated(self) -> Evaluated:
        """Give the evaluated program; checks that use it need plan.settings."""
        if isinstance(self.program, Exception):
            raise self.program
        return self.program

    @cached_property
    def wanted(self) -> Wanted:
        """Give what the program asks for."""
        return wanted(self.evaluated.recording)

    @property
    def aws(self) -> AwsClient:
        """Sign in, once for all checks."""
        return self.memo.get("aws", self.sign_in)

    def cli(self, *arguments: str) -> tools.Ran:
        """Run the Pulumi CLI in the project's folder, once for each question."""
        return self.memo.get(
            f"pulumi {arguments}",
            lambda: self.run(
                ["pulumi", *arguments, "--non-interactive", "--cwd", str(self.folder)],
                environment={"PULUMI_SKIP_UPDATE_CHECK": "true"},
                timeout_s=60,
                missing="pulumi-missing",
            ),
        )

    def ask(self, service: str, operation: str, *, missing: Sequence[str] = (), **arguments: object) -> Any:
        """Ask AWS, once for each question."""
        key = f"{service} {operation} {sorted(arguments.items())}"
        return self.memo.get(key, lambda: self.aws.ask(service, operation, missing=missing, **arguments))

    def pages(self, service: str, operation: str, key: str, **arguments: object) -> list[Any]:
        """Ask AWS for a list to its end, once for each question."""
        name = f"{service} {operation} {sorted(arguments.items())}"
        return self.memo.get(name, lambda: self.aws.pages(service, operation, key, **arguments))

    @property
    def own_vpcs(self) -> set[str]:
        """The ids of this stack's VPCs."""
        mine = {"Name": f"tag:{STACK_TAG}", "Values": [self.wanted.stack_tag]}
        return {each["VpcId"] for each in self.pages("ec2", "describe_vpcs", "Vpcs", Filters=[mine])}

    @property
    def is_up(self) -> bool:
        """Tell whether this stack's VPCs are there, or its groups in another: then what it needs is already in use."""
        if self.own_vpcs or not self.wanted.existing_vpc:
            return bool(self.own_vpcs)
        mine = [
            {"Name": f"tag:{STACK_TAG}", "Values": [self.wanted.stack_tag]},
            {"Name": "vpc-id", "Values": [self.wanted.existing_vpc]},
        ]
        return bool(self.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=mine))

    @property
    def existing_subnets(self) -> dict[str, Object]:
        """The subnets of the VPC that was there before, by their ids."""
        in_vpc = [{"Name": "vpc-id", "Values": [self.wanted.existing_vpc]}]
        subnets = self.pages("ec2", "describe_subnets", "Subnets", Filters=in_vpc)
        return {each["SubnetId"]: each for each in subnets}

    def fresh(self) -> Self:
        """Keep all but what was answered."""
        return replace(self, memo=Memo())


def asked(id_: str, proves: str) -> Callable[[Callable[[Context, Findings], str | Outcome]], Check]:
    """Make a check that asks AWS; what these credentials may not ask is a note, and no failure."""

    def made(ask: Callable[[Context, Findings], str | Outcome]) -> Check:
        def run(context: Context, findings: Findings) -> str | Outcome:
            try:
                return ask(context, findings)
            except NotAllowedError as error:
                return skipped(f"not known: these credentials may not ask {error.names['CALL']}")

        return check(id_, proves, needs=("who.identity",))(run)

    return made
