"""`ops join`, fed with the outputs that the program itself has."""

import copy
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ops.cli import app

ROOT = Path(__file__).parents[3]


@pytest.fixture
def outputs(own, tmp_path):
    """A file of outputs, with activations that are valid for some hours more or less."""

    def write(*, hours=5):
        values = copy.deepcopy(own.stack_outputs)
        for join in values["joins"].values():
            join["expires"] = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
        file = tmp_path / "outputs.json"
        file.write_text(json.dumps(values))
        return file

    return write


@pytest.fixture
def run(outputs):
    def ops_join(*words, hours=5):
        return CliRunner().invoke(app, ["join", *words, "--outputs", str(outputs(hours=hours))])

    return ops_join


@pytest.fixture(scope="module")
def code(own):
    return own.stack_outputs["joins"]["rack-1"]["activation_code"]


def test_the_script_goes_to_standard_output_and_the_words_beside_it(run, code, own):
    done = run("rack-1")
    assert done.exit_code == 0
    assert done.stdout.startswith("#!/usr/bin/env bash\n")
    assert code in done.stdout
    assert code not in done.stderr
    assert "admits one machine until" in done.stderr
    assert "pulumi up --replace '**:Activation::rack-1'" in done.stderr
    assert any(r.name == "rack-1" for r in own.of_type("aws:ssm/activation:Activation"))


def test_a_file_is_read_by_its_owner_only_and_names_the_machine(run, tmp_path, code):
    file = tmp_path / "rack-1.sh"
    file.write_text("old")
    file.chmod(0o644)
    done = run("rack-1", "--out", str(file))
    assert done.exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert code in file.read_text()
    assert code not in done.output
    assert "bring it to 10.80.0.11 in a safe way" in done.stderr


def test_a_link_that_waits_at_the_path_is_not_followed(run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    (tmp_path / "link").symlink_to(elsewhere)
    assert run("rack-1", "--out", str(tmp_path / "link")).exit_code == 0
    assert elsewhere.read_text() == "kept"


def test_user_data_is_one_cloud_config_document(run):
    done = run("rack-2", "--format", "cloud-init")
    assert done.stdout.startswith("#cloud-config\n")
    files = {each["path"]: each["content"] for each in yaml.safe_load(done.stdout)["write_files"]}
    assert "ARCHITECTURE=arm64" in files["/etc/nodeadm/join.env"]
    assert "export HTTPS_PROXY=http://proxy.example.internal:3128" in files["/etc/nodeadm/join.env"]


def test_a_seed_is_a_folder_of_two_files(run, tmp_path):
    done = run("rack-1", "--format", "nocloud", "--out", str(tmp_path / "seed"))
    assert done.exit_code == 0
    assert {path.name: f"{path.stat().st_mode & 0o777:o}" for path in (tmp_path / "seed").iterdir()} == {
        "meta-data": "600",
        "user-data": "600",
    }
    assert run("rack-1", "--format", "nocloud").exit_code == 2


def test_a_machine_that_the_settings_do_not_have_is_refused_with_those_they_have(run):
    done = run("rack-9")
    assert done.exit_code == 2
    assert "no machine of your own named rack-9. It has rack-1, rack-2." in done.stderr


def test_an_activation_that_is_over_writes_nothing_and_says_how_to_renew_it(run, tmp_path, code):
    done = run("rack-1", "--out", str(tmp_path / "file"), hours=-1)
    assert done.exit_code == 1
    assert "pulumi up --replace '**:Activation::rack-1', then ops join rack-1 again" in done.stderr
    assert not (tmp_path / "file").exists()
    assert code not in done.output


def test_a_path_that_cannot_be_written_is_an_error_and_no_traceback(run, tmp_path):
    (tmp_path / "file").touch()
    done = run("rack-1", "--out", str(tmp_path / "file" / "below"))
    assert done.exit_code == 2
    assert "--out" in done.stderr
    assert "Choose another path: ops join rack-1 --out PATH" in done.stderr


@pytest.mark.parametrize(("words", "shown"), [((), False), (("--show",), True)])
def test_a_terminal_sees_the_secret_only_when_it_asks(outputs, code, words, shown, on_terminal):
    command = [sys.executable, "-m", "ops", "join", "rack-1", "--outputs", str(outputs()), *words]
    done = on_terminal(command, "stdout", cwd=ROOT)
    assert (code in done.shown) is shown
    assert done.code == (0 if shown else 2)
    assert code not in done.piped


def test_a_fleet_gets_a_file_for_each_machine(run, tmp_path, code):
    done = run("--all", "--out", str(tmp_path / "fleet"))
    assert done.exit_code == 0
    files = {path.name: f"{path.stat().st_mode & 0o777:o}" for path in (tmp_path / "fleet").iterdir()}
    assert files == {"rack-1.sh": "600", "rack-2.sh": "600"}
    assert code in (tmp_path / "fleet/rack-1.sh").read_text()
    assert code not in done.output


def test_a_fleet_of_seeds_is_a_folder_of_folders(run, tmp_path):
    assert run("--all", "--format", "nocloud", "--out", str(tmp_path / "fleet")).exit_code == 0
    assert sorted(str(path.relative_to(tmp_path / "fleet")) for path in tmp_path.glob("fleet/*/*")) == [
        "rack-1/meta-data",
        "rack-1/user-data",
        "rack-2/meta-data",
        "rack-2/user-data",
    ]


def test_a_fleet_whose_activations_are_over_names_them_with_one_command(run, tmp_path):
    done = run("--all", "--out", str(tmp_path / "fleet"), hours=-1)
    assert done.exit_code == 1
    assert "pulumi up --replace '**:Activation::rack-1' --replace '**:Activation::rack-2'" in done.stderr


@pytest.mark.parametrize("words", [(), ("rack-1", "--all"), ("--all",)])
def test_one_machine_or_a_fleet_with_a_folder(run, words):
    done = run(*words)
    assert done.exit_code == 2
    assert "ops join --all --out FOLDER" in done.stderr


def test_an_upgrade_holds_no_secret_and_says_the_steps_in_their_order(outputs, tmp_path, code):
    file = tmp_path / "up.sh"
    done = CliRunner().invoke(
        app, ["upgrade", "rack-1", "--out", str(file), "--outputs", str(outputs(hours=-1))]
    )
    assert done.exit_code == 0
    assert code not in file.read_text()
    assert "KUBERNETES_VERSION=1.3" in file.read_text()
    assert "export HTTPS_PROXY=http://proxy.example.internal:3128" in file.read_text()
    steps = done.stderr.splitlines()
    assert steps == [
        (
            "1. kubectl drain --selector eks-hybrid-calico/name=rack-1 --ignore-daemonsets --delete-emptydir-data "
            "--timeout 10m"
        ),
        f"2. on the machine (10.80.0.11): sudo bash {file}",
        "3. kubectl wait --for=condition=Ready --timeout 5m node --selector eks-hybrid-calico/name=rack-1",
        "4. kubectl uncordon --selector eks-hybrid-calico/name=rack-1",
    ]


def test_leaving_needs_no_stack(tmp_path):
    done = CliRunner().invoke(app, ["leave", "rack-1", "--out", str(tmp_path / "leave.sh")])
    assert done.exit_code == 0
    assert "nodeadm" in (tmp_path / "leave.sh").read_text()
    assert [line[:2] for line in done.stderr.splitlines()] == ["1.", "2.", "3."]
    assert "kubectl drain" in done.stderr.splitlines()[0]
    assert "sudo eks-hybrid-leave" in done.stderr.splitlines()[1]
