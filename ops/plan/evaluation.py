"""Runs the program for a stack, as `ops plan` and the benchmark do: no account, no CLI, one download at most."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from unittest.mock import patch

from k8s import calico_manifest
from k8s.calico_manifest import CalicoManifest
from k8s.calico_source import CalicoManifestUnavailableError
from ops.clients.stack_config import stack_config
from ops.plan.fake_cloud import FakeCloud
from ops.plan.flows import Expectations, FlowReport, prove
from ops.plan.recorder import Recording, evaluate
from ops.plan.waits import Schedule, critical_path

PROJECT_DIR = Path(__file__).resolve().parents[2]


class UnknownStackError(Exception):
    """There is no Pulumi.<stack>.yaml."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A recording, what it proves of the network, and what a reader must know: `notes` say what is missing."""

    recording: Recording
    flows: FlowReport
    notes: tuple[str, ...]

    @cached_property
    def schedule(self) -> Schedule:
        """How long `up` takes, and why."""
        return critical_path(self.recording)


def plan_stack(stack: str, overrides: Mapping[str, str], *, project_dir: Path = PROJECT_DIR) -> Plan:
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
    return Plan(recording=recording, flows=prove(recording, Expectations.from_config(config)), notes=notes)


@contextmanager
def _without_calico_objects() -> Generator[None]:
    """Let the program go on with an empty manifest. Only a plan may: a deployment without Calico is broken."""
    empty = CalicoManifest(before_nodes=[], after_nodes=[])
    with patch.object(calico_manifest, "prepare", return_value=empty):
        yield
