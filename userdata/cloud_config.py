"""User data of a hybrid node: one ``#cloud-config`` document, built as data and never by pasting strings.

It writes the files of `userdata.join_files` and starts their systemd unit, which does the rest, at this boot or at a
later one. One document, because of several MIME parts with a ``runcmd`` each only one would run: cloud-init's default
merge does not join lists (https://cloudinit.readthedocs.io/en/latest/reference/merging.html).
"""

import hashlib
import io
import json
import shlex
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import yaml

from userdata import paths
from userdata.join_files import START_COMMAND, JoinConfig, JoinFile, dump, join_files


def render(
    config: JoinConfig,
    *,
    activation_id: str,
    activation_code: str,
    first: Sequence[Sequence[str]] = (),
    more: Sequence[JoinFile] = (),
) -> str:
    """Return the user data as text. It contains the activation code: treat the result as a secret.

    `first` are commands that run before the join starts, `more` files beside its own.
    """
    files = (*join_files(config, activation_id=activation_id, activation_code=activation_code), *more)
    document = {
        "bootcmd": [["sh", "-c", _Block(_repair(files))]],
        "write_files": [
            {
                "path": file.path,
                "owner": "root:root",
                "permissions": file.mode,
                "content": _Block(file.content),
            }
            for file in files
        ],
        "runcmd": [list(command) for command in (*first, START_COMMAND)],
    }
    return "#cloud-config\n" + dump(document, _Dumper)


def generation(config: JoinConfig, **shape: str | int | None) -> str:
    """Return 8 hex digits that change whenever anything that shapes the node changes.

    A node's resources are named with it, so that such a change makes a new activation and a new instance
    together. It is a digest of the user data, with a placeholder for the activation, and of ``shape``:
    whatever else shapes the node, such as its instance type and disk size.
    """
    facts = {
        "user_data": render(config, activation_id="activation-id", activation_code="activation-code"),
        "shape": shape,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]


def _repair(files: Sequence[JoinFile]) -> str:
    """Return what every boot but the first does: complete what a power-off left of the first one.

    cloud-init notes ``write_files`` and ``runcmd`` as done, once for each instance, before it does them, and a file
    written moments before a power-off may be empty. ``bootcmd`` runs at every boot, at the first one before the files
    are written. A script that is whole is not written again: it may be running.
    """
    digests = "\n".join(f"{hashlib.sha256(file.content.encode()).hexdigest()}  {file.path}" for file in files)
    return (
        f"[ -e /var/lib/cloud/instance/sem/config_write_files ] && [ ! -e {paths.JOINED} ] || exit 0\n"
        f"echo {shlex.quote(digests)} | sha256sum --check --status ||\n"
        "cloud-init single --name write_files --frequency always\n"
        f"{shlex.join(START_COMMAND)}\n"
    )


class _Block(str):
    """Text that stays readable in the document: a literal block instead of one long quoted line."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Looks at a text once: all nodes have the same join script, and the look was half of a render's time.

    A text is indented by one space, and not by two: with its hundreds of lines that is what EC2's limit has room for.
    """

    def expect_scalar(self) -> None:
        indent, self.best_indent = self.best_indent, 1
        super().expect_scalar()
        self.best_indent = indent

    def analyze_scalar(self, scalar: str) -> Any:
        return _analysis(scalar)


@lru_cache(maxsize=32)
def _analysis(scalar: str) -> Any:
    return _ANALYST.analyze_scalar(scalar)


_ANALYST = yaml.SafeDumper(io.StringIO())

_Dumper.add_representer(
    _Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")
)
