"""What a resource takes and gives, read from the typed classes of the installed SDK.

The Python SDKs ship no schema file, but their generated classes say the same: `VpcArgs.__init__` which inputs
there are, of what type, and which have no default; the properties of `Vpc` which outputs.
"""

import functools
import importlib
import inspect
import sys
import threading
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Union

from pulumi import _types
from pulumi.runtime import rpc

from tests.engine.standin import wire

# pulumi_aws loads its modules lazily (pulumi/_utils.py), and a second thread sees one that is half loaded.
_loading = threading.Lock()


@functools.cache
def resource_class(token: str) -> type:
    """Return the SDK's class for a type token such as "aws:ec2/vpc:Vpc"."""
    with _loading:
        return _resource_class(token)


def _resource_class(token: str) -> type:
    package, module, name = token.split(":")
    if (package, module) == ("pulumi", "providers"):
        return importlib.import_module(f"pulumi_{name}").Provider
    importlib.import_module(f"pulumi_{package}")
    for entry in rpc._RESOURCE_MODULES.get(f"{package}:{module}", []):
        info = vars(entry)["mod_info"]
        if token in info["classes"]:
            return getattr(importlib.import_module(info["fqn"]), info["classes"][token])
    raise LookupError(f"the SDK pulumi_{package} has no resource {token}")


@functools.cache
def args_class(token: str) -> type:
    """Return the SDK's input class for a type token."""
    cls = resource_class(token)
    module = sys.modules[cls.__module__]
    for suffix in ("InitArgs", "Args"):  # kubernetes calls the inputs of a resource ServiceInitArgs
        if hasattr(module, cls.__name__ + suffix):
            return getattr(module, cls.__name__ + suffix)
    raise LookupError(f"the SDK has no input class for {token}")


def input_problems(token: str, inputs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (property, reason) for every input that the SDK's types do not allow, and every missing one."""
    yield from _object_problems(inputs, args_class(token), "")


@functools.cache
def _inputs(cls: type) -> tuple[dict[str, Any], frozenset[str]]:
    wire_name = _types.input_type_py_to_pulumi_names(cls)
    parameters = inspect.signature(cls).parameters.values()
    required = {wire_name[p.name] for p in parameters if p.default is p.empty and p.name in wire_name}
    # Kubernetes' own extensions of OpenAPI have dashes, which the SDK writes as underscores.
    types = {
        name.replace("_", "-") if name.startswith("x_kubernetes") else name: annotation
        for name, annotation in _types.input_type_types(cls).items()
    }
    return types, frozenset(required)


def _object_problems(value: dict[str, Any], cls: type, path: str) -> Iterator[tuple[str, str]]:
    allowed, required = _inputs(cls)
    for name in sorted(required - value.keys()):
        yield f"{path}{name}", f"missing required property of {cls.__name__}"
    for name, item in value.items():
        if name not in allowed:
            yield f"{path}{name}", f"{cls.__name__} has no such property; it has {', '.join(sorted(allowed))}"
        else:
            yield from _value_problems(item, allowed[name], f"{path}{name}")


def _value_problems(value: Any, annotation: Any, path: str) -> Iterator[tuple[str, str]]:
    if value == wire.UNKNOWN or wire.is_reference(value):
        return
    if value is None:
        yield path, "is null"
        return
    choices = list(_alternatives(annotation))
    if Any in choices:
        return
    if isinstance(value, dict):
        objects = [choice for choice in choices if inspect.isclass(choice) and _types.is_input_type(choice)]
        maps = [choice for choice in choices if _origin(choice) is Mapping]
        if objects:
            yield from _object_problems(value, objects[0], f"{path}.")
        elif maps:
            for key, item in value.items():
                yield from _value_problems(item, typing.get_args(maps[0])[1], f"{path}[{key}]")
        else:
            yield path, f"is an object; allowed is {annotation}"
    elif isinstance(value, list):
        lists = [choice for choice in choices if _origin(choice) is Sequence]
        if not lists:
            yield path, f"is a list; allowed is {annotation}"
            return
        for number, item in enumerate(value):
            yield from _value_problems(item, typing.get_args(lists[0])[0], f"{path}[{number}]")
    elif not any(_is_scalar(choice) or value in _literals(choice) for choice in choices):
        yield path, f"is {value!r}; allowed is {annotation}"


def _is_scalar(choice: Any) -> bool:
    # The providers convert among strings, numbers and booleans themselves.
    return inspect.isclass(choice) and not _types.is_input_type(choice) and _origin(choice) is None


def _literals(choice: Any) -> tuple[Any, ...]:
    return typing.get_args(choice) if typing.get_origin(choice) is typing.Literal else ()


def _origin(annotation: Any) -> Any:
    origin = typing.get_origin(annotation)
    for kind in (Mapping, Sequence):
        if inspect.isclass(origin) and issubclass(origin, kind):
            return kind
    return origin


def _alternatives(annotation: Any) -> Iterator[Any]:
    """Yield the types of which a value may be, without what only exists inside the program."""
    if typing.get_origin(annotation) is Union:
        for choice in typing.get_args(annotation):
            yield from _alternatives(choice)
        return
    name = getattr(typing.get_origin(annotation) or annotation, "__name__", "")
    if name in {"Awaitable", "Output", "NoneType"} or typing.is_typeddict(annotation):
        return
    yield annotation


@functools.cache
def outputs(token: str) -> dict[str, tuple[Any, bool]]:
    """Return the outputs of a resource: type, and whether it always has a value."""
    cls = resource_class(token)
    types = _types.resource_types(cls)
    found = {}
    for _, member in inspect.getmembers(cls, lambda each: isinstance(each, property)):
        name = getattr(member.fget, "_pulumi_name", None)
        if name in types:
            returned = typing.get_args(member.fget.__annotations__["return"])[0]
            found[name] = (types[name], type(None) not in typing.get_args(returned))
    return found


def example(annotation: Any, label: str) -> Any:
    """Return a value of a type: what a computed output might look like."""
    choice = next(iter(_alternatives(annotation)), str)
    if _origin(choice) is Sequence:
        return []
    if _origin(choice) is Mapping or choice is Any:
        return {}
    if inspect.isclass(choice) and _types.is_output_type(choice):
        return {}
    return {bool: False, int: 0, float: 0}.get(choice, label)
