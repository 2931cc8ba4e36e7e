"""A stack's raw configuration, as the CLI would hand it to the program."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

import settings

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def stack_config(
    project_dir: Path, stack_name: str, overrides: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The defaults of Pulumi.yaml's schema, then Pulumi.<stack>.yaml, then `overrides`, as raw values by full name.

    The CLI applies the schema's defaults itself; the SDK does not.
    Keys without a namespace belong to the project. A key may be a path, as for `pulumi config set --path`:
    `hybridNodes[1].os`. Structured values are JSON strings, as on the wire.

    Errors: FileNotFoundError when the stack has no Pulumi.<stack>.yaml.
    """
    stack = yaml.safe_load((project_dir / f"Pulumi.{stack_name}.yaml").read_text()) or {}
    values: dict[str, Any] = dict(settings.schema_defaults(project_dir / "Pulumi.yaml"))
    values |= stack.get("config") or {}
    for key, value in (overrides or {}).items():
        _override(values, key if ":" in key else f"{settings.PROJECT}:{key}", value)
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def _override(values: dict[str, Any], path: str, value: str) -> None:
    namespace, _, rest = path.partition(":")
    steps = [int(index) if index else name for name, index in _STEP.findall(rest)]
    top = f"{namespace}:{steps[0]}"
    values[top] = _with(values.get(top), steps[1:], value)


def _with(container: Any, steps: list[Any], value: str) -> Any:
    """The container with the value at a path; what is missing on the way is made, as in the CLI."""
    if not steps:
        return value
    if isinstance(container, str):
        container = json.loads(container)
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        items = list(container or [])
        items += [None] * (step + 1 - len(items))
        items[step] = _with(items[step], rest, value)
        return items
    return {**(container or {}), step: _with((container or {}).get(step), rest, value)}
