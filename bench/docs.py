"""Writes the parts of the documents that say what the program already knows: `make docs`. A test compares."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bench import permissions
from infra.changes import DEFAULTED
from ops.clients.stack_config import stack_config
from ops.doctor.failures import FAILURES, Failure
from ops.plan.billing import billed
from ops.plan.flows import Expectations
from ops.plan.flows.expected import flows
from ops.program.fake_cloud import FakeCloud
from ops.program.recorder import evaluate
from ops.program.running import run_stack, without_calico_objects
from ops.verify.catalogue import CHECKS
from settings.model import Settings
from settings.values import EXAMPLE_ROLE

ROOT = Path(__file__).resolve().parent.parent


def table(head: str, rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; `head` is its first line."""
    lines = [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join([head, "|---" * (head.count("|") - 1) + "|", *lines])


def cell(text: str) -> str:
    """A text for a cell of a table: one line, in which a pipe does not end the cell."""
    return " ".join(text.split()).replace("|", "\\|")


def settings_table() -> str:
    """Every setting of Pulumi.yaml's schema: name, default, description."""
    schema = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    chosen = {
        field.alias: field.default for field in Settings.model_fields.values() if field.alias in DEFAULTED
    }
    rows = (
        (f"`{name}`", _default(chosen.get(name, part.get("default"))), cell(part["description"]))
        for name, part in schema.items()
    )
    return table("| setting | default | what it is |", rows)


def _default(value: Any) -> str:
    if value in ("", None, [], {}):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def failures_table(failures: Iterable[Failure] = FAILURES) -> str:
    """What `ops doctor` knows: symptom, cause with its source, fix.

    What only waits is left out: nothing is broken, and doctor says so when it sees it.
    """

    def words(text: str) -> str:
        # The stars of a URN pattern would be markup.
        return re.sub(r"'\*\*[^']+'", r"`\g<0>`", text.replace("|", "\\|"))

    rows = (
        (
            words(failure.symptom),
            f"{words(failure.why or 'the text does not say')} ([source]({failure.source}))",
            words(failure.fix),
        )
        for failure in failures
        if not failure.waits
    )
    return table("| What you see | Why | What to do |", rows)


def billed_table() -> str:
    """What AWS bills of the dev stack, counted from its plan."""
    rows = ((row.component, row.count, row.by) for row in billed(run_stack("dev", {}).recording))
    return table("| component | how many | billed by |", rows)


def flows_table() -> str:
    """Every network flow of the dev stack that `ops plan` proves, and what a reader sees without it."""
    rows = (
        (flow.number, flow.source, flow.target, f"{flow.protocol} {flow.port or ''}", flow.breaks)
        for flow in flows(Expectations.from_config(stack_config(ROOT, "dev").values))
    )
    return table("| # | from | to | port | without it |", rows)


def checks_table() -> str:
    """Every check of `ops verify`, and what a pass proves."""
    return table(
        "| check | what a pass proves |", ((f"`{check.id}`", cell(check.proves)) for check in CHECKS)
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


def policies() -> dict[str, str]:
    """The policy documents, by file: what the dev stack, with every kind of node and logs, needs."""
    values = dict(
        stack_config(
            ROOT, "dev", {"controlPlaneLogs[0]": "audit", "clusterAdmins[0]": EXAMPLE_ROLE}, ask_cli=False
        ).values
    )
    # Calico's objects ask nothing of AWS, so that nothing has to be fetched.
    with without_calico_objects():
        recording = evaluate(ROOT, "dev", values, cloud=FakeCloud(region=values["aws:region"]))
    documents = {
        **permissions.policies(recording),
        "deploy-gateway": permissions.gateway_policy(),
        "read": permissions.reading_policy(),
    }
    return {
        f"docs/policies/{name}.json": permissions.written(document) for name, document in documents.items()
    }


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
