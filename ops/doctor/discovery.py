"""Adds to a subject what carries its stack's tag: instances, activations, target groups. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from infra.names import STACK_TAG
from ops.doctor.subject import Machine, Subject

Object = Mapping[str, Any]


def machines(subject: Subject, instances: Iterable[Object], activations: Iterable[Object]) -> list[Machine]:
    """List the stack's hybrid machines: of the outputs, of the tag, of the settings.

    While a node is being replaced it has two machines of one name. A machine known by its tag alone gets the newest
    activation of its name that is older than it; the program makes one for each machine.
    """
    found = list(subject.machines)
    known = {machine.instance_id for machine in found if machine.instance_id}
    claimed = {machine.activation_id for machine in found if machine.activation_id}
    free = [item for item in activations if item.get("ActivationId") not in claimed]
    new = [item for item in instances if item.get("InstanceId") not in known and not _managed(item)]
    for item in sorted(new, key=lambda item: _moment(item.get("LaunchTime")), reverse=True):
        name = _tags(item).get("Name") or "(unnamed)"
        activation = _activation(name, item, free)
        free = [one for one in free if one is not activation]
        machine = Machine(
            name=name,
            instance_id=str(item.get("InstanceId", "")),
            activation_id=str(activation.get("ActivationId", "")) if activation else "",
            private_ip=str(item.get("PrivateIpAddress") or ""),
        )
        # It takes the place of a name that the settings hold and that had no machine yet.
        placeholder = next((one for one in found if one.name == name and not one.instance_id), None)
        if placeholder is not None:
            found[found.index(placeholder)] = machine
        else:
            found.append(machine)
    return [_with_activation(machine, free) for machine in found]


def activations(subject: Subject, found: Iterable[Object]) -> list[Object]:
    """Pick the stack's activations: by id, by tag, or by what the program writes into their description."""
    ids = {machine.activation_id for machine in subject.machines if machine.activation_id}
    return [
        item
        for item in found
        if item.get("ActivationId") in ids
        or _tags(item).get(STACK_TAG) == subject.tag
        or str(item.get("Description", "")).endswith(f" of EKS cluster {subject.cluster_name}")
    ]


def target_groups(subject: Subject, found: Sequence[Object]) -> dict[str, str]:
    """Map a side to its target group: hybrid nodes are targets by address, managed ones by instance."""
    sides = {"ip": "hybrid", "instance": "managed"}
    tagged = {
        sides[str(item.get("TargetType"))]: str(item.get("TargetGroupArn", ""))
        for item in found
        if item.get("TargetType") in sides
    }
    return {**tagged, **subject.target_groups}


def _with_activation(machine: Machine, free: Sequence[Object]) -> Machine:
    """An activation without a machine: pulumi up stopped between the two."""
    if machine.activation_id or machine.instance_id:
        return machine
    activation = _activation(machine.name, {}, free)
    return replace(machine, activation_id=str(activation.get("ActivationId", ""))) if activation else machine


def _activation(name: str, instance: Object, free: Sequence[Object]) -> Object | None:
    launched = _moment(instance.get("LaunchTime"))
    fitting = [
        item
        for item in free
        if name in (_tags(item).get("Name"), item.get("DefaultInstanceName"))
        and (not launched or _moment(item.get("CreatedDate")) <= launched)
    ]
    return max(fitting, key=lambda item: _moment(item.get("CreatedDate")), default=None)


def _managed(instance: Object) -> bool:
    """Tell the node group's instances, which carry the stack's tag too, by the tags of their creators."""
    tags = _tags(instance)
    return "eks:nodegroup-name" in tags or "aws:autoscaling:groupName" in tags


def _tags(item: Object) -> dict[str, str]:
    return {
        tag.get("Key", ""): tag.get("Value", "") for tag in item.get("Tags") or [] if isinstance(tag, Mapping)
    }


def _moment(value: object) -> float:
    return value.timestamp() if isinstance(value, datetime) else 0.0
