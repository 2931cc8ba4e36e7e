"""Writes the parts of README.md that say what the program already knows: `python -m ops.docs`. A test compares."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent


def settings_table() -> str:
    """Every setting of Pulumi.yaml's schema: name, default, description."""
    schema = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    rows = [
        f"| `{name}` | {_default(part.get('default'))} | {_cell(part['description'])} |"
        for name, part in schema.items()
    ]
    return "\n".join(["| setting | default | what it is |", "|---|---|---|", *rows])


def render(text: str, sections: Mapping[str, Callable[[], str]] | None = None) -> str:
    """The document with each section between its markers written anew.

    Errors: ValueError for a section without markers.
    """
    for name, make in (sections or SECTIONS).items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(
                f"README.md has no place for {name}: put <!-- {name} --> and <!-- /{name} --> where it belongs"
            )
        body = make()
        text = pattern.sub(lambda match, body=body: f"{match[1]}{body}\n{match[2]}", text)
    return text


def _default(value: Any) -> str:
    if value in ("", None, [], {}):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


SECTIONS: Mapping[str, Callable[[], str]] = {"settings": settings_table}


def main() -> None:
    """Rewrite README.md."""
    readme = ROOT / "README.md"
    readme.write_text(render(readme.read_text()))


if __name__ == "__main__":
    main()
