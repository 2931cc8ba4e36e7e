"""Adds rows to the tables of digests in infra/versions.py, and changes nothing else in it."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from infra import versions

Row = TypeVar("Row")
FILE = Path(versions.__file__)


def add_calico(version: str, digest: str) -> str:
    """Add a release's digest; returns what was done, for a person. Errors: OSError."""
    rows = _newest_first({**versions.CALICO_SHA256, version: digest})
    _rewrite("CALICO_SHA256", [f'        "{name}": "{value}",' for name, value in rows.items()])
    return f"{FILE.name}: CALICO_SHA256 has {version} now; run the tests, then commit it.\n"


def add_nodeadm(version: str, digests: Mapping[str, str]) -> str:
    """Add a release's digests by architecture; returns what was done, for a person. Errors: OSError."""
    lines = []
    for name, row in _newest_first({**versions.NODEADM_SHA256, version: digests}).items():
        inner = [f'            "{architecture}": "{digest}",' for architecture, digest in row.items()]
        lines += [f'        "{name}": {{', *inner, "        },"]
    _rewrite("NODEADM_SHA256", lines)
    return f"{FILE.name}: NODEADM_SHA256 has {version} now; run the tests, then commit it.\n"


def _newest_first(rows: Mapping[str, Row]) -> dict[str, Row]:
    return dict(
        sorted(rows.items(), key=lambda row: [int(n) for n in row[0].lstrip("v").split(".")], reverse=True)
    )


def _rewrite(name: str, rows: list[str]) -> None:
    text = FILE.read_text(encoding="utf-8")
    lines = text.splitlines()
    (node,) = (
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name
    )
    start, end = node.lineno - 1, node.end_lineno or node.lineno
    head = lines[start].partition(" = ")[0]
    lines[start:end] = [f"{head} = MappingProxyType(", "    {", *rows, "    }", ")"]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
