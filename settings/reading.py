"""From raw Pulumi configuration to `Settings`, or to one error that lists everything that is wrong."""

import difflib
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from infra.changes import DEFAULTED
from settings.checks import problems_between
from settings.credentials import unsupported_credentials
from settings.model import (
    AssumeRole,
    DefaultTags,
    HybridNode,
    ManagedNodes,
    MoreManagedNodes,
    Network,
    NodeadmSha256,
    Settings,
    Site,
)
from settings.problems import (
    Problem,
    SettingsError,
    full_key,
    path_of,
    remove_command,
    set_command,
)
from settings.provider_keys import wrong_keys
from settings.values import REJECTED

# Pulumi's own settings that the program needs.
_FOREIGN: Final = ("aws:region", "aws:profile", "aws:allowedAccountIds", "aws:defaultTags", "aws:assumeRoles")

# The namespaces of the providers' own settings.
_PROVIDERS: Final = ("aws", "eks", "kubernetes", "pulumi")

# Stands in for a region that was rejected, so that what else is wrong is found in the same run.
_ANY_REGION: Final = {"aws:region": "ap-northeast-1"}

_INNER_MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "managedNodes": ManagedNodes,
    "moreManagedNodes": MoreManagedNodes,
    "hybridNodes": HybridNode,
    "nodeadmSha256": NodeadmSha256,
    "network": Network,
    "site": Site,
    "aws:defaultTags": DefaultTags,
    "aws:assumeRoles": AssumeRole,
}


def load() -> Settings:
    """Read the settings of the stack that is being deployed.

    Raises:
        SettingsError: the settings cannot be used. The error is a `pulumi.RunError` too, of which the Pulumi CLI
            prints the text without a traceback.

    """
    import pulumi
    from pulumi.runtime import config

    class ReportedSettingsError(SettingsError, pulumi.RunError):
        pass

    # The CLI passes all configuration of the stack in an environment variable; an inline program of the
    # automation API, and the mocks of the tests, set it in the process.
    try:
        return parse({**config.get_config_env(), **config.CONFIG.get()}, project=pulumi.get_project())
    except SettingsError as error:
        raise ReportedSettingsError(error.problems) from None


def parse(raw: Mapping[str, str], *, project: str) -> Settings:
    """Make the settings out of raw configuration.

    Args:
        raw: values by full name (`PROJECT:podCidr`, `aws:region`), as Pulumi passes them: lists and maps as JSON.
        project: the project's name in Pulumi.yaml, which is the namespace of its settings. In another namespace,
            the name of one of these settings is an error: it was meant, and nothing would read it.

    Raises:
        SettingsError: something is wrong; the message lists all of it.

    """
    own = f"{project}:"
    given = {
        key.removeprefix(own): value for key, value in raw.items() if key.startswith(own) or key in _FOREIGN
    }
    # The CLI wants a default of every setting of the schema; an empty one leaves the value to the release.
    given = {key: value for key, value in given.items() if value or key not in DEFAULTED}
    problems = [
        *unsupported_credentials(raw),
        *wrong_keys(raw, frozenset(_FOREIGN)),
        *_of_another_project(raw, project),
    ]
    unusable: set[str] = set()
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        for each in error.errors():
            problems.append(full_key(_render(each), project))
            unusable.add(str(each["loc"][0]))
        usable = {key: value for key, value in given.items() if key not in unusable}
        settings = Settings.model_validate({**_ANY_REGION, **usable})
    problems += [
        full_key(str(problem), project) for problem in problems_between(settings, frozenset(unusable))
    ]
    if problems:
        raise SettingsError(problems)
    return settings


