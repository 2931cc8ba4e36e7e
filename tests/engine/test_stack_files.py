"""Our reader of stack files beside the real CLI, file by file, and the two sources of `ops plan`."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from ops.clients import stack_file
from ops.clients.stack_config import stack_config
from ops.clients.stack_file import StackFileError
from tests.engine.harness import FREES_LATE, PROJECT
from tests.stack_files import SCALARS, WHOLE, of_scalar

pytestmark = pytest.mark.engine

FILES = [*WHOLE, *map(of_scalar, SCALARS)]


@pytest.fixture(scope="module")
def known(cli, tmp_path_factory):
    """What the CLI reads in each file; None where it refuses it. It is asked about many at a time."""
    top = tmp_path_factory.mktemp("config")
    (top / "state").mkdir()
    files = list(map(encoded, FILES))
    folders = [project(top / str(number), content) for number, content in enumerate(files)]
    pulumi(project(top / "first", b""), cli, "stack", "init", "dev")
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        answers = threads.map(lambda folder: of_cli(folder, cli), folders)
        return dict(zip(files, answers, strict=True))


def encoded(text):
    return text if isinstance(text, bytes) else text.encode()


def project(folder, content):
    """A project with a stack file."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: eks-hybrid-calico\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_bytes(content)
    return folder


def pulumi(folder, cli, *arguments):
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PULUMI")},
        "PULUMI_HOME": str(folder.parent / "home"),
        "PULUMI_BACKEND_URL": (folder.parent / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "only a test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        **FREES_LATE,
    }
    command = [str(cli / "pulumi"), *arguments, "--non-interactive"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def of_cli(folder, cli):
    """The values as the CLI reads them; None when it refuses the file."""
    done = pulumi(folder, cli, "config", "--json", "--show-secrets", "--stack", "dev")
    if done.returncode:
        return None
    return {key: readable(item["value"]) for key, item in json.loads(done.stdout).items()}


def of_reader(content, folder):
    try:
        found = stack_file.read(
            project(folder / "it", content) / "Pulumi.dev.yaml", project="eks-hybrid-calico"
        )
    except StackFileError:
        return None
    return {key: readable(value) for key, value in found.values.items()}


def readable(raw):
    """A raw value, lists and maps parsed: how JSON escapes a character is no difference."""
    return json.loads(raw) if raw.startswith(("[", "{")) else raw


@pytest.mark.parametrize("text", FILES, ids=lambda text: repr(text)[:40])
def test_the_cli_and_the_reader_agree(known, text, tmp_path):
    assert of_reader(encoded(text), tmp_path) == known[encoded(text)]


def test_the_program_gets_what_the_reader_says(new_rig):
    # PULUMI_CONFIG is what really reaches the program; `pulumi config` only shows it.
    stack = new_rig().stack
    stack.edit(
        "__main__.py",
        "import pulumi\n",
        "import os\nimport pulumi\nprint('GOT', os.environ['PULUMI_CONFIG'])\n",
    )
    file = stack.project / f"Pulumi.{stack.name}.yaml"
    more = "  other:date: 2026-11-25\n  other:list: [on, 1.50, 17, ~]\n  sampleNodePort: 30081\n"
    file.write_text(file.read_text().replace("config:\n", f"config:\n{more}", 1))
    shown = stack.preview(succeeds=None).text
    line = next((line for line in shown.splitlines() if "GOT {" in line), shown)
    got = json.loads(line[line.index("{") :])
    found = stack_file.read(file, project=PROJECT).values
    assert {key: readable(got[key]) for key in found} == {
        key: readable(value) for key, value in found.items()
    }
    assert got["other:date"] == "2026-11-25 00:00:00 +0000 UTC"
    assert got[f"{PROJECT}:sampleNodePort"] == "30081"


def test_a_secret_is_decrypted_by_the_cli_and_never_shown(new_rig, monkeypatch):
    stack = new_rig().stack
    stack.pulumi("config", "set", "--secret", "podCidr", "192.168.64.0/18")
    for name in ("PATH", "PULUMI_HOME", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"):
        monkeypatch.setenv(name, stack.environment[name])
    found = stack_config(stack.project, stack.name)
    assert found.source == f"pulumi config --stack {stack.name}"
    assert found.values[f"{PROJECT}:podCidr"] == "192.168.64.0/18"
    assert found.concealed("pods in 192.168.64.0/18") == "pods in [secret]"
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    found = stack_config(stack.project, stack.name)
    assert (found.source, found.hidden) == (f"Pulumi.{stack.name}.yaml", (f"{PROJECT}:podCidr",))
