"""Writes the parts of the documents that say what the program already knows: `python -m ops.docs`. A test compares."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
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


def render(text: str, sections: Mapping[str, Callable[[], str]]) -> str:
    """The document with each section between its markers written anew.

    Errors: ValueError for a section without markers.
    """
    for name, make in sections.items():
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


def failures_table(only: Collection[str] = ()) -> str:
    """What `ops doctor` knows: symptom, cause, fix; of all failures, or of some by their ids in that order."""
    from ops.doctor.failures import FAILURES, markdown_table

    known = {failure.id: failure for failure in FAILURES}
    return markdown_table([known[id_] for id_ in only] if only else FAILURES).rstrip()


# What people meet first; the whole table has a page of its own.
COMMON_FAILURES = (
    "nodeadm-too-old",
    "node-ip-outside",
    "activation-expired",
    "list-access-entries-denied",
    "endpoint-unreachable",
    "packages-unreachable",
    "pods-no-api",
    "kubelet-unreachable",
    "node-group-unhealthy",
    "coredns-degraded",
    "vpc-cni",
    "webhook-pod-network",
    "node-leftover",
    "target-timeout",
)

DOCUMENTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {
        "settings": settings_table,
        "failures": lambda: failures_table(COMMON_FAILURES),
    },
    # Links to files of this repository lead from docs/ there.
    "docs/troubleshooting.md": {"failures": lambda: re.sub(r"\]\((?!https:)", "](../", failures_table())},
}


def main() -> None:
    """Rewrite the documents."""
    for name, sections in DOCUMENTS.items():
        document = ROOT / name
        document.write_text(render(document.read_text(), sections))


if __name__ == "__main__":
    main()