def roles(raw: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """Read the roles that everything takes (`aws:assumeRoles`) alone; none where they cannot be read.

    For commands that must work when other settings are what is wrong.
    """
    try:
        settings = Settings.model_validate(
            {**_ANY_REGION, "aws:assumeRoles": raw.get("aws:assumeRoles") or "[]"}
        )
    except ValidationError:
        return ()
    return settings.roles


def schema_defaults(pulumi_yaml: Path) -> dict[str, str]:
    """Read the defaults in a project file's configuration schema, as raw values by full name.

    The Pulumi CLI applies them itself; whoever runs the program without the CLI starts from these.
    """
    project = yaml.safe_load(pulumi_yaml.read_text(encoding="utf-8"))
    return {
        full_key(name, project["name"]): _raw(declared["default"])
        for name, declared in project["config"].items()
        if "default" in declared
    }


def _raw(value: object) -> str:
    """Write a value of a YAML file the way the CLI hands it to a program."""
    return value if isinstance(value, str) else json.dumps(value)


def _render(error: ErrorDetails) -> str:
    """Write what pydantic found the way this project writes errors; the text begins with the setting's path."""
    location, kind = error["loc"], error["type"]
    path, seen, context = path_of(location), error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(location)
    field = _field(location)
    description, example = field.description, _example(field, location)
    if kind == "missing":
        return f"{path} is not set. Set {description}, e.g. {set_command(path, example)}"
    if kind == REJECTED:
        return str(_rejected(path, seen, context, location))
    if isinstance(location[-1], int):
        wrong, advice, command = "cannot be an entry of the list", "Remove it", remove_command(path)
    else:
        wrong, advice, command = f"is not {description}", "Set one", set_command(path + _part(field), example)
        if kind in {"tuple_type", "model_type"}:
            # A path below a value that is neither list nor map cannot be set.
            command = f"{remove_command(path)} && {command}"
    return str(Problem(path=path, seen=seen, wrong=wrong, advice=advice, command=command))


def _of_another_project(raw: Mapping[str, str], project: str) -> Iterator[str]:
    """Say of settings that are written under another project's name what they are called here.

    A project that was renamed, or a command copied from a text, would otherwise leave a door open that was closed.
    """
    ours = {name.casefold() for name in _names(Settings)}
    elsewhere: dict[str, list[str]] = {}
    for key in raw:
        namespace, _, name = key.partition(":")
        if namespace not in (project, *_PROVIDERS) and name.casefold() in ours:
            elsewhere.setdefault(namespace, []).append(name)
    for namespace, names in elsewhere.items():
        written, here = (", ".join(f"{each}:{name}" for name in names) for each in (namespace, project))
        command = shlex.join(["sed", "-i.bak", rf's/^\([ "]*\){namespace}:/\1{project}:/'])
        yield (
            f"{written} is under the name of another project, and nothing reads it: this project is called {project}"
            f" (Pulumi.yaml), and there it is {here}. Rename it in the stack's file, e.g. {command} Pulumi.*.yaml"
        )


def _rejected(
    path: str, seen: object, context: Mapping[str, Any], location: tuple[str | int, ...]
) -> Problem:
    target = path + context["part"]
    example = _numbered(context["example"], location)
    return Problem(
        path=path,
        seen=seen,
        wrong=context["wrong"],
        advice=context["advice"],
        command=remove_command(target) if context["remove"] else set_command(target, example),
    )


def _unknown(location: tuple[str | int, ...]) -> str:
    *parents, _ = location
    model = _INNER_MODELS[str(location[0])] if parents else Settings
    valid = ", ".join(name for name in _names(model) if name not in _FOREIGN)
    inside = f" of {path_of(parents)}" if parents else ""
    path = path_of(location)
    near = _nearest(str(location[-1]), None if not parents else model)
    meant = f" Do you mean {' or '.join(near)}?" if near else ""
    return (
        f"{path} is not a setting{inside}.{meant} Remove it, e.g. {remove_command(path)}. Valid are {valid}"
    )


def _nearest(wrong: str, parent: type[BaseModel] | None) -> list[str]:
    """List the settings that a wrong name may mean: those of this name elsewhere, else those that are spelt like it."""
    places = {name: name.rpartition(":")[2] for name in _names(Settings)}
    for top, model in _INNER_MODELS.items():
        entry = "[]" if _part(_names(Settings)[top]).startswith("[") else ""
        places |= {f"{top}{entry}.{name}": name for name in _names(model)}

    def plain(name: str) -> str:
        return re.sub(r"[-_ ]", "", name).casefold()

    same = [path for path, name in places.items() if plain(name) == plain(wrong)]
    if same:
        return same
    names = {plain(name): name for name in _names(parent or Settings)}
    return [names[name] for name in difflib.get_close_matches(plain(wrong), names, n=2, cutoff=0.7)]


def _names(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _field(location: tuple[str | int, ...]) -> FieldInfo:
    """Find the field at a location; for an entry of a list, the field that holds the list."""
    top, *inner = (part for part in location if isinstance(part, str))
    return _names(_INNER_MODELS[top])[inner[0]] if inner else _names(Settings)[top]


def _example(field: FieldInfo, location: tuple[str | int, ...]) -> object:
    example = field.examples[0] if field.examples else field.default
    return _numbered(str(example).lower() if isinstance(example, bool) else example, location)


def _numbered(example: object, location: tuple[str | int, ...]) -> object:
    """Give the example of a node's name the node's number."""
    for index in (part for part in location if isinstance(part, int)):
        example = str(example).replace("{number}", str(index + 1))
    return example


def _part(field: FieldInfo) -> str:
    """Name what is set first in a list or a map."""
    extra = field.json_schema_extra
    return str(extra["part"]) if isinstance(extra, dict) else ""
