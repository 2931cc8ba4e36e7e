"""What to look at: a stack's outputs as far as they exist, the rest from its settings.

A stack that failed half way has no outputs, or those of its last success. So nothing here is required of them, and
discovery.py adds what carries the stack's tag.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.clients.errors import AskError
from ops.clients.stack_config import project_name, stack_config
from ops.clients.stack_file import StackFileError
from ops.clients.tools import run as run_program

PROJECT_DIR = Path(__file__).resolve().parents[2]
# infra/account.py puts it on everything that takes tags; importing it from there would import pulumi.
STACK_TAG = "eks-hybrid-calico:stack"

_SAVE = "pulumi stack output --json --show-secrets > outputs.json && ops doctor --outputs outputs.json"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A hybrid node's EC2 instance. What is not known is empty; `name` is the one in the settings."""

    name: str
    instance_id: str = ""
    activation_id: str = ""
    private_ip: str = ""

    @property
    def label(self) -> str:
        """Name it for people and for the AWS CLI."""
        return f"{self.name} ({self.instance_id})" if self.instance_id else self.name


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A stack, as far as outputs and settings know it. The kubeconfig is a secret and in no repr."""

    project: str
    stack: str
    region: str
    profile: str | None
    cluster_name: str
    machines: tuple[Machine, ...] = ()
    target_groups: Mapping[str, str] = field(default_factory=dict)
    remote_node_networks: tuple[str, ...] = ()
    hybrid_role_arn: str = ""
    kubeconfig: Mapping[str, Any] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        """Give the value of the stack's tag."""
        return f"{self.project}/{self.stack}"

    @property
    def title(self) -> dict[str, str]:
        """Say what a report is about."""
        return {"stack": self.stack, "cluster": self.cluster_name, "region": self.region}


Outputs = Mapping[str, Any]


def find(*, stack: str | None, outputs: str | None, project_dir: Path = PROJECT_DIR) -> Subject:
    """Put together what is known of a stack.

    Args:
        stack: its name, or None for that of the outputs, the selected one, or the only one.
        outputs: a file with the stack's outputs as JSON, `-` for standard input, None to ask the Pulumi CLI.
        project_dir: where Pulumi.yaml and the settings are.

    Raises:
        AskError: a named file cannot be used, or region and cluster are known from nowhere.

    """
    notes: list[str] = []
    values = _read(outputs) if outputs else _ask_cli(stack, notes)
    checks = _mapping(values.get("checks"))
    full = stack or _text(checks.get("stack")) or _selected(project_dir)
    short = full.rpartition("/")[2]
    config = _settings(project_dir, full, notes)
    if not values and not notes:
        notes.append("the stack has no outputs: pulumi up has not come to its end yet")
    region = _text(checks.get("region")) or config.get("aws:region") or os.environ.get("AWS_REGION", "")
    project = _text(checks.get("project")) or project_name(project_dir)
    cluster = _text(values.get("clusterName")) or config.get(f"{project}:clusterName", "")
    if not region or not cluster:
        raise AskError(
            f"stack {short or '(none)'}: neither its outputs nor Pulumi.{short or 'STACK'}.yaml name "
            + ("a region" if not region else "a cluster"),
            why="; ".join(notes) or "no stack is selected and none was named",
            fix="ops doctor --stack NAME, with the stack's Pulumi.NAME.yaml in the project's folder",
        )
    return Subject(
        project=project,
        stack=short,
        region=region,
        profile=_text(checks.get("profile")) or config.get("aws:profile") or None,
        cluster_name=cluster,
        machines=_machines(values, config.get(f"{project}:hybridNodes", "")),
        target_groups={
            side: _text(arn) for side, arn in _mapping(checks.get("targetGroups")).items() if _text(arn)
        },
        remote_node_networks=_texts(checks.get("remoteNodeNetworks"))
        or _texts([config.get(f"{project}:onPremVpcCidr")]),
        hybrid_role_arn=_text(checks.get("hybridRoleArn")),
        kubeconfig=_kubeconfig(values.get("kubeconfig")),
        notes=tuple(notes),
    )


def _read(name: str) -> Outputs:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AskError(f"--outputs {name}: {error}", why="the file cannot be read", fix=_SAVE) from None
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise AskError(
            f"--outputs {name} is not a JSON object",
            why="it must be what the Pulumi CLI prints with --json",
            fix=_SAVE,
        )
    return values


def _ask_cli(stack: str | None, notes: list[str]) -> Outputs:
    command = ["pulumi", "stack", "output", "--json", "--show-secrets", "--non-interactive"]
    try:
        done = run_program(
            [*command, "--stack", stack] if stack else command,
            environment={"PULUMI_SKIP_UPDATE_CHECK": "true"},
            timeout_s=120,
            install="https://www.pulumi.com/docs/install/",
        )
    except AskError as error:
        notes.append(f"no stack outputs: {error.problem.seen}")
        return {}
    if done.exit_code:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.exit_code}"]
        notes.append(f"no stack outputs: pulumi stack output: {last[0]}")
        return {}
    return _lenient(lambda: json.loads(done.stdout))


def _selected(project_dir: Path) -> str:
    """Name the stack that the CLI has selected, else the only one with settings; empty when that is not clear."""
    try:
        done = run_program(
            ["pulumi", "stack", "--show-name", "--non-interactive"],
            environment={"PULUMI_SKIP_UPDATE_CHECK": "true"},
            timeout_s=60,
            install="https://www.pulumi.com/docs/install/",
        )
        if not done.exit_code and done.stdout.strip():
            return done.stdout.strip()
    except AskError:
        pass
    found = [path.name.split(".")[1] for path in project_dir.glob("Pulumi.*.yaml")]
    return found[0] if len(found) == 1 else ""


def _settings(project_dir: Path, stack: str, notes: list[str]) -> Mapping[str, str]:
    """Read the stack's settings without judging them: doctor must work when they are what is wrong."""
    try:
        found = stack_config(project_dir, stack)
    except FileNotFoundError as error:
        notes.append(f"no settings: Pulumi.{stack or 'STACK'}.yaml: {error.strerror}")
        return {}
    except StackFileError as error:
        notes.append(f"no settings: {error}")
        return {}
    if found.hidden or found.environments:
        notes.extend(found.notes)
    return found.values


def _machines(values: Outputs, settings: str) -> tuple[Machine, ...]:
    """List the hybrid nodes: those of the outputs, then those the settings name besides."""
    found = [
        Machine(
            name=_text(item.get("name")) or "(unnamed)",
            instance_id=_text(item.get("instanceId")),
            activation_id=_text(item.get("activationId")),
            private_ip=_text(item.get("privateIp")),
        )
        for item in _mappings(values.get("hybridNodes"))
    ]
    known = {machine.name for machine in found}
    try:
        wanted = _mappings(json.loads(settings))
    except ValueError:
        wanted = []
    names = [_text(item.get("name")) for item in wanted]
    return (*found, *(Machine(name=name) for name in names if name and name not in known))


def _kubeconfig(value: object) -> Mapping[str, Any] | None:
    """Accept a kubeconfig as JSON text (the stack output) or as an object (a hand-made file)."""
    parsed = _lenient(lambda: json.loads(value)) if isinstance(value, str) else value
    return parsed if isinstance(parsed, dict) and parsed else None


def _lenient(read: Callable[[], object]) -> Mapping[str, Any]:
    try:
        value = read()
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str) and item) if isinstance(value, list) else ()
