"""A stack's configuration as `pulumi up` would hand it to the program, and what of it cannot be seen from here.

The better source is the Pulumi CLI: it decrypts secrets and opens ESC environments. Where it is not on the PATH, or
has no such stack, the stack's file and the schema's defaults are read the way the CLI reads them.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import settings
from ops.clients import stack_file, tools
from ops.clients.errors import AskError
from ops.clients.stack_file import StackFile, StackFileError

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
# A log-in or a passphrase may be asked for on the other side; nobody waits longer for what is only better.
_CLI_TIMEOUT_S = 30
# No list of a setting is longer; an index far beyond it would only fill the memory.
_LONGEST_LIST = 10_000
# The clone that this program is of.
HERE = Path(__file__).resolve().parents[2]
_TAKE_IT_AGAIN = "Take it from the repository again: git checkout Pulumi.yaml"


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """A stack's settings; `project`, the name in Pulumi.yaml, is the namespace of those that are not Pulumi's own.

    `values` are raw texts by full name, structured ones as JSON, schema defaults included. `source` says where they
    are from. `hidden` names settings whose value is a secret that could not be read (they are not among `values`,
    unless the schema has a default), `environments` ESC environments that were not opened. `secrets` are texts that
    must not be shown.
    """

    project: str
    values: Mapping[str, str]
    source: str
    hidden: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def value(self, name: str) -> str | None:
        """Give the raw value of one of the project's own settings."""
        return self.values.get(f"{self.project}:{name}")

    @property
    def notes(self) -> tuple[str, ...]:
        """Say which source was used, and what it does not tell."""
        return (f"Settings are read from {self.source}.", *self.unseen)

    @property
    def unseen(self) -> tuple[str, ...]:
        """Say what the source does not tell; empty when it tells all."""
        found = []
        if self.hidden:
            names = ", ".join(self.hidden)
            found.append(
                f"Secret, so not seen here: {names}. In place of a secret stands the default, if there is one. "
                "The Pulumi CLI on the PATH can read it."
            )
        if self.environments:
            found.append(
                f"Not opened: environment {', '.join(self.environments)}. It may supply any setting, "
                "aws:region and credentials among them. The Pulumi CLI, logged in to Pulumi Cloud, can open it."
            )
        return tuple(found)

    def explained(self, problem: str) -> str:
        """Add to a problem with a setting that a value is not known here; then no advice may overwrite it."""
        unseen = [name for name in self.hidden if re.search(rf"\b{re.escape(self._short(name))}\b", problem)]
        first = problem.partition(". ")[0]
        if unseen:
            missing = first.endswith(" is not set")
            start = "" if missing else f"{first}. "
            return f"{start}{unseen[0]} is a secret of this stack, which is not seen here. Leave it as it is"
        if self.environments and first.endswith(" is not set"):
            return (
                f"{first} in {self.source}; environment {', '.join(self.environments)}, which is not opened here, "
                "may supply it"
            )
        return problem

    def _short(self, name: str) -> str:
        return name.removeprefix(f"{self.project}:")

    def concealed(self, text: str) -> str:
        """Put [secret] in the place of every secret text."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "[secret]")
        return text


def stack_config(
    project_dir: Path, stack: str, overrides: Mapping[str, str] | None = None, *, ask_cli: bool = True
) -> StackConfig:
    """Read a stack's settings, then put `overrides` on top.

    An override's key may be a path, as for `pulumi config set --path`: `hybridNodes[1].os`.

    Errors: FileNotFoundError (the stack has no Pulumi.<stack>.yaml, and the CLI does not know it); StackFileError
    (its file cannot be read).
    """
    project = project_name(project_dir)
    found = _from_cli(project_dir, stack, project) if ask_cli else None
    found = found or _from_file(project_dir, stack, project)
    values: dict[str, Any] = dict(found.values)
    for key, value in (overrides or {}).items():
        try:
            _override(values, key if ":" in key else f"{project}:{key}", value)
        except (ValueError, TypeError, IndexError, AttributeError):
            raise StackFileError(
                f"--config {key}={value}: there is no place {key} in the settings, which are of another shape"
            ) from None
    given = {key.partition("[")[0].partition(".")[0] for key in overrides or {}}
    hidden = tuple(
        name for name in found.hidden if given.isdisjoint((name, name.removeprefix(f"{project}:")))
    )
    return StackConfig(
        project=project,
        values={key: stack_file.raw(value) for key, value in values.items()},
        source=found.source,
        hidden=hidden,
        environments=found.environments,
        secrets=found.secrets,
    )


def project_name(project_dir: Path = HERE) -> str:
    """Read the project's name from its Pulumi.yaml; in a folder that has none, from the one beside this program.

    Errors: StackFileError (there is a Pulumi.yaml without a name).
    """
    try:
        project = stack_file.document(project_dir / "Pulumi.yaml")
    except FileNotFoundError:
        project = stack_file.document(HERE / "Pulumi.yaml")
    name = project.get("name") if isinstance(project, dict) else None
    if not (isinstance(name, str) and name):
        raise StackFileError(f"Pulumi.yaml has no name. {_TAKE_IT_AGAIN}")
    return name


def _from_file(project_dir: Path, stack: str, project: str) -> StackConfig:
    path = project_dir / f"Pulumi.{stack.rpartition('/')[2]}.yaml"
    found: StackFile = stack_file.read(path, project=project)
    return StackConfig(
        project=project,
        values={**defaults(project_dir), **found.values},
        source=path.name,
        hidden=found.secrets,
        environments=found.environments,
    )


def defaults(project_dir: Path) -> dict[str, str]:
    """Read the schema's defaults; the CLI applies them itself, the SDK does not."""
    try:
        return settings.schema_defaults(project_dir / "Pulumi.yaml")
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise StackFileError(
            f"Pulumi.yaml cannot be read as this project's ({type(error).__name__}). {_TAKE_IT_AGAIN}"
        ) from None


def _from_cli(project_dir: Path, stack: str, project: str) -> StackConfig | None:
    """Ask the CLI; None where it is not there, has no such stack, or cannot read its settings."""
    if not shutil.which("pulumi"):
        return None
    asked = ("config", "--json", "--show-secrets")
    try:
        done = tools.pulumi(*asked, stack=stack, folder=project_dir, timeout_s=_CLI_TIMEOUT_S)
        answer = json.loads(done.stdout) if not done.exit_code else None
    except (AskError, ValueError):
        return None
    if not isinstance(answer, dict):
        return None
    settled = {key: item for key, item in answer.items() if isinstance(item, dict) and "value" in item}
    if not settled:
        return None
    return StackConfig(
        project=project,
        values={key: str(item["value"]) for key, item in settled.items()},
        source=f"pulumi config --stack {stack}",
        secrets=frozenset(
            text for item in settled.values() if item.get("secret") for text in _texts(item["value"])
        ),
    )


def _texts(value: str) -> Iterator[str]:
    """Give the texts inside a raw value that are long enough to tell something."""
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = value
    waiting = [parsed]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict | list):
            waiting.extend(item.values() if isinstance(item, dict) else item)
        elif len(str(item)) >= 3 and not isinstance(item, bool):
            yield str(item)


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
        if step > _LONGEST_LIST:
            raise IndexError(step)
        items = list(container or [])
        items += [None] * (step + 1 - len(items))
        items[step] = _with(items[step], rest, value)
        return items
    return {**(container or {}), step: _with((container or {}).get(step), rest, value)}
