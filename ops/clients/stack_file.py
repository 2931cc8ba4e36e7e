"""Reads a stack's file (Pulumi.STACK.yaml) as the Pulumi CLI does, or refuses it.

The CLI reads the types of YAML 1.2 with Go's yaml.v3 (`on` and `no` are texts), takes the first document only, puts
the project's name before keys without a namespace, and hands every value to the program as a text: a list or a map as
JSON. A value that programs read in different ways (0o17, 1_000, 1e3, a time) is refused: it belongs in quotes.
tests/engine/test_stack_files.py compares the two file by file.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn, TypeVar

import yaml

T = TypeVar("T")

# A file of a few lines may expand to millions of values through its anchors; the CLI refuses that too.
_MOST_VALUES: Final = 100_000

_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(r"[-+]?[0-9]{1,12}\.[0-9]{1,4}")
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
# All that yaml.v3 makes something else of than a text (resolve.go), besides the above.
_ODD: Final = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|\.(inf|Inf|INF))|\.(nan|NaN|NAN)|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]| +).*"
)


class StackFileError(Exception):
    """The file cannot be read as a stack's settings. The text says where, why, and what to do."""


class _RefusedError(yaml.MarkedYAMLError):
    """Something in the file that the CLI refuses."""


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """What a stack's file holds.

    `values` are raw texts by full name (`aws:region`). `secrets` names the settings with an encrypted part: their
    values are not among `values`. `environments` are the ESC environments that may supply more.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()


def read(path: Path, *, project: str) -> StackFile:
    """Read a stack's file; `project` is put before keys without a namespace.

    Errors: FileNotFoundError (there is none); StackFileError (it cannot be read, or the CLI would refuse it).
    """
    return _read(path, lambda data: _stack_file(_load(data), project))


def document(path: Path) -> Any:
    """Read a YAML file of Pulumi's, such as Pulumi.yaml, as plain data with the CLI's types.

    Errors: FileNotFoundError (there is none); StackFileError (it cannot be read).
    """
    return _read(path, _load)


def raw(value: object) -> str:
    """Write a value the way the CLI hands it to a program: a text as it is, the rest as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, separators=(",", ":"))


def _read(path: Path, parsing: Callable[[bytes], T]) -> T:
    where = path.name
    try:
        return parsing(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StackFileError(f"{where} cannot be read: {error.strerror or error}") from None
    except yaml.MarkedYAMLError as error:
        if error.problem_mark:
            where += f", line {error.problem_mark.line + 1}"
        problem = ("" if isinstance(error, _RefusedError) else "it is not YAML: ") + str(error.problem)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = f"it is not YAML: {str(error).splitlines()[0]}"
    except RecursionError:
        problem = "it is nested too deeply, or an anchor contains itself"
    raise StackFileError(f"{where}: {problem}. Correct the file, then run this again") from None


# libyaml, which yaml.v3 was made from, where PyYAML has it: the two agree on tabs and the like.
_Parser: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE, _STR, _SEQ, _MAP = (f"tag:yaml.org,2002:{name}" for name in ("merge", "str", "seq", "map"))


class _Loader(_Parser):
    """Types plain values by `_plain`; refuses other tags, and keys that are there twice or are no texts."""

    yaml_implicit_resolvers: ClassVar = {
        "<": [(_MERGE, re.compile("<<$"))],
        None: [("!plain", re.compile(""))],
    }
    yaml_constructors: ClassVar = {
        **{tag: _Parser.yaml_constructors[tag] for tag in (_STR, _SEQ, _MAP)},
        "!plain": lambda _, node: _plain(node),
        None: lambda _, node: _refuse("a value with a tag is not for settings", node),
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        names: set[str] = set()
        for key, _ in node.value:
            name = _plain(key) if key.tag == "!plain" else key.value
            if not isinstance(name, str) or (name == "<<" and key.tag != _MERGE):
                _refuse(f"{key.value} is not a name; write it as a text, in quotes", key)
            if name in names:
                _refuse(f"{name} is there twice", key)
            names.add(name)
        return super().construct_mapping(node, deep)


def _refuse(problem: str, node: yaml.Node) -> NoReturn:
    raise _RefusedError(problem=problem, problem_mark=node.start_mark)


def _plain(node: yaml.ScalarNode) -> object:
    """Give a value without quotes its type, as resolve.go of yaml.v3 does."""
    text = str(node.value)
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return int(float(text)) if float(text).is_integer() else float(text)
    if parts := _DATE.fullmatch(text):
        with contextlib.suppress(ValueError):
            # As Go prints a time.
            return f"{date(*map(int, parts.groups()))} 00:00:00 +0000 UTC"
    elif _ODD.fullmatch(text.replace("_", "")):
        _refuse(f"{text} is a number, a time or a text, by who reads it; write it in quotes", node)
    return text


def _load(data: bytes) -> Any:
    """Give the first document of a YAML file; what follows must be YAML too."""
    documents = list(yaml.load_all(data, _Loader))
    return documents[0] if documents else None


def _stack_file(top: Any, project: str) -> StackFile:
    if top is None:
        return StackFile()
    if not isinstance(top, dict):
        raise _RefusedError(problem="it is not a map with the key config")
    config = top.get("config")
    if config is None:
        config = {}
    if not isinstance(config, dict):
        raise _RefusedError(problem="config is not a map of settings")
    written: dict[str, str] = {}
    for key in config:
        name = _full_name(key, project)
        if name in written:
            raise _RefusedError(
                problem=f"{name} is set twice, as {written[name]} and as {key}; the Pulumi CLI takes either, by chance"
            )
        written[name] = key
    if sum(1 for _ in _inside(config)) > _MOST_VALUES:
        raise _RefusedError(problem="its anchors make too many values of it")
    secrets = tuple(name for name, key in written.items() if any(map(_is_secret, _inside(config[key]))))
    return StackFile(
        values={name: raw(config[key]) for name, key in written.items() if name not in secrets},
        secrets=secrets,
        environments=tuple(_environments(top.get("environment"))),
    )


def _full_name(key: str, project: str) -> str:
    parts = key.split(":")
    # The CLI still knows the form of its first years: aws:config:region.
    if len(parts) == 3 and parts[1] == "config":
        return f"{parts[0]}:{parts[2]}"
    if len(parts) > 2:
        raise _RefusedError(problem=f"{key} is not the name of a setting; the form is namespace:name")
    return key if len(parts) == 2 else f"{project}:{key}"


def _inside(value: object) -> Iterator[object]:
    """Give a value and all values in it, as long as they are not too many."""
    waiting = [value]
    for _ in range(_MOST_VALUES + 1):
        if not waiting:
            return
        item = waiting.pop()
        yield item
        waiting.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())


def _is_secret(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"} and isinstance(value["secure"], str)


def _environments(value: object) -> Iterator[str]:
    """Name the environments: a text, a list of texts or maps, or a map with `imports`; anything else by its form."""
    if isinstance(value, dict):
        if "values" in value:
            yield "(written in the file)"
        value = value.get("imports")
    for item in value if isinstance(value, list) else [] if value is None else [value]:
        yield ", ".join(map(str, item)) if isinstance(item, dict) else str(item)
