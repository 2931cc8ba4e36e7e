"""What is in the stand-ins' cloud, without what differs from stack to stack: ids, made-up names, generations, times.

Two stacks have the same cloud when each thing of the one has its like in the other: of the same type, told the same,
and leading to things that are alike. The names that Pulumi has for them do not count.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from infra.names import POD_IDENTITY_AGENT
from tests.engine.hybrid_apis import add_on_of
from tests.engine.standin import cloud
from tests.engine.standin.world import ACTIVATION, AUTO_SCALING, MADE_BY_EKS, NODE_GROUP, TARGET, Thing, World

# A generation or a time; and of an activation what the program keeps on purpose (infra/activation.py).
_LEFT_OUT = {
    "aws:ec2/instance:Instance": ("ami", "userData", "userDataBase64"),
    ACTIVATION: ("description", "expirationDate", "tags", "tagsAll"),
}
_PLACES = (TARGET, AUTO_SCALING)
# What AWS gives to a thing, and others are told.
_GIVEN = ("arn", "privateIp", "dnsName", "activationCode")


def things(world: World) -> list[Thing]:
    """What the stack has: not what is somebody else's, nor the log group that EKS writes again.

    A target that was registered twice is one target.
    """
    ours, places = list[Thing](), set[str]()
    for thing in world:
        place = f"{thing.token} {told(thing.token, thing.inputs)}" if thing.token in _PLACES else thing.id
        again = thing.token in _PLACES and place in places
        if thing.outputs and not again and thing.id != MADE_BY_EKS:
            ours.append(thing)
            places.add(place)
    return ours


def to_the_last_byte(world: World) -> dict[tuple[str, str], str]:
    """All that exists, somebody else's too: by type and id, what it is."""
    return {
        (thing.token, thing.id): json.dumps([thing.inputs, thing.outputs], sort_keys=True) for thing in world
    }


def told(token: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """What a thing is told to be, without what is left out."""
    kept = {key: value for key, value in inputs.items() if key not in _LEFT_OUT.get(token, ())}
    if token == NODE_GROUP:
        kept["launchTemplate"] = {"id": kept["launchTemplate"]["id"]}
    return kept


def asked_of_eks(agent: dict[str, Any]) -> Thing:
    """What EKS has once a dynamic provider has asked for the agent of Pod Identity."""
    asked = {
        "addonVersion": agent["version"],
        "configurationValues": agent["configuration"],
        "tags": agent["tags"],
    }
    return add_on_of(agent["cluster_name"], POD_IDENTITY_AGENT, asked)


def known(token: str, identity: str | None, inputs: dict[str, Any]) -> tuple[str, str | None, dict[str, Any]]:
    """What tells one thing of a stack from another: of a target only where it is."""
    return token, None if token in _PLACES else identity, told(token, inputs)


def likeness(world: World) -> Counter[str]:
    """Count things by what they are, what they lead to included."""
    return Counter(_Likeness(things(world)).all())


def differences(world: World, other: World, *, names: tuple[str, str]) -> str:
    """Say what only one of two clouds has; empty when they are alike."""
    ours, theirs = likeness(world), likeness(other)
    only = [(name, rest) for name, rest in zip(names, (ours - theirs, theirs - ours), strict=True) if rest]
    return "\n".join(f"only {name}: {text}" for name, rest in only for text in sorted(rest.elements()))


class _Likeness:
    """Reads each thing once; what it leads to stands in it as a digest."""

    def __init__(self, of: list[Thing]) -> None:
        self._of = of
        known_by = {text: thing for thing in of for text in _known_by(thing)}
        # The longest first: one address may begin like another.
        self._known_by = {text: known_by[text] for text in sorted(known_by, key=len, reverse=True)}
        self._texts: dict[int, str] = {}

    def all(self) -> Iterator[str]:
        return (self._text(thing) for thing in self._of)

    def _text(self, thing: Thing) -> str:
        if id(thing) not in self._texts:
            # A thing may name itself: its own name has no meaning.
            self._texts[id(thing)] = thing.token
            value = self._alike(told(thing.token, thing.inputs), thing)
            self._texts[id(thing)] = f"{thing.token} {json.dumps(value, sort_keys=True)}"
        return self._texts[id(thing)]

    def _alike(self, value: Any, inside: Thing) -> Any:
        if isinstance(value, dict):
            return {key: self._alike(item, inside) for key, item in value.items()}
        if isinstance(value, list):
            return [self._alike(item, inside) for item in value]
        if isinstance(value, str):
            return self._led(value, inside)
        return value

    def _led(self, text: str, inside: Thing) -> str:
        """Put a digest in the place of each thing that a text leads to; a policy's document names several."""
        for known, other in self._known_by.items():
            if known in text:
                digest = "itself" if other is inside else _digest(self._text(other))
                text = text.replace(known, f"<{digest}>")
        return text


def _digest(text: str) -> str:
    return f"{text.split()[0]} {hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _known_by(thing: Thing) -> Iterator[str]:
    """Give what nobody could know before the thing was there."""
    if thing.token.startswith("kubernetes:"):
        return
    key = cloud.AUTO_NAMES.get(thing.token, ("", 0))[0]
    name = str(thing.inputs.get(key, ""))
    made_up = name[-8:-7] == "-"
    if made_up:
        yield name
    if thing.id != name:
        yield thing.id
    # The ARN of what has a name of ours can be known.
    given = _GIVEN if made_up or not name else _GIVEN[1:]
    yield from (text for key in given if (text := thing.outputs.get(key)))
    for identity in thing.outputs.get("identities") or ():
        yield from (oidc["issuer"] for oidc in identity.get("oidcs", ()))
    for resources in thing.outputs.get("resources") or ():
        yield from (group["name"] for group in resources.get("autoscalingGroups", ()))
