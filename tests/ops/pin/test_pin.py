"""`ops pin`: a new release is read, checked, compared and pinned; what cannot be trusted is not."""

import functools
import hashlib
import http.server
import runpy
import shutil
import threading

import pytest
import yaml
from typer.testing import CliRunner

from infra import versions
from k8s import calico_source
from ops.cli import app
from ops.pin import releases, table
from ops.pin.changes import changes
from tests.manifest import small_manifest

HEX = "0123456789abcdef" * 4


@pytest.fixture
def serve():
    """Serve a folder over http on this machine; gives its address."""
    servers = []

    def start(folder):
        handler = functools.partial(Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_request(self, code="-", size="-"):
        """Say nothing."""


@pytest.fixture
def default(tmp_path, monkeypatch):
    """Make the small manifest the one of the default release."""
    folder = tmp_path / "default"
    folder.mkdir()
    path, digest = small_manifest(folder)
    monkeypatch.setattr(versions, "CALICO_SHA256", {versions.CALICO_DEFAULT: digest})
    monkeypatch.setenv("CALICO_MANIFEST", str(path))
    return path


@pytest.fixture
def own_table(tmp_path, monkeypatch):
    """A copy of the version table, to write to."""
    copy = tmp_path / "versions.py"
    shutil.copy(versions.__file__, copy)
    monkeypatch.setattr(table, "FILE", copy)
    return copy


def pin(*arguments):
    return CliRunner().invoke(app, ["pin", *map(str, arguments)])


def written(file):
    return runpy.run_path(str(file))


def test_a_release_is_read_from_a_server_and_compared_with_the_default(serve, default, tmp_path, monkeypatch):
    text = default.read_text()
    for of_default, of_release in (
        (":v3.32.1", ":v3.31.7"),
        ('  "plugins": [', '  "cniVersion": "1.0.0",\n          "plugins": ['),
        ("ippools", "networksets"),
    ):
        assert of_default in text
        text = text.replace(of_default, of_release)
    file = tmp_path / "web" / "calico-vxlan-v3.31.7.yaml"
    file.parent.mkdir()
    file.write_text(text)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr(versions, "CALICO_SHA256", {**versions.CALICO_SHA256, "3.31.7": digest})
    done = pin("calico", "3.31.7", "--from", f"{serve(file.parent)}/{file.name}")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "Calico 3.31.7, for Kubernetes 1.33, 1.34, 1.35"
    assert lines[1] == f"sha256   {digest} ({len(text)} bytes)"
    assert "1 CustomResourceDefinition" in lines[2]
    assert "quay.io/calico/node:v3.31.7" in lines[3]
    assert "What changes from the default, 3.32.1:" in lines
    for part in (
        "new      CustomResourceDefinition networksets.crd.projectcalico.org",
        "removed  CustomResourceDefinition ippools.crd.projectcalico.org",
        "containers.calico-node.image quay.io/calico/node:v3.32.1 -> quay.io/calico/node:v3.31.7",
        'cni_network_config with "cniVersion": "1.0.0",',
    ):
        assert any(part in line for line in lines), part
    # The table has its digest, so one command is enough.
    assert lines[-1] == "  pulumi config set calicoVersion 3.31.7"


def test_a_release_without_a_row_is_pinned_by_two_settings(default):
    done = pin("calico", "3.32.9", "--from", default)
    digest = hashlib.sha256(default.read_bytes()).hexdigest()
    assert done.stdout.splitlines()[-2:] == [
        "  pulumi config set calicoVersion 3.32.9",
        f"  pulumi config set calicoManifestSha256 {digest}",
    ]
    assert f"The same objects as {versions.CALICO_DEFAULT}." in done.stdout


def test_write_adds_a_row_and_changes_nothing_else(default, own_table):
    before = own_table.read_text()
    done = pin("calico", "3.32.9", "--from", default, "--write")
    assert done.exit_code == 0
    assert "calicoManifestSha256" not in done.stdout
    digest = hashlib.sha256(default.read_bytes()).hexdigest()
    assert next(iter(written(own_table)["CALICO_SHA256"].items())) == ("3.32.9", digest)
    added = set(own_table.read_text().splitlines()) - set(before.splitlines())
    assert f'        "3.32.9": "{digest}",' in added
    assert own_table.read_text().partition("CALICO_SHA256")[0] == before.partition("CALICO_SHA256")[0]


def test_nodeadm_is_pinned_by_what_is_published_for_both_architectures(serve, tmp_path, own_table):
    for number, architecture in enumerate(("arm64", "amd64")):
        folder = tmp_path / "web" / "v1.0.21" / "bin" / "linux" / architecture
        folder.mkdir(parents=True)
        (folder / "nodeadm.sha256").write_text(f"{str(number) * 64}  nodeadm\n")
    address = serve(tmp_path / "web")
    done = pin("nodeadm", "v1.0.21", "--from", address)
    assert done.stdout.splitlines()[-3:] == [
        "  pulumi config set nodeadmVersion v1.0.21",
        f"  pulumi config set --path nodeadmSha256.arm64 {'0' * 64}",
        f"  pulumi config set --path nodeadmSha256.amd64 {'1' * 64}",
    ]
    done = pin("nodeadm", "v1.0.21", "--from", address, "--write")
    assert "nodeadmSha256" not in done.stdout
    assert written(own_table)["NODEADM_SHA256"] == {"v1.0.21": {"arm64": "0" * 64, "amd64": "1" * 64}}


def other(path):
    objects = list(yaml.safe_load_all(path.read_text()))
    return yaml.safe_dump_all([*objects, {"kind": "Namespace", "metadata": {"name": "calico-system"}}])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (
            ("calico", "v3.32.4"),
            2,
            "v3.32.4 is not a release of a known Calico line (3.33.x, 3.32.x, 3.31.x)",
        ),
        (("calico", "3.30.1"), 2, "3.30.1 is not a release of a known Calico line"),
        (("nodeadm", "latest"), 2, "latest is not a nodeadm release, vX.Y.Z"),
        (("calico", "3.32.4", "--from", "/nowhere/calico.yaml"), 2, "No such file"),
        (("calico", "3.32.4", "--from", "http://mirror.example/calico.yaml"), 2, "came over https"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(arguments, code, says):
    done = pin(*arguments)
    assert done.exit_code == code
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_network_it_says_how_to_go_on(monkeypatch):
    def unreachable(*_args, **_kwargs):
        raise calico_source.CalicoManifestUnavailableError("no network here")

    monkeypatch.setattr(calico_source, "download", unreachable)
    for arguments in (("calico", "3.32.4"), ("nodeadm", "v1.0.21")):
        done = pin(*arguments)
        assert done.exit_code == 2
        assert "could not be fetched: no network here. Check the network, or" in done.stderr


def test_a_release_of_another_structure_is_refused_and_nothing_is_written(default, tmp_path, own_table):
    before = own_table.read_text()
    (tmp_path / "other.yaml").write_text(other(default))
    done = pin("calico", "3.33.1", "--from", tmp_path / "other.yaml", "--write")
    assert done.exit_code == 1
    assert "it has the kind Namespace (calico-system), which no release had" in done.stderr
    assert own_table.read_text() == before


def test_a_file_that_is_not_the_known_one_is_refused(default, tmp_path):
    (tmp_path / "changed.yaml").write_text(default.read_text() + "\n# changed\n")
    done = pin("calico", versions.CALICO_DEFAULT, "--from", tmp_path / "changed.yaml")
    assert done.exit_code == 1
    assert "It was damaged or changed" in done.stderr


def test_what_is_no_digest_is_refused(tmp_path, serve):
    folder = tmp_path / "v1.0.21" / "bin" / "linux" / "arm64"
    folder.mkdir(parents=True)
    (folder / "nodeadm.sha256").write_text("<html>")
    done = pin("nodeadm", "v1.0.21", "--from", serve(tmp_path))
    assert done.exit_code == 1
    assert "holds no sha256 digest" in done.stderr


def test_a_default_that_cannot_be_had_is_no_reason_to_stop(default, monkeypatch):
    monkeypatch.setenv("CALICO_MANIFEST", "/nowhere.yaml")
    monkeypatch.setattr(releases.calico_source, "fetch", _refuse)
    done = pin("calico", "3.32.9", "--from", default)
    assert done.exit_code == 0
    assert f"Not compared with the default, {versions.CALICO_DEFAULT}: not here" in done.stdout


def _refuse(*_given):
    raise calico_source.CalicoManifestError("not here")


def test_changes_are_said_by_the_name_of_what_changed():
    def workload(image, env, args):
        container = {"name": "a", "image": image, "env": env, "args": args}
        return {
            "kind": "Deployment",
            "metadata": {"name": "d"},
            "spec": {"template": {"spec": {"containers": [container]}}},
        }

    old = [workload("i:1", [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], ["x"])]
    new = [workload("i:2", [{"name": "B", "value": "3"}], ["x", "y"])]
    path = "changed  Deployment d: spec.template.spec.containers.a"
    assert list(changes(old, new)) == [
        f"{path}.image i:1 -> i:2",
        f"{path}.env.A {{'value': '1'}} -> (none)",
        f"{path}.env.B.value 2 -> 3",
        f"{path}.args with y",
    ]
    assert list(changes(old, old)) == []
