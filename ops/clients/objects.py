"""What every object of Kubernetes has, read from the API's JSON. Total: what is missing, or no such thing, is empty."""

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]


def part(item: Object, *path: str) -> dict[str, Any]:
    """Give the map at a path, such as `metadata`, `labels`."""
    found: Any = item
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, dict) else {}


def name_of(item: Object) -> str:
    """Give an object's name."""
    return str(part(item, "metadata").get("name", ""))


def namespace_of(item: Object) -> str:
    """Give an object's namespace."""
    return str(part(item, "metadata").get("namespace", ""))


def labels_of(item: Object) -> dict[str, str]:
    """Give an object's labels."""
    return part(item, "metadata", "labels")


def conditions_of(item: Object) -> dict[str, Object]:
    """Give an object's conditions by type."""
    return {each.get("type", ""): each for each in part(item, "status").get("conditions") or []}


def is_ready(item: Object) -> bool:
    """Tell whether a Node or a Pod is Ready."""
    return conditions_of(item).get("Ready", {}).get("status") == "True"
