"""What AWS refuses because it is too much: tags of a wrong form, more than a quota, a support that has ended.

Quotas, and the versions that have left standard support, are those that a test orders (journal.py). Sources:
https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html (50 tags, `aws:`),
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html (IAM's keys differ by more than their case),
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html (the codes of the quotas),
https://docs.aws.amazon.com/eks/latest/userguide/disable-extended-support.html.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.engine.standin.world import CLUSTER, NODE_GROUP, UPDATING, Thing, World

INSTANCE = "aws:ec2/instance:Instance"
VCPUS = "vcpus"
_MOST_TAGS = 50
_WORDS = {
    "aws:ec2/eip:Eip": "AddressLimitExceeded: The maximum number of addresses has been reached.",
    "aws:ec2/vpc:Vpc": "VpcLimitExceeded: The maximum number of VPCs has been reached.",
}


def tags(token: str, inputs: dict[str, Any]) -> Iterator[str]:
    """Tell what is wrong with the tags of a resource, the default ones included."""
    keys = list(inputs.get("tagsAll") or inputs.get("tags") or ())
    if len(keys) > _MOST_TAGS:
        yield f"TagLimitExceeded: {len(keys)} tags are more than the {_MOST_TAGS} of one resource"
    for key in keys:
        if key.lower().startswith("aws:"):
            yield f"InvalidParameterValue: Tag keys starting with 'aws:' are reserved for internal use: {key}"
    twice = [key for key, count in Counter(key.lower() for key in keys).items() if count > 1]
    if token.startswith("aws:iam/") and twice:
        yield "InvalidInput: Duplicate tag keys found. Please note that Tag keys are case insensitive."


def quota(world: World, token: str, inputs: dict[str, Any]) -> Iterator[str]:
    """Tell which quota a new resource is over."""
    quotas = world.orders.get("quotas", {})
    if token in _WORDS and len(world.of(token)) >= quotas.get(token, float("inf")):
        yield _WORDS[token]
    limit = quotas.get(VCPUS)
    if token == INSTANCE and limit is not None:
        running = sum(_vcpus(each.inputs["instanceType"]) for each in world.of(INSTANCE))
        running += sum(
            _vcpus(each.inputs["instanceTypes"][0]) * each.inputs["scalingConfig"]["desiredSize"]
            for each in world.of(NODE_GROUP)
        )
        if running + _vcpus(inputs["instanceType"]) > limit:
            yield (
                "VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of "
                f"{limit} allows for the instance bucket that the specified instance type belongs to."
            )


def cluster(
    world: World, thing: Thing, asked_before: dict[str, Any], inputs: dict[str, Any]
) -> Iterator[str]:
    """Tell why a control plane cannot be changed. `asked_before` is what the caller takes it to be."""
    if thing.token != CLUSTER:
        return
    if thing.status == UPDATING:
        yield f"ResourceInUseException: Cannot update cluster {thing.id}: it has an update in progress"
    version = thing.inputs.get("version")
    if asked_before.get("version") != inputs.get("version") == version:
        yield (
            f"InvalidParameterException: Unsupported Kubernetes minor version update from {version} to {version}"
        )
    before, support = (each.get("upgradePolicy", {}).get("supportType") for each in (thing.inputs, inputs))
    if support == "STANDARD" != before and version in world.orders.get("extended", []):
        yield f"InvalidParameterException: Kubernetes {version} is in extended support and cannot have STANDARD"


def _vcpus(instance_type: str) -> int:
    """Of the sizes that this program's tests use; a size of another family has as many."""
    size = instance_type.partition(".")[2]
    many = re.fullmatch(r"(\d*)xlarge", size)
    return 4 * int(many[1] or 1) if many else 2
