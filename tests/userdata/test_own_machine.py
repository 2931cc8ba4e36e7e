"""What `ops join` writes: the script run in the sandbox, user data and seed. test_join.py runs the joins themselves."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.names import LEAVE
from tests.userdata.conftest import ACTIVATION_CODE, ACTIVATION_ID
from userdata import own_machine, paths
from userdata.join_files import Proxy, join_files

OTHER_ACTIVATION = "ffffffff-5b0f-4c35-9f6e-3a2b1c0d9e8f"
PROXY = Proxy(url="http://proxy:3128", exceptions="localhost,10.0.0.0/8")


@pytest.fixture
def own(boot_machine):
    return lambda **changes: boot_machine(by="script", **changes)


def test_the_script_writes_the_same_files_with_the_same_modes_and_starts_the_unit(own):
    machine = own()
    for file in join_files(machine.config, activation_id=ACTIVATION_ID, activation_code=ACTIVATION_CODE):
        path = machine.inside(file.path)
        assert path.read_text() == file.content
        assert f"{path.stat().st_mode & 0o777:04o}" == file.mode
    assert machine.own_calls == [
        "systemctl daemon-reload",
        f"systemctl enable --now --no-block {paths.UNIT_NAME}",
        f"systemctl restart --no-block {paths.UNIT_NAME}",
    ]


def test_shellcheck_has_nothing_to_say(config, tmp_path):
    tool = Path(sys.executable).with_name("shellcheck")
    if not tool.exists():
        pytest.skip(f"shellcheck is not beside {sys.executable}; install the dev dependencies (make test)")
    file = tmp_path / "join.sh"
    file.write_text(
        own_machine.script(config, activation_id=ACTIVATION_ID, activation_code="x", expires="tomorrow")
    )
    check = subprocess.run([tool, "--exclude", "SC1091", file], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout


def test_the_script_makes_way_for_a_new_activation(own):
    machine = own()
    machine.inside(paths.JOINED).parent.mkdir(parents=True)
    machine.inside(paths.JOINED).touch()
    assert machine.run_own_script(activation_id=OTHER_ACTIVATION).returncode == 0
    assert not machine.inside(paths.JOINED).exists()
    assert OTHER_ACTIVATION in machine.inside(paths.NODE_CONFIG).read_text()


def test_a_machine_that_is_registered_with_another_activation_is_left_as_it_is(own):
    machine = own()
    assert machine.boot().returncode == 0
    done = machine.run_own_script(activation_id=OTHER_ACTIVATION)
    assert done.returncode == 1
    assert LEAVE in done.stderr
    assert OTHER_ACTIVATION not in machine.inside(paths.NODE_CONFIG).read_text()
    # With its own one it may be repeated.
    assert machine.run_own_script().returncode == 0


def test_a_machine_of_another_architecture_is_refused_before_anything_is_written(own):
    machine = own()
    machine.inside(paths.NODE_CONFIG).unlink()
    (machine.bin / "uname").write_text("#!/bin/bash\necho x86_64\n")
    done = machine.run_own_script()
    assert done.returncode == 1
    assert "this machine is x86_64, and the settings say aarch64" in done.stderr
    assert not machine.inside(paths.NODE_CONFIG).exists()


def test_a_machine_with_another_system_is_refused_before_anything_is_written(own):
    machine = own()
    machine.inside(paths.NODE_CONFIG).unlink()
    (machine.root / "etc/os-release").write_text('ID=debian\nVERSION_ID="13"\n')
    done = machine.run_own_script()
    assert done.returncode == 1
    assert "this machine runs debian 13, and the settings say ubuntu-24.04" in done.stderr
    assert not machine.inside(paths.NODE_CONFIG).exists()


@pytest.mark.parametrize("os_name", ["ubuntu-24.04", "ubuntu-22.04", "al2023"])
def test_a_proxy_reaches_everything_that_needs_the_internet(own, os_name):
    machine = own(proxy=PROXY, os=os_name)
    for unit in (
        "containerd",
        "kubelet",
        "amazon-ssm-agent",
        "snap.amazon-ssm-agent.amazon-ssm-agent",
        "snapd",
    ):
        text = machine.inside(f"/etc/systemd/system/{unit}.service.d/http-proxy.conf").read_text()
        assert 'Environment="HTTPS_PROXY=http://proxy:3128"' in text
        assert 'Environment="NO_PROXY=localhost,10.0.0.0/8"' in text
    apt = machine.inside("/etc/apt/apt.conf.d/95-eks-hybrid-proxy")
    assert apt.exists() == os_name.startswith("ubuntu")
    # The units learn of it before the join starts.
    assert machine.own_calls.index("systemctl daemon-reload") == 0
    assert machine.own_calls[2].startswith("systemctl try-restart containerd.service")
    # curl, apt and nodeadm get it from the script.
    assert machine.boot().returncode == 0, machine.log
    seen = (machine.fake / "environment").read_text().splitlines()
    assert {"https_proxy=http://proxy:3128", "NO_PROXY=localhost,10.0.0.0/8"} <= set(seen)


def test_without_a_proxy_nothing_speaks_of_one(own):
    machine = own()
    assert not machine.inside("/etc/systemd/system/containerd.service.d").exists()
    assert "proxy" not in machine.inside(paths.PARAMETERS).read_text().lower()


def test_user_data_removes_the_mark_of_an_earlier_join_first(config):
    text = own_machine.user_data(config, activation_id=ACTIVATION_ID, activation_code=ACTIVATION_CODE)
    assert text.startswith("#cloud-config\n")
    assert yaml.safe_load(text)["runcmd"][0] == ["rm", "-f", paths.JOINED]


def test_a_seed_has_the_activation_as_the_instances_id(config):
    seed = own_machine.seed(config, activation_id=ACTIVATION_ID, activation_code=ACTIVATION_CODE)
    assert yaml.safe_load(seed["meta-data"]) == {
        "instance-id": ACTIVATION_ID,
        "local-hostname": "onprem-1",
    }
    assert ACTIVATION_CODE not in seed["meta-data"]
    assert yaml.safe_load(seed["user-data"])["write_files"]
