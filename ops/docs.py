"""Writes the parts of the documents that say what the program already knows: `python -m ops.docs`. A test compares."""

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


def render(text: str, sections: Mapping[str, Callable[[], str]]) -> str:
    """The document with each section between its markers written anew.

    Errors: ValueError for a section without markers.
    """
    for name, make in sections.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(
                f"the document has no place for {name}: put <!-- {name} --> and <!-- /{name} --> where it belongs"
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


def failures_table() -> str:
    """What `ops doctor` knows: symptom, cause, fix."""
    from ops.doctor.failures import FAILURES, markdown_table

    return markdown_table(FAILURES).rstrip()


def billed_table() -> str:
    """What AWS bills of the dev stack, counted from its plan."""
    from ops.plan.billing import billed
    from ops.program.running import run_stack

    rows = billed(run_stack("dev", {}).recording)
    cells = [f"| {row.component} | {row.count} | {row.by} |" for row in rows]
    return "\n".join(["| component | how many | billed by |", "|---|---|---|", *cells])


def flows_table() -> str:
    """Every network flow of the dev stack that `ops plan` proves, and what a reader sees without it."""
    from ops.clients.stack_config import stack_config
    from ops.plan.flows import Expectations
    from ops.plan.flows.expected import flows

    expectations = Expectations.from_config(stack_config(ROOT, "dev").values)
    rows = [
        f"| {flow.number} | {flow.source} | {flow.target} | {flow.protocol} {flow.port or ''} | {flow.breaks} |"
        for flow in flows(expectations)
    ]
    return "\n".join(["| # | from | to | port | without it |", "|---|---|---|---|---|", *rows])


def checks_table() -> str:
    """Every check of `ops verify`, and what a pass proves."""
    from ops.verify.catalogue import CHECKS

    return "\n".join(
        [
            "| check | what a pass proves |",
            "|---|---|",
            *(f"| `{each.id}` | {_cell(each.proves)} |" for each in CHECKS),
        ]
    )


def sample(name: str) -> str:
    """A report as the tests expect it, word for word: a stand-in deployment with planted faults, no AWS account."""
    return f"```text\n{(ROOT / name).read_text(encoding='utf-8').rstrip()}\n```"


DOCUMENTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {"billed": billed_table},
    "docs/design.md": {"flows": flows_table},
    "docs/settings.md": {"settings": settings_table},
    "docs/verify.md": {
        "checks": checks_table,
        "sample": lambda: sample("tests/ops/verify/golden/faulty-pretty.txt"),
    },
    "docs/doctor.md": {"sample": lambda: sample("tests/ops/doctor/golden/nodeadm-too-old-80.txt")},
    # Links to files of this repository lead from docs/ there.
    "docs/troubleshooting.md": {"failures": lambda: re.sub(r"\]\((?!https:)", "](../", failures_table())},
}


def policies() -> dict[str, str]:
    """The policy documents, by file: what the dev stack, with every kind of node and logs, needs."""
    from ops.clients.stack_config import stack_config
    from ops.program import permissions
    from ops.program.fake_cloud import FakeCloud
    from ops.program.recorder import evaluate
    from ops.program.running import without_calico_objects

    overrides = {"controlPlaneLogs[0]": "audit"}
    values = dict(stack_config(ROOT, "dev", overrides, ask_cli=False).values)
    # Calico's objects ask nothing of AWS, so that nothing has to be fetched.
    with without_calico_objects():
        recording = evaluate(ROOT, "dev", values, cloud=FakeCloud(region=values["aws:region"]))
    found = {**permissions.policies(recording), "read": permissions.reading_policy()}
    return {f"docs/policies/{name}.json": permissions.written(each) for name, each in found.items()}


def main() -> None:
    """Rewrite the documents."""
    for name, text in policies().items():
        (ROOT / name).parent.mkdir(exist_ok=True)
        (ROOT / name).write_text(text)
    for name, sections in DOCUMENTS.items():
        document = ROOT / name
        document.write_text(render(document.read_text(), sections))


if __name__ == "__main__":
    main()
