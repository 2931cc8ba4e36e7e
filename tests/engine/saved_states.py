"""States that earlier releases have left, for test_upgrade.py: `make state` saves that of this one (CONTRIBUTING.md).

Each is what `pulumi up` leaves behind: the real engine, stand-ins for AWS, a small manifest for Calico's. Its secrets
are the stand-ins' own and stand open. `0.1.0` is the program of commit 375c05c, `0.1.0-later` of 2ef1ffc, from work
trees of theirs: PYTHONPATH=TREE python tests/engine/saved_states.py NAME
"""

import gzip
import json
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from infra.names import POD_IDENTITY_RESOURCE
from tests.engine import clouds
from tests.engine.harness import Stack, type_of
from tests.engine.hybrid_apis import HybridApis, written
from tests.engine.standin.wire import SECRET, SIGNATURE
from tests.manifest import small_manifest

STATES = Path(__file__).parent / "states"
# No version, as README's stacks set none, and what earlier releases named in other ways. Of the sites of one's own
# release 0.1.0 had none.
_EVERYWHERE: dict[str, Any] = {
    "aws_region": "eu-central-1",
    "albAllowedCidrs": ["198.51.100.0/24", "203.0.113.0/24"],
}
SETTINGS: dict[str, dict[str, Any]] = {
    "": {
        **_EVERYWHERE,
        "apiAllowedCidrs": ["198.51.100.0/24"],
        "controlPlaneLogs": ["audit"],
        "hybridNodes": [{"name": "hybrid-1", "os": "ubuntu-24.04"}, {"name": "hybrid-2", "os": "al2023"}],
    },
    "-own-site": {
        **_EVERYWHERE,
        "hybridNodes": [{"name": "rack-1", "address": "10.80.0.11"}],
        "site": {"nodeCidrs": ["10.80.0.0/16"], "routes": "none"},
    },
}
# The project's name in the states: another one can be given to the project that is tested (harness.py).
_PROJECT = "eks-hybrid-calico"
# Where in the program a resource was registered: folders of the machine that made the state.
_OF_THE_MACHINE = ("sourcePosition", "stackTrace")
# Whose resources the stand-ins know.
_OF_THE_STANDINS = ("aws:", "kubernetes:")


def build(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Let the program of this work tree build a stack in a new folder; return its state."""
    pulumi = shutil.which("pulumi")
    assert pulumi, "no pulumi on the PATH"
    stack = Stack(folder, Path(pulumi).resolve().parent)
    apis = HybridApis(stack.standin)
    stack.environment["AWS_ENDPOINT_URL"] = apis.aws_url
    manifest, digest = small_manifest(stack.folder)
    stack.configure(calicoManifest=str(manifest), calicoManifestSha256=digest, **settings)
    stack.up()
    state = json.loads(stack.pulumi("stack", "export", "--show-secrets").text)
    apis.close()
    return state


def write(file: Path, settings: dict[str, Any], state: dict[str, Any]) -> None:
    """Write a state and the settings that made it."""
    for resource in state["deployment"]["resources"]:
        for key in _OF_THE_MACHINE:
            resource.pop(key, None)
    text = json.dumps({"settings": settings, "state": state}, sort_keys=True)
    file.write_bytes(gzip.compress(text.encode(), mtime=0))


def settings_of(name: str) -> dict[str, Any]:
    """The settings of a file in `STATES`."""
    return _saved(name)["settings"]


def _saved(name: str) -> dict[str, Any]:
    return json.loads(gzip.decompress((STATES / f"{name}.json.gz").read_bytes()))


def keep(stack: Stack) -> dict[str, str]:
    """Run the commands that the preview prints to keep what an earlier release has made; return these settings."""
    said = re.sub(r"\s+", " ", stack.preview(succeeds=None).text)
    settings = dict(re.findall(r"To keep what it has: pulumi config set (\S+) (\S+)\. ", said))
    for key, value in settings.items():
        stack.pulumi("config", "set", key, value)
    return settings


def restore(stack: Stack, name: str) -> None:
    """Give a stack the settings and the state of a file in `STATES`, and the stand-ins all that it knows."""
    saved = _saved(name)
    (stack.project / f"Pulumi.{stack.name}.yaml").unlink()
    stack.configure(**saved["settings"])
    stack.calico(small_manifest(stack.folder)[0].read_text(encoding="utf-8"))
    text = json.dumps(saved["state"]).replace(f"::{_PROJECT}::", f"::{stack.called}::")
    state = json.loads(text.replace(f'"{_PROJECT}/', f'"{stack.called}/'))
    file = stack.folder / "state.json"
    file.write_text(json.dumps(state), encoding="utf-8")
    stack.pulumi("stack", "import", "--file", str(file))
    now = time.monotonic()
    with (stack.standin / "journal.jsonl").open("a", encoding="utf-8") as journal:
        for resource in state["deployment"]["resources"]:
            if entry := _creation(resource):
                journal.write(json.dumps({**entry, "started": now, "ended": now}) + "\n")


def _creation(resource: dict[str, Any]) -> dict[str, Any]:
    """What the journal says of a resource that the stand-ins know."""
    if type_of(resource["urn"]) == POD_IDENTITY_RESOURCE:
        add_on = clouds.asked_of_eks(resource["inputs"])
        return {"call": "CreateAddon", "name": add_on.id, **written(add_on)}
    if resource["custom"] and resource["type"].startswith(_OF_THE_STANDINS):
        known = {key: _in_the_clear(resource.get(key, {})) for key in ("inputs", "outputs")}
        return {"call": "Create", "urn": resource["urn"], "id": resource["id"], **known}
    return {}


def _in_the_clear(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return json.loads(value["plaintext"])
        return {key: _in_the_clear(item) for key, item in value.items()}
    return [_in_the_clear(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    (release,) = sys.argv[1:]
    for kind, wanted in SETTINGS.items():
        with tempfile.TemporaryDirectory() as empty:
            write(STATES / f"{release}{kind}.json.gz", wanted, build(Path(empty) / "it", wanted))
