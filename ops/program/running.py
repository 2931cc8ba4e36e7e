"""Runs the program for a stack, as `ops plan`, `ops ready` and the benchmark do: no account, one download at most."""

import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from k8s import calico_manifest
from k8s.calico_manifest import CalicoManifest
from k8s.calico_source import CalicoManifestError, CalicoManifestUnavailableError
from ops.clients.stack_config import StackConfig, stack_config
from ops.program.existing_vpc import DescribedVpc, DescriptionError, described, existing_vpc
from ops.program.fake_cloud import FakeCloud
from ops.program.recorder import Recording, evaluate
from settings import SettingsError

PROJECT_DIR = Path(__file__).resolve().parents[2]


class UnknownStackError(Exception):
    """There is no Pulumi.<stack>.yaml."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What the program asks for, the configuration it was given, and `notes`.

    `notes` say what a reader of the recording must know, such as that something could not be had; one of them is
    `manifest_missing`: why Calico's manifest could not be fetched.
    """

    recording: Recording
    config: StackConfig
    notes: tuple[str, ...]
    manifest_missing: str = ""


def run_stack(
    stack: str, overrides: Mapping[str, str], *, network: Path | None = None, project_dir: Path = PROJECT_DIR
) -> Evaluated:
    """Evaluate the program for a stack; `overrides` maps a setting's name or path to a raw value.

    `network` is a file that describes a VPC which exists; without one such a VPC is assumed.
    The environment variable CALICO_MANIFEST names a manifest file where there is no network; the setting wins.

    Errors: UnknownStackError, StackFileError, SettingsError, DescriptionError, CalicoManifestError (other than a
    manifest that cannot be fetched). None of their texts holds a secret.
    """
    try:
        config = stack_config(project_dir, stack, overrides)
    except FileNotFoundError as error:
        stacks = sorted(path.name.split(".")[1] for path in project_dir.glob("Pulumi.*.yaml"))
        raise UnknownStackError(
            f"There is no stack {stack}: {error.filename} does not exist. Stacks here: {', '.join(stacks)}. "
            f"Make one: cp Pulumi.dev.yaml Pulumi.{stack.rpartition('/')[2]}.yaml && pulumi stack init {stack}"
        ) from error
    stack, values = stack.rpartition("/")[2], dict(config.values)
    manifest = os.environ.get("CALICO_MANIFEST")
    if manifest and not config.value("calicoManifest"):
        values[f"{config.project}:calicoManifest"] = manifest
    cloud = FakeCloud(region=values.get("aws:region", ""))
    try:
        if network:
            cloud.vpc = _described(network, values, config.project)
        with _manifest_optional() as unavailable:
            recording = evaluate(project_dir, stack, values, cloud=cloud)
    except SettingsError as error:
        problems = [
            config.concealed(_untried(config.explained(each), config.project, overrides))
            for each in error.problems
        ]
        raise SettingsError([*problems, *config.unseen]) from None
    except CalicoManifestError as error:
        raise CalicoManifestError(config.concealed(str(error))) from None
    missing = config.concealed(unavailable[0]) if unavailable else ""
    notes = (f"Shown without Calico's own objects. {missing}", *config.notes) if missing else config.notes
    return Evaluated(recording=recording, config=config, notes=notes, manifest_missing=missing)


def _described(file: Path, values: Mapping[str, str], project: str) -> DescribedVpc:
    vpc = existing_vpc(values, project)
    if vpc is None:
        raise DescriptionError(f"{file} describes a VPC that exists, and network.vpcId is not set")
    return described(file, vpc)


def _untried(problem: str, project: str, overrides: Mapping[str, str]) -> str:
    """Leave out the advice to remove a setting that is in no stack's file, for it was only tried."""
    if any(problem.startswith(name if ":" in name else f"{project}:{name}") for name in overrides):
        return re.sub(
            r"Remove it, e\.g\. pulumi config rm (?:--path )?(?:'[^']*'|[^\s.]+)", "Leave it out", problem
        )
    return problem


_EMPTY = CalicoManifest(before_nodes=[], after_nodes=[])


@contextmanager
def without_calico_objects() -> Generator[None]:
    """Let the program go on with an empty manifest. Only a plan may: a deployment without Calico is broken."""
    with patch.object(calico_manifest, "prepare", return_value=_EMPTY):
        yield


@contextmanager
def _manifest_optional() -> Generator[list[str]]:
    """Let the program go on with an empty manifest where Calico's cannot be fetched; say why in what is yielded."""
    unavailable: list[str] = []
    prepare = calico_manifest.prepare

    def prepared(*arguments: Any, **settings: Any) -> CalicoManifest:
        try:
            return prepare(*arguments, **settings)
        except CalicoManifestUnavailableError as error:
            unavailable.append(str(error))
            return _EMPTY

    with patch.object(calico_manifest, "prepare", prepared):
        yield unavailable
