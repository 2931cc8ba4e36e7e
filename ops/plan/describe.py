"""What one resource is, in a few words: the inputs that matter, with references by name and secrets masked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ops.program.recorder import Recording, Resource

_WORDS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))

GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULES: Mapping[str, tuple[str, str]] = {
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ("in ", "from"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ("out", "to"),
}


class Describer:
    """Describes the resources of one recording."""

    def __init__(self, recording: Recording) -> None:
        self._names: dict[str, str] = {}
        for resource in recording.resources.values():
            for value in (resource.id, resource.outputs.get("arn"), resource.outputs.get("name")):
                if isinstance(value, str) and value:
                    self._names.setdefault(value, resource.name)
            address = resource.outputs.get("privateIp")
            if address:
                self._names[address] = f"address of {resource.name}"

    def __call__(self, resource: Resource) -> str:
        """A few words on a resource; empty when its name says it all."""
        if resource.type == "kubernetes:yaml/v2:ConfigGroup":
            return _objects(resource)
        words = []
        for shown in _WORDS["shown"].get(resource.type, ()):
            label, _, path = shown.rpartition(" ")
            value = look_up(resource.inputs, path)
            if value is None:
                continue
            text = "[secret]" if path in resource.secrets else self.name(value)
            if label or text not in resource.name:
                words.append(f"{label} {text}".strip())
        return ", ".join(words)

    def summary(self, component: Resource, inside: Iterable[Resource]) -> str:
        """A few words on a component: what the main resources in it are; of several alike, how many."""
        main = _WORDS["summary"].get(component.type.split(":")[1])
        if not component.component or main is None:
            return self(component)
        type_, shown = main
        label, blank, path = shown.rpartition(" ")
        found: dict[str, int] = {}
        for resource in inside:
            if resource.type == type_:
                words = f"{label}{blank}{self.name(look_up(resource.inputs, path))}"
                found[words] = found.get(words, 0) + 1
        return ", ".join(f"{count} x {words}" if count > 1 else words for words, count in found.items())

    def name(self, value: Any) -> str:
        """A value as text; the identity of a resource of this plan becomes the resource's name."""
        text = str(value)
        if text.startswith("arn:") and ":policy/" in text:
            return text.rpartition("/")[2]
        return self._names.get(text, text)

    def rules(self, group: Resource, resources: Iterable[Resource]) -> list[str]:
        """The rules of a security group, one line for each direction and port: "in  tcp 443 from managed"."""
        peers: dict[str, list[str]] = {}
        for rule in resources:
            if rule.type in RULES and rule.inputs.get("securityGroupId") == group.id:
                direction, word = RULES[rule.type]
                key = f"{direction} {rule.inputs['ipProtocol']} {rule.inputs['fromPort']} {word} "
                peer = rule.inputs.get("cidrIpv4") or self.name(
                    rule.inputs.get("referencedSecurityGroupId", "")
                )
                peers.setdefault(key, []).append(peer)
        return [key + ", ".join(sorted(found)) for key, found in sorted(peers.items())]


def look_up(value: Any, path: str) -> Any:
    """The value at a path such as "a.b[0].c", or None where there is none."""
    for step in path.replace("[", ".[").split("."):
        if step.startswith("["):
            index = int(step[1:-1])
            value = value[index] if isinstance(value, list) and len(value) > index else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is None:
            return None
    return value


def short_type(type_: str) -> str:
    """The last part of a type token, which is what people call the thing: "Subnet"."""
    return type_.rpartition(":")[2]


def _objects(resource: Resource) -> str:
    kinds: dict[str, int] = {}
    for obj in resource.inputs.get("objs", []):
        kind = {"CustomResourceDefinition": "CRD"}.get(obj["kind"], obj["kind"])
        kinds[kind] = kinds.get(kind, 0) + 1
    return ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in sorted(kinds.items()))
