"""Refuses in the preview a change of security-group rules that would need more of them than a group takes.

The engine creates before it deletes, so for a moment the old rules and the new ones are there together. AWS would
refuse the one too many, at every `up`, and the old ones would never go.

The engine unpickles the provider *by reference*: its name must stay importable (see node_cleanup.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ResourceProvider, UpdateResult

from infra.stored_provider import changed

# Of a group, in each direction: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
MOST_RULES: Final = 60

# Which settings make many rules, by the group that has them.
_SETTINGS: Final[Mapping[str, str]] = {
    "load-balancer ingress": "albAllowedCidrs, with albCertificateArn two rules for each range",
    "load-balancer egress": "site.nodeCidrs",
}
_OTHER_SETTINGS: Final = "webhookPorts and site.nodeCidrs, a rule for each port and each range or subnet"


class RuleLimitProvider(ResourceProvider):
    """What the engine calls, out of process. Holds no state: it is pickled by reference."""

    serialize_as_secret_always = False

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Count the old rules and the new ones together, in every preview and every up."""
        return CheckResult(
            news, [CheckFailure("rules", reason) for reason in crowded(_olds.get("rules", {}), news["rules"])]
        )

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Remember in place."""
        return DiffResult(changes=bool(changed(_olds, _news, ("rules",))), replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Store the rules."""
        return CreateResult("rules", dict(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Store the new rules."""
        return UpdateResult(dict(_news))


def crowded(old: Mapping[str, Sequence[str]], new: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Say which groups would have too many rules, and the steps that work.

    Both map a group and a direction ("managed ingress") to its rules.
    """
    for place, rules in new.items():
        there = set(old.get(place, ()))
        together = there | set(rules)
        excess = len(together) - MOST_RULES
        if excess <= 0:
            continue
        group, _, direction = place.partition(" ")
        limit = f"Security group {group} takes {MOST_RULES} {direction} rules"
        settings = _SETTINGS.get(place, _OTHER_SETTINGS)
        if len(rules) > MOST_RULES:
            yield f"{limit}, and the settings ask for {len(rules)} ({settings}). Join ranges, or take some out."
            continue
        if excess < len(rules):
            steps = f"first leave {excess} or more of the new rules out, then pulumi up; then add them, and pulumi up"
        else:
            steps = "first set one of the present ones alone, then one of the new ones, then all; pulumi up after each"
        yield (
            f"{limit}, and new ones come before old ones go: {len(there)} are there, and with the {len(rules)} of the "
            f"new settings there would be {len(together)} ({settings}). Do it in steps: {steps}."
        )


class RuleLimit(pulumi.dynamic.Resource, module="ekshybrid", name="RuleLimit"):
    """The resource itself: it remembers the rules of the last `pulumi up`. What makes rules waits for it."""

    def __init__(
        self, name: str, *, rules: Mapping[str, Sequence[str]], opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(RuleLimitProvider(), name, {"rules": rules}, opts)
