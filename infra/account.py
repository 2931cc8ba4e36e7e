"""Where the stack runs: partition, region, account and zones, asked once and before anything is created."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.credentials import Identity
from infra.names import STACK_TAG, ZONES_WITHOUT_EKS
from infra.shapes import AccountSettings

# The subnets of a control plane are in two zones at the least.
# https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html, "Subnet requirements".
_FEWEST_ZONES = 2


@dataclass(frozen=True, kw_only=True)
class Account:
    """The facts that ARNs and subnets are made of, and the tag that marks everything as this stack's.

    `caller_arn` is who runs it; `zones` are as many as the settings ask for, of `zones_with_eks`; `default_tags` are
    those of `aws:defaultTags`, `permissions_boundary` the policy that every role is made with.
    """

    partition: str
    dns_suffix: str
    account_id: str
    caller_arn: str
    identity: Identity
    zones: tuple[str, ...]
    zones_with_eks: tuple[str, ...]
    tags: Mapping[str, str]
    default_tags: Mapping[str, str]
    permissions_boundary: str | None

    @property
    def region(self) -> str:
        """The region that everything is in."""
        return self.identity.region

    def arn(self, service: str, resource: str) -> str:
        """An ARN in this account and region, in whatever partition that is."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    def managed_policy(self, name: str) -> str:
        """The ARN of a policy that AWS manages."""
        return f"arn:{self.partition}:iam::aws:policy/{name}"

    def named(self, name: str) -> dict[str, str]:
        """The stack's tags and a Name."""
        return {**self.tags, "Name": name}

    def launched(self, name: str) -> dict[str, str]:
        """The tags of what a launch template launches: the provider's default tags do not reach it."""
        return {**self.default_tags, **self.named(name)}


def look_up(asked: AccountSettings) -> Account:
    """Ask the provider for what the settings cannot know. Creates nothing.

    Two stacks in one account are told apart by the tag, whatever names they gave their clusters.

    Errors: RunError when the account does not see as many zones in the region as the settings ask for; whatever
    the AWS provider says when its credentials do not work.
    """
    seen = aws.get_availability_zones(
        state="available",
        # Local and Wavelength Zones are opted in to and cannot hold these subnets.
        filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
        exclude_zone_ids=ZONES_WITHOUT_EKS,
    )
    partition = aws.get_partition()
    caller = aws.get_caller_identity()
    return Account(
        partition=partition.partition,
        dns_suffix=partition.dns_suffix,
        account_id=caller.account_id,
        caller_arn=caller.arn,
        identity=asked.identity,
        zones=enough_zones(seen.names, wanted=asked.zones, region=asked.identity.region),
        zones_with_eks=tuple(seen.names),
        tags={STACK_TAG: f"{pulumi.get_project()}/{pulumi.get_stack()}"},
        default_tags=asked.default_tags,
        permissions_boundary=asked.permissions_boundary,
    )


def enough_zones(seen: Sequence[str], *, wanted: int, region: str) -> tuple[str, ...]:
    """The first `wanted` of the zones that the account sees.

    Errors: RunError, which names those there are, when they are fewer.
    """
    if len(seen) >= wanted:
        return tuple(seen[:wanted])
    there = f"{len(seen)} ({', '.join(seen)})" if seen else "none"
    advice = "Choose another region, e.g. pulumi config set aws:region ap-northeast-1"
    if len(seen) >= _FEWEST_ZONES:
        advice = f"Set no more than there are, e.g. pulumi config set availabilityZones {len(seen)}"
    raise pulumi.RunError(
        f"availabilityZones {wanted} is more than this account has in {region} for a control plane: "
        f"{there}. {advice}"
    )
