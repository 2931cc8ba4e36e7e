"""Values as the provider protocol sends them: a protobuf Struct with a few dictionaries that mean something else.

The keys and values below are the protocol's constants, in every SDK (sdk/go/common/resource/sig).
"""

import importlib
from typing import Any

from google.protobuf import json_format

# Their classes are made when the modules load, which no type checker sees.
Struct: Any = vars(importlib.import_module("google.protobuf.struct_pb2"))["Struct"]
Empty: Any = vars(importlib.import_module("google.protobuf.empty_pb2"))["Empty"]

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"


def to_struct(value: dict[str, Any]) -> Any:
    """Return `value` as it travels."""
    struct = Struct()
    struct.update(value)
    return struct


def from_struct(struct: Any) -> dict[str, Any]:
    """Return what travelled, whole numbers as int, the special dictionaries untouched."""
    return _whole_numbers(json_format.MessageToDict(struct))


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def plain(value: Any) -> Any:
    """Return `value` with every secret replaced by what it hides."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return plain(value["value"])
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def reference(urn: str, identity: str) -> dict[str, Any]:
    """Return a reference to a resource, which the receiving SDK turns into a resource object."""
    return {SIGNATURE: RESOURCE, "urn": urn, "id": identity}


def is_reference(value: Any) -> bool:
    """Tell whether `value` stands for a resource."""
    return isinstance(value, dict) and value.get(SIGNATURE) == RESOURCE
