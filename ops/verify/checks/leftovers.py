"""leftovers: after a destroy nothing is left in the stack's VPCs, and nothing carries its names or tags."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

from ops.checks.model import Check, Findings, Outcome, listed
from ops.clients.aws import AwsClient
from ops.clients.leftovers import Names, left


@dataclass(frozen=True, kw_only=True)
class Leftovers:
    """The context of these checks: AWS, and what to look for. It remembers nothing between checks."""

    aws: AwsClient
    names: Names

    def fresh(self) -> Self:
        """Give the context of the next round: itself."""
        return self


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of thing that may be left, a row of leftovers.yaml: why that happens, what it costs, how to remove it."""

    name: str
    noun: str
    why: str
    fix: str


_FILE = Path(__file__).with_suffix(".yaml")
KINDS = tuple(Kind(**row) for row in yaml.safe_load(_FILE.read_text(encoding="utf-8")))


def _look(kind: Kind) -> Callable[[Leftovers], Outcome]:
    def look(context: Leftovers) -> Outcome:
        found = left(context.aws, kind.name, context.names)
        findings = Findings(evidence=found, failed=f"{len(found)} left")
        if found:
            ids = [item.partition(" ")[0] for item in found]
            plural = "s" if len(found) > 1 and not kind.noun.endswith(")") else ""
            findings.fail(
                f"{len(found)} {kind.noun}{plural}: {listed(found)}",
                why=kind.why,
                fix=kind.fix.format(
                    region=context.names.region,
                    cluster=context.names.cluster,
                    first=ids[0],
                    ids=" ".join(ids),
                ),
            )
        return findings.outcome("none left")

    return look


def identity(context: Leftovers) -> Outcome:
    """Answer whether AWS lets us look; the account is shown because it cannot be compared any more."""
    return Findings().outcome(f"looking in account {context.aws.account()}, {context.names.region}")


CHECKS = (
    Check(id="leftovers.identity", proves="the AWS credentials work", run=identity),
    *(
        Check(
            id=f"leftovers.{kind.name}",
            proves=f"no {kind.noun} of the stack is left",
            run=_look(kind),
            needs=("leftovers.identity",),
            eventually=True,
        )
        for kind in KINDS
    ),
)
