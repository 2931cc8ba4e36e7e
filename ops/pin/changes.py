"""What differs between two releases' objects, in words that a person can judge."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_ABSENT = object()
_CRD = "CustomResourceDefinition"
_LONGEST = 100


def images(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every container image, once."""
    return sorted(
        {container["image"] for obj in objects for container in _containers(obj) if "image" in container}
    )


def changes(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What was added, removed or changed, a line each; a definition's schema is only named."""
    before, after = (
        {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects} for objects in (old, new)
    )
    for kind, name in sorted(after.keys() - before.keys()):
        yield f"new      {kind} {name}"
    for kind, name in sorted(before.keys() - after.keys()):
        yield f"removed  {kind} {name}"
    schemas = []
    for kind, name in sorted(before.keys() & after.keys()):
        lines = list(_differences(_keyed(before[kind, name]), _keyed(after[kind, name])))
        if kind == _CRD:
            schemas += [name] * bool(lines)
        else:
            yield from (f"changed  {kind} {name}: {line}" for line in lines)
    if schemas:
        yield f"changed  {len(schemas)} {_CRD}: {', '.join(name.partition('.')[0] for name in schemas)}"


def _containers(obj: Mapping[str, Any]) -> list[dict[str, Any]]:
    pod = (
        obj.get("spec", {}).get("template", {}).get("spec", {})
        if obj["kind"] in ("DaemonSet", "Deployment")
        else {}
    )
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def _keyed(value: Any) -> Any:
    """The same data with lists of named things as maps, so that one more variable is one change."""
    if isinstance(value, Mapping):
        return {key: _keyed(item) for key, item in value.items()}
    if (
        isinstance(value, list)
        and value
        and all(isinstance(item, Mapping) and "name" in item for item in value)
    ):
        return {item["name"]: _keyed({k: v for k, v in item.items() if k != "name"}) for item in value}
    return value


def _differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _differences(
                old.get(key, _ABSENT), new.get(key, _ABSENT), f"{path}.{key}" if path else key
            )
    elif isinstance(old, list) and isinstance(new, list):
        yield from (f"{path} without {_short(item)}" for item in old if item not in new)
        yield from (f"{path} with {_short(item)}" for item in new if item not in old)
    elif isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
        yield from _differences(old.splitlines(), new.splitlines(), path)
    elif old != new:
        yield f"{path} {_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:
    text = "(none)" if value is _ABSENT else " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
