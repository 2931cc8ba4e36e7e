"""One stack under the real Pulumi engine: a copy of the project, a local backend, stand-in providers.

Everything lives in one temporary folder: Pulumi's home, its state and the copy of the project. Nothing of the
machine's own Pulumi set-up is read, and nothing is fetched.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.engine.aws_cli import write_aws_cli
from tests.engine.standin import warm
from tests.engine.standin.networks import somebody_elses
from tests.engine.standin.world import World

REPOSITORY = Path(__file__).parents[2]
PROFILE = "team"
# Another name of the project runs all of it as a team does that has renamed its copy: ENGINE_PROJECT=acme-edge
PROJECT = os.environ.get("ENGINE_PROJECT", "eks-hybrid-calico")
_PROGRAM = ("Pulumi.yaml", "Pulumi.README.md", "__main__.py", "infra", "k8s", "settings", "userdata")
# Deleted with the cluster, by the cluster: the engine only forgets them.
_WITH_THE_CLUSTER = ("kubernetes:", "aws:eks/addon:Addon::coredns")
# The CLI is short-lived: with Go's default it spends up to three quarters of its processor time on freeing memory.
FREES_LATE = {"GOGC": "400"}
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished pulumi command."""

    code: int
    text: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call that a stand-in answered. Times are of the machine's monotonic clock, in seconds."""

    kind: str
    type: str
    name: str
    urn: str
    started: float
    ended: float
    details: dict[str, Any]

    @property
    def failed(self) -> bool:
        """Tell whether the stand-in refused it."""
        return "error" in self.details

    @property
    def key(self) -> str:
        """Type and name, as the control file wants them."""
        return f"{self.type}::{self.name}"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One pulumi command, what it asked of the providers, and the state it left."""

    run: Run
    calls: list[Call]
    resources: list[dict[str, Any]]

    def of(self, kind: str, token: str = "", name: str = "") -> list[Call]:
        """Return the calls of a kind ("Create", "Delete" ...), of a type, of a name."""
        return [
            call
            for call in self.calls
            if call.kind == kind
            and call.type.startswith(token)
            and call.name.startswith(name)
            and not call.failed
        ]

    def one(self, kind: str, token: str, name: str = "") -> Call:
        """Return the only call of a kind on a type."""
        found = self.of(kind, token, name)
        assert len(found) == 1, f"{kind} of {token} {name}: {[call.key for call in found]}"
        return found[0]

    @property
    def changes(self) -> list[tuple[str, str]]:
        """Return what was created, updated or deleted, as (kind, type::name)."""
        return sorted((c.kind, c.key) for c in self.calls if c.kind in ("Create", "Update", "Delete"))


class Stack:
    """A stack of its own in `folder`, run by the `pulumi` in the folder `cli`; its state in `memory`, if there is one.

    The engine writes the state to the disk, and waits for it, at the begin and end of each operation: half a thousand
    times in an `up`.
    """

    name = "test"
    called = PROJECT

    def __init__(self, folder: Path, cli: Path, *, memory: Path | None = None) -> None:
        self.folder, self.project, self.standin = folder, folder / "project", folder / "standin"
        for made in ("home", "standin"):
            (folder / made).mkdir(parents=True)
        (memory or folder / "state").mkdir()
        if memory:
            (folder / "state").symlink_to(memory, target_is_directory=True)
        self._copy_project()
        keys = "aws_access_key_id = AKIDENGINETEST\naws_secret_access_key = not a secret\n"
        (folder / "aws-config").write_text(f"[profile {PROFILE}]\n{keys}", encoding="utf-8")
        self.environment = {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "PATH": os.pathsep.join([str(cli), str(write_aws_cli(folder / "bin")), os.environ["PATH"]]),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "only a test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **FREES_LATE,
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_ERROR_OUTPUT_STRING": "true",
            "STANDIN_FOLDER": str(self.standin),
            # Credentials for the clean-up's AWS client, which talks to a server of the tests.
            "AWS_ACCESS_KEY_ID": "AKIDENGINETEST",
            "AWS_SECRET_ACCESS_KEY": "not a secret",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(folder / "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        self.pulumi("stack", "init", self.name)

    def _copy_project(self) -> None:
        self.project.mkdir()
        for name in _PROGRAM:
            source = REPOSITORY / name
            if source.is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, self.project / name, ignore=ignore)
            else:
                shutil.copy(source, self.project / name)
        (self.project / ".venv").symlink_to(sys.prefix, target_is_directory=True)
        plugins = []
        for package in ("aws", "eks", "kubernetes"):
            starter = self.folder / "plugins" / package / f"pulumi-resource-{package}"
            starter.parent.mkdir(parents=True)
            serve = f"exec '{sys.executable}' -IS '{warm.START}' '{warm.address()}' {package}"
            starter.write_text(f"#!/bin/sh\n{serve}\n", encoding="utf-8")
            starter.chmod(0o755)
            plugins.append({"name": package, "path": str(starter.parent)})
        file = self.project / "Pulumi.yaml"
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        file.write_text(
            yaml.safe_dump({**settings, "name": PROJECT, "plugins": {"providers": plugins}}), encoding="utf-8"
        )

    # --- what a user does ------------------------------------------------------------------------

    def configure(self, **values: Any) -> None:
        """Set configuration: names of this project's settings, or `aws_region` for aws:region."""
        file = self.project / f"Pulumi.{self.name}.yaml"
        content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
        config = content.setdefault("config", {})
        for key, value in values.items():
            aws = key.startswith("aws_")
            config[f"aws:{key[4:]}" if aws else f"{self.called}:{key}"] = value
        file.write_text(yaml.safe_dump(content), encoding="utf-8")

    @property
    def manifest(self) -> Path:
        """Calico's manifest, as the stack reads it."""
        return self.folder / "calico.yaml"

    @property
    def digest(self) -> str:
        """The digest of that manifest."""
        return hashlib.sha256(self.manifest.read_bytes()).hexdigest()

    def calico(self, manifest: str) -> None:
        """Give the stack a manifest of Calico, and its digest."""
        self.manifest.write_text(manifest, encoding="utf-8")
        self.configure(calicoManifest=str(self.manifest), calicoManifestSha256=self.digest)

    @contextmanager
    def configured(self, **values: Any) -> Generator[None]:
        """Set configuration for as long as the block lasts."""
        file = self.project / f"Pulumi.{self.name}.yaml"
        before = file.read_text(encoding="utf-8")
        self.configure(**values)
        try:
            yield
        finally:
            file.write_text(before, encoding="utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        """Change the program's source, in the copy."""
        file = self.project / path
        source = file.read_text(encoding="utf-8")
        assert old in source, f"{path} has no {old!r} any more: adapt the test"
        file.write_text(source.replace(old, new), encoding="utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a pulumi command in a process group of its own, its output in one pipe."""
        command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
        return subprocess.Popen(
            command,
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def finish(self, process: subprocess.Popen[str], started: float, timeout_s: float = 600) -> Run:
        """Wait for a pulumi command that `start` has started."""
        try:
            text, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            text, _ = process.communicate()
            raise AssertionError(f"pulumi did not end within {timeout_s} s:\n{text}") from None
        return Run(code=process.returncode, text=text, seconds=time.monotonic() - started)

    def pulumi(self, *arguments: str, succeeds: bool | None = True) -> Run:
        """Run a pulumi command. `succeeds` says how it must end; None leaves that to the caller."""
        started = time.monotonic()
        run = self.finish(self.start(*arguments), started)
        if succeeds is not None:
            assert (run.code == 0) is succeeds, f"pulumi {arguments[0]} ended with {run.code}:\n{run.text}"
        return run

    def up(self, *, succeeds: bool | None = True) -> Run:
        """Run `pulumi up`."""
        return self.pulumi("up", "--yes", "--skip-preview", succeeds=succeeds)

    def preview(self, *, succeeds: bool | None = True) -> Run:
        """Run `pulumi preview`."""
        return self.pulumi("preview", succeeds=succeeds)

    def refresh(self, *, succeeds: bool | None = True) -> Run:
        """Run `pulumi refresh`."""
        return self.pulumi("refresh", "--yes", "--skip-preview", succeeds=succeeds)

    def destroy(self, *, succeeds: bool | None = True) -> Run:
        """Run `pulumi destroy`."""
        return self.pulumi("destroy", "--yes", "--skip-preview", succeeds=succeeds)

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets in the clear."""
        return json.loads(self.pulumi("stack", "output", "--json", "--show-secrets").text)

    def step(self, command: Callable[[], Run]) -> Step:
        """Run a command of this stack and keep what it did."""
        before = len(self.journal())
        run = command()
        return Step(run=run, calls=self.journal()[before:], resources=self.resources())

    def lose(self, identity: str) -> None:
        """Let something that the stack has created disappear behind its back."""
        (made,) = (c for c in self.journal() if c.kind == "Create" and c.details.get("id") == identity)
        gone = {"call": "Delete", "urn": made.urn, "id": identity, "started": made.ended, "ended": made.ended}
        with (self.standin / "journal.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(gone) + "\n")

    def there_is(self, token: str, identity: str, **inputs: Any) -> None:
        """Let something exist that is somebody else's, or be otherwise than it was."""
        now = time.monotonic()
        made = {"call": "Exists", "type": token, "name": identity, "id": identity, "inputs": inputs}
        with (self.standin / "journal.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({**made, "started": now, "ended": now}) + "\n")

    def there_is_a_vpc_of_others(self, region: str) -> None:
        """Let the VPC of standin/networks.py exist, as somebody else has made it."""
        for token, identity, inputs in somebody_elses(region):
            self.there_is(token, identity, **inputs)

    def upgraded_by_eks(self, version: str) -> None:
        """Let EKS upgrade the control plane by itself: the nodes and the state know nothing of it."""
        changes = [c for c in self.journal() if c.type == "aws:eks/cluster:Cluster" and not c.failed]
        last = [c for c in changes if c.kind in ("Create", "Update")][-1].details
        entry = {**last, "call": "Update", "inputs": {**last["inputs"], "version": version}}
        with (self.standin / "journal.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    # --- what the tests look at ------------------------------------------------------------------

    def order(self, **orders: Any) -> None:
        """Tell the stand-ins what to do; see standin/journal.py."""
        draft = self.standin / "control.draft"
        draft.write_text(json.dumps(orders), encoding="utf-8")
        draft.replace(self.standin / "control.json")

    def journal(self) -> list[Call]:
        """Return every call to the stand-ins so far, in the order in which they ended."""
        path = self.standin / "journal.jsonl"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        # A stand-in may be in the middle of its last line.
        whole = text[: text.rfind("\n") + 1]
        return [_call(json.loads(line)) for line in whole.splitlines()]

    def world(self) -> World:
        """Return everything that exists in AWS and in the cluster at this moment."""
        world = World(self.standin / "journal.jsonl")
        world.refresh()
        return world

    def left(self) -> list[str]:
        """Return the keys of what the stand-ins were told to create and never to delete."""
        calls = [call for call in self.journal() if not call.failed]
        # By type: what was made under a name of an earlier release goes under its new one.
        gone = {(call.type, call.details["id"]) for call in calls if call.kind == "Delete"}
        created = [
            call for call in calls if call.kind == "Create" and not call.key.startswith(_WITH_THE_CLUSTER)
        ]
        return [call.key for call in created if (call.type, call.details["id"]) not in gone]

    def state_text(self) -> str:
        """Return the state file as it lies on the disk."""
        return self.state_file.read_text(encoding="utf-8")

    @property
    def state_file(self) -> Path:
        """The file that holds the stack's state."""
        return self.folder / "state" / ".pulumi" / "stacks" / self.called / f"{self.name}.json"

    def state(self) -> dict[str, Any]:
        """Return what the state knows: resources, and operations that did not end."""
        return json.loads(self.state_text())["checkpoint"]["latest"] or {}

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources in the state."""
        return self.state().get("resources", [])


def _call(entry: dict[str, Any]) -> Call:
    urn = entry.get("urn", "")
    kind, token, name = entry["call"], entry.get("type", ""), entry.get("name", "")
    if urn:
        token, name = type_of(urn), name_of(urn)
    return Call(
        kind=kind,
        type=token,
        name=name,
        urn=urn,
        started=entry["started"],
        ended=entry["ended"],
        details=entry,
    )


def needs(resources: list[dict[str, Any]], urn: str, *, whole_components: bool) -> set[str]:
    """Return the URNs that a resource waits for, by what the state records.

    With `whole_components` what depends on a component waits for all that is in it: so it is at creation. At
    deletion the engine goes by the component's own URN.
    """
    by_urn = {each["urn"]: each for each in resources}
    inside: dict[str, list[str]] = {}
    for each in resources:
        inside.setdefault(each.get("parent", ""), []).append(each["urn"])
    found: set[str] = set()
    waiting = [urn]
    while waiting:
        each = by_urn[waiting.pop()]
        direct = {*each.get("dependencies", []), each.get("provider", "").rpartition("::")[0]}
        contents = list(direct & by_urn.keys())
        while whole_components and contents:
            contents += inside.get(contents.pop(), [])
            direct.update(contents)
        new = ({*direct, each.get("parent", "")} & by_urn.keys()) - found
        found |= new
        waiting += new
    return found


def type_of(urn: str) -> str:
    """Return the type token in a URN, without its parents' types."""
    return urn.split("::")[2].split("$")[-1]


def name_of(urn: str) -> str:
    """Return the name in a URN."""
    return urn.split("::", 3)[3]
