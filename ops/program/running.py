"""Runs the program for a stack, as `ops plan`, `ops ready` and the benchmark do: no account, one download at most."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from k8s import calico_manifest
from k8s.calico_manifest import CalicoManifest
from k8s.calico_source import CalicoManifestUnavailableError
from ops.clients.stack_config import stack_config
from ops.program.fake_cloud import FakeCloud
from ops.program.recorder import Recording, evaluate

PROJECT_DIR = Path(__file__).resolve().parents[2]


class UnknownStackError(Exception):
    """There is no Pulumi.<stack>.yaml."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What the program asks for, the configuration it was given (raw values by full name), and `notes`.

    `notes` say what a reader of the recording must know, such as that something could not be had.
    """

    recording: Recording
    config: Mapping[str, str]
    notes: tuple[str, ...]


def run_stack(stack: str, overrides: Mapping[str, str], *, project_dir: Path = PROJECT_DIR) -> Evaluated:
    """Evaluate the program for a stack; `overrides` maps a setting's name or path to a raw value.

    The environment variable CALICO_MANIFEST names a manifest file where there is no network; the setting wins.

    Errors: UnknownStackError, SettingsError, CalicoManifestError (other than a manifest that cannot be
    fetched).
    """
    try:
        config = stack_config(project_dir, stack, overrides)
    except FileNotFoundError as error:
        stacks = sorted(path.name.split(".")[1] for path in project_dir.glob("Pulumi.*.yaml"))
        raise UnknownStackError(
            f"There is no stack {stack}: {error.filename} does not exist. Stacks here: {', '.join(stacks)}. "
            f"Make one with: pulumi stack init {stack}"
        ) from error
    manifest = os.environ.get("CALICO_MANIFEST")
    if manifest and not config.get("eks-hybrid-calico:calicoManifest"):
        config["eks-hybrid-calico:calicoManifest"] = manifest
    cloud = FakeCloud(region=config.get("aws:region", ""))
    notes: tuple[str, ...] = ()
    try:
        recording = evaluate(project_dir, stack, config, cloud=cloud)
    except CalicoManifestUnavailableError as error:
        notes = (f"Shown without Calico's own objects. {error}",)
        with _without_calico_objects():
            recording = evaluate(project_dir, stack, config, cloud=cloud)
    return Evaluated(recording=recording, config=config, notes=notes)


@contextmanager
def _without_calico_objects() -> Generator[None]:
    """Let the program go on with an empty manifest. Only a plan may: a deployment without Calico is broken."""
    empty = CalicoManifest(before_nodes=[], after_nodes=[])
    with patch.object(calico_manifest, "prepare", return_value=empty):
        yield
