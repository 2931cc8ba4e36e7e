"""What one resource is, in a few words; and which ones are of a kind."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.names import ACTIVATION_LABEL, COMPUTE_TYPE_LABEL, HYBRID_COMPUTE
from ops.program.recorder import Recording, Resource

_SUMMARY: Mapping[str, tuple[str, str]] = yaml.safe_load(
    Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
)


def summary(component: Resource, inside: Iterable[Resource]) -> str:
    """A few words on a component: what the main resources in it are; of several alike, how many."""
    module = component.type.split(":")[1]
    if module not in _SUMMARY:
        return ""
    type_, shown = _SUMMARY[module]
    label, blank, path = shown.rpartition(" ")
    alike: dict[str, int] = {}
    for resource in inside:
        if resource.type == type_:
            words = f"{label}{blank}{look_up(resource.inputs, path)}"
            alike[words] = alike.get(words, 0) + 1
    return ", ".join(f"{count} x {words}" if count > 1 else words for words, count in alike.items())


def look_up(value: Any, path: str) -> Any:
    """The value at a path such as "a.b.c", or None where there is none."""
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def short_type(type_: str) -> str:
    """The last part of a type token, which is what people call the thing: "Subnet"."""
    return type_.rpartition(":")[2]


def on_hybrid_nodes(deployment: Resource) -> bool:
    """Whether a Deployment's pods may run on hybrid nodes only."""
    pod = deployment.inputs["spec"]["template"]["spec"]
    selected = pod.get("nodeSelector", {}).get(COMPUTE_TYPE_LABEL) == HYBRID_COMPUTE
    return selected or ACTIVATION_LABEL in str(pod.get("affinity", ""))


def is_awaited(deployment: Resource) -> bool:
    """Whether `pulumi up` waits for a Deployment's pods."""
    return deployment.inputs["metadata"].get("annotations", {}).get("pulumi.com/skipAwait") != "true"


def subnets_of(recording: Recording, vpc: str, kind: str) -> list[Mapping[str, Any]]:
    """The inputs of the public or the private subnets of a VPC; `vpc` names the output.

    They are in the order of their names, and those of a VPC that was there before the stack in that of the settings.
    """
    outputs = recording.stack_outputs
    return [
        subnet.inputs
        for subnet in recording.in_use("aws:ec2/subnet:Subnet")
        if subnet.inputs["vpcId"] == outputs["opsOnly"].get(vpc)
        and (subnet.id in outputs["privateSubnetIds"] or "-private-" in subnet.name) == (kind == "private")
    ]
