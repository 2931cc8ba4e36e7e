"""What to look at: a stack's outputs as far as they exist, the rest from its settings.

A stack that failed half way has no outputs, or those of its last success. So nothing here is required of them, and
discovery.py adds what carries the stack's tag.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import settings
from ops.clients import stack_outputs, tools
from ops.clients.errors import AskError
from ops.clients.stack_config import project_name, stack_config
from ops.clients.stack_file import StackFileError
from ops.clients.unrecorded import recorded

PROJECT_DIR = Path(__file__).resolve().parents[2]
_CLUSTER = "aws:eks/cluster:Cluster"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A hybrid node's EC2 instance. What is not known is empty; `name` is the one in the settings.

    `own`: it is a machine of one's own, and EC2 knows nothing of it.
    """

    name: str
    instance_id: str = ""
    activation_id: str = ""
    private_ip: str = ""
    own: bool = False

    @property
    def label(self) -> str:
        """Name it for people and for the AWS CLI."""
        return f"{self.name} ({self.instance_id})" if self.instance_id else self.name


@dataclass(frozen=True, kw_only=True)
class State:
    """What the Pulumi CLI knows of a stack's state.

    `urns` of all resources; `recorded`: the same by AWS's ids (ops/clients/unrecorded.py); `pending`: what a killed run
    was at, `URN (creating)`; `last`: the last update (`destroy failed`), empty where there is no record; `removing`: a
    destroy was begun and has not ended.
    """

    urns: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    last: str = ""
    removing: bool = False
    recorded: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_cluster(self) -> bool:
        """Tell whether the state has the EKS cluster."""
        return any(f"{_CLUSTER}::" in urn for urn in self.urns)


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
    state: State | None = None
    notes: tuple[str, ...] = ()
    roles: tuple[Mapping[str, Any], ...] = ()

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

    Errors: AskError (a named file cannot be used, or region and cluster are known from nowhere).

    """
    notes: list[str] = []
    values = _read(outputs) if outputs else _ask_cli(stack, notes)
    # Stacks of release 0.1 call it checks.
    checks = _mapping(values.get("opsOnly") or values.get("checks"))
    full = stack or _text(checks.get("stack")) or _selected(project_dir)
    short = full.rpartition("/")[2]
    config = _settings(project_dir, full, notes)
    if not values and not notes:
        notes.append("the stack has no outputs: pulumi up has not come to its end yet")
    region = _text(checks.get("region")) or config.get("aws:region") or os.environ.get("AWS_REGION", "")
    project = _text(checks.get("project")) or _project(project_dir, notes)
    cluster = _text(values.get("clusterName")) or config.get(f"{project}:clusterName", "")
    if not region or not cluster:
        raise AskError(
            f"stack {short or '(none)'}: neither its outputs nor Pulumi.{short or 'STACK'}.yaml name "
            + ("a region" if not region else "a cluster"),
            code="stack-nowhere",
            REASON="; ".join(notes) or "no stack is selected and none was named",
        )
    return Subject(
        project=project,
        stack=short,
        region=region,
        profile=_text(checks.get("profile")) or config.get("aws:profile") or None,
        roles=tuple(_mappings(checks.get("roles"))) or settings.roles(config),
        cluster_name=cluster,
        machines=_machines(values, config.get(f"{project}:hybridNodes", "")),
        target_groups={
            side: _text(arn) for side, arn in _mapping(checks.get("targetGroups")).items() if _text(arn)
        },
        remote_node_networks=_texts(checks.get("remoteNodeNetworks"))
        or _texts([config.get(f"{project}:onPremVpcCidr")]),
        hybrid_role_arn=_text(checks.get("hybridRoleArn")),
        kubeconfig=_kubeconfig(values.get("kubeconfig")),
        state=None if outputs else _state(stack),
        notes=tuple(notes),
    )


def _read(name: str) -> Outputs:
    values = _parsed(stack_outputs.file_text(name))
    if not isinstance(values, dict):
        raise AskError(f"--outputs {name} is not a JSON object", code="outputs-unreadable")
    return values


def _ask_cli(stack: str | None, notes: list[str]) -> Outputs:
    try:
        done = tools.pulumi("stack", "output", "--json", "--show-secrets", stack=stack, timeout_s=120)
    except AskError as error:
        notes.append(f"no stack outputs: {error.seen}")
        return {}
    if done.exit_code:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.exit_code}"]
        notes.append(f"no stack outputs: pulumi stack output: {last[0]}")
        return {}
    return _mapping(_parsed(done.stdout))


def _state(stack: str | None) -> State | None:
    """Read the state, whose secrets stay encrypted, and the record of the last update; None without either."""
    try:
        exported = tools.pulumi("stack", "export", stack=stack, timeout_s=120)
        history = tools.pulumi("stack", "history", "--json", "--page-size", "10", stack=stack)
    except AskError:
        return None
    deployment = _mapping(_mapping(_parsed(exported.stdout)).get("deployment"))
    if exported.exit_code or not deployment:
        return None
    urns = tuple(_text(item.get("urn")) for item in _mappings(deployment.get("resources")))
    pending = tuple(
        f"{_text(_mapping(item.get('resource')).get('urn'))} ({_text(item.get('type'))})"
        for item in _mappings(deployment.get("pending_operations"))
    )
    updates = _mappings(_parsed(history.stdout))
    done = [(_text(item.get("kind")), _text(item.get("result"))) for item in updates]
    last = done[0] if done else ("", "")
    return State(
        urns=urns,
        pending=pending,
        last=" ".join(last).strip(),
        removing=_removing(urns, done),
        recorded=recorded(deployment),
    )


def _removing(urns: Sequence[str], updates: Sequence[tuple[str, str]]) -> bool:
    """Tell from kind and result of the last updates, the newest first, whether a destroy has not ended.

    A run that was killed leaves no record; but when the last one made everything and the cluster is in the state no
    more, only a destroy can have taken it.
    """
    if all(":pulumi:pulumi:Stack::" in urn for urn in urns):
        return False
    kind, result = next((one for one in updates if one[0] in ("update", "destroy")), ("", ""))
    if kind == "destroy":
        return result != "succeeded"
    made_all = updates[:1] == [("update", "succeeded")]
    return made_all and not any(f"{_CLUSTER}::" in urn for urn in urns)


def _selected(project_dir: Path) -> str:
    """Name the stack that the CLI has selected, else the only one with settings; empty when that is not clear."""
    if selected := tools.selected_stack():
        return selected
    found = [path.name.split(".")[1] for path in project_dir.glob("Pulumi.*.yaml")]
    return found[0] if len(found) == 1 else ""


def _project(project_dir: Path, notes: list[str]) -> str:
    try:
        return project_name(project_dir)
    except StackFileError as error:
        notes.append(str(error))
        return ""


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
            own=bool(item) and "instanceId" not in item and "activationExpires" in item,
        )
        for item in _mappings(values.get("hybridNodes"))
    ]
    known = {machine.name for machine in found}
    more = [
        Machine(name=name, private_ip=_text(item.get("address")), own=bool(item.get("address")))
        for item in _mappings(_parsed(settings))
        if (name := _text(item.get("name"))) and name not in known
    ]
    return (*found, *more)


def _kubeconfig(value: object) -> Mapping[str, Any] | None:
    """Accept a kubeconfig as JSON text (the stack output) or as an object (a hand-made file)."""
    return _mapping(_parsed(value) if isinstance(value, str) else value) or None


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str) and item) if isinstance(value, list) else ()
