"""How a problem with a setting reads: the setting, the value seen, what is allowed, the command that fixes it."""

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_LONGEST_SHOWN: Final = 80


class SettingsError(Exception):
    """The settings of a stack cannot be used. `problems` has one text each, `str` is the whole message."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  ".join(["The settings of this stack cannot be used:", *self.problems]))


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with one setting; its text begins with the setting's path.

    `path` is written as Pulumi writes it (`hybridNodes[0].os`, or `aws:region`), `wrong` continues the
    sentence "setting, value", `advice` says what is allowed and ends with `command`.
    """

    path: str
    seen: object
    wrong: str
    advice: str
    command: str

    def __str__(self) -> str:
        """The whole sentence."""
        return f"{self.path} {shown(self.seen)} {self.wrong}. {self.advice}, e.g. {self.command}"


def full_key(path: str, project: str) -> str:
    """Name a setting, or begin a text with its name, in the namespace of a project; `aws:region` has its own."""
    return path if path.startswith("aws:") else f"{project}:{path}"


def path_of(location: Iterable[str | int]) -> str:
    """Write a location inside the settings as `pulumi config set --path` wants it."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not path:
            path = part
        else:
            path += f".{part}" if re.fullmatch(r"[\w-]+", part) else f"[{json.dumps(part)}]"
    return path


def set_command(path: str, value: object) -> str:
    """Write the command that gives a setting a value."""
    return shlex.join(["pulumi", "config", "set", *_path_option(path), path, str(value)])


def remove_command(path: str) -> str:
    """Write the command that takes a setting away."""
    return shlex.join(["pulumi", "config", "rm", *_path_option(path), path])


def shown(value: object) -> str:
    """Show a value in a message: plain where that is clear, as JSON otherwise, never long."""
    is_json = isinstance(value, str) and value.startswith(("[", "{"))
    is_word = isinstance(value, str) and value != "" and value.isprintable() and " " not in value
    text = str(value) if is_json or is_word else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _path_option(path: str) -> list[str]:
    return ["--path"] if "." in path or "[" in path else []
