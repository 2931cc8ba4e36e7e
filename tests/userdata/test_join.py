"""join.sh, run for real below a temporary root, against fake nodeadm, curl, systemctl, journalctl and apt-get."""

import fcntl
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from userdata import cloud_config

SCRIPT = Path(cloud_config.__file__).with_name("join.sh")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
STEP = re.compile(rf"^{TIME} join: step (\d+)/(\d+) (.+)$", re.MULTILINE)


def steps(log: str) -> list[tuple[str, str, str]]:
    return STEP.findall(log)


def last_line(log: str) -> str:
    return log.splitlines()[-1].split(" ", 1)[1]


def test_shellcheck_has_nothing_to_say() -> None:
    tool = Path(sys.executable).with_name("shellcheck")
    if not tool.exists():
        pytest.skip(f"shellcheck is not beside {sys.executable}; install the dev dependencies (make test)")
    check = subprocess.run([tool, SCRIPT], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout


def test_a_fresh_machine_joins(machine) -> None:
    done = machine.boot()
    assert done.returncode == 0, machine.log
    assert last_line(machine.log) == "join: done: joined EKS cluster eks-hybrid in ap-northeast-1"
    config = f"file://{machine.inside('/etc/nodeadm/nodeConfig.yaml')}"
    assert [call for call in machine.calls if call.startswith(("nodeadm", "apt-get"))] == [
        f"nodeadm config check -c {config}",
        "apt-get --quiet --option APT::Update::Error-Mode=any update",
        "nodeadm install 1.35 --credential-provider ssm --region ap-northeast-1 --timeout 20m",
        f"nodeadm init -c {config}",
    ]


def test_steps_are_announced_in_the_form_that_ops_doctor_reads(machine) -> None:
    machine.boot()
    assert steps(machine.log) == [
        ("1", "7", "look whether this machine has joined"),
        ("2", "7", "download nodeadm"),
        ("3", "7", "check the node configuration"),
        ("4", "7", "install the Kubernetes components"),
        ("5", "7", "clear the CNI configuration"),
        ("6", "7", "join the cluster"),
        ("7", "7", "check the kubelet"),
    ]


def test_every_line_has_its_time_in_utc(machine) -> None:
    machine.boot(TZ="Asia/Tokyo")
    lines = machine.log.splitlines()
    assert all(re.match(rf"{TIME} ", line) for line in lines)
    stamp = time.mktime(time.strptime(lines[-1][:20], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert abs(stamp - time.time()) < 600


def test_the_console_shows_the_same_as_the_log_and_stdout_does_not_repeat_it(machine) -> None:
    # cloud-init's service sends its stdout to the console too: both would show every line twice.
    done = machine.boot()
    assert machine.console.read_text() == machine.log
    assert done.stdout == ""


def test_without_a_console_the_lines_go_to_stdout(machine) -> None:
    machine.console.unlink()
    done = machine.boot()
    assert done.returncode == 0
    assert done.stdout == machine.log


def test_a_console_that_cannot_be_written_does_not_stop_the_join(machine) -> None:
    machine.console.unlink()
    machine.console.symlink_to("/dev/full")
    done = machine.boot()
    assert done.returncode == 0
    assert done.stdout == machine.log


def test_a_person_at_a_terminal_sees_the_lines_there(machine) -> None:
    try:
        leader, follower = pty.openpty()
    except OSError as error:
        pytest.skip(f"this machine gives no pseudo-terminal: {error}")
    with subprocess.Popen(
        [machine.inside(machine.command)], env=machine.environment, stdout=follower, stderr=follower
    ) as process:
        os.close(follower)
        seen = b""
        while chunk := _read(leader):
            seen += chunk
        assert process.wait(timeout=300) == 0
    os.close(leader)
    assert seen.decode().replace("\r\n", "\n") == machine.log
    assert machine.console.read_text() == ""


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says EIO once the other side is closed.
        return b""


# --- download ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["arm64", "amd64"])
def test_the_release_for_the_machine_is_downloaded_and_made_executable(
    boot_machine, architecture: str
) -> None:
    machine = boot_machine(architecture=architecture)
    machine.boot()
    url = f"https://hybrid-assets.eks.amazonaws.com/releases/v1.0.20/bin/linux/{architecture}/nodeadm"
    assert [call.split()[-1] for call in machine.calls if call.startswith("curl")] == [url, f"{url}.sha256"]
    binary = machine.inside("/usr/local/bin/nodeadm")
    assert binary.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in binary.parent.iterdir()] == ["nodeadm"]


def test_a_flaky_download_is_tried_again(machine) -> None:
    machine.failures("curl", 3)
    assert machine.boot().returncode == 0
    assert "nodeadm: attempt 3 of 10 failed with exit code 6" in machine.log
    assert machine.called("curl") == 5


def test_a_network_that_stays_away_is_named_as_the_cause(machine) -> None:
    machine.failures("curl", 99)
    assert machine.boot().returncode == 1
    assert machine.called("curl") == 10
    assert "Could not resolve host" in machine.log
    assert last_line(machine.log).startswith(
        "join: failed at step 2/7 download nodeadm: cannot download https://"
    )
    assert "NAT gateway" in last_line(machine.log)


def test_a_release_that_does_not_exist_is_not_asked_for_ten_times(boot_machine) -> None:
    machine = boot_machine(nodeadm_version="v9.9.9")
    (machine.fake / "www").rename(machine.fake / "elsewhere")
    assert machine.boot().returncode == 1
    assert machine.called("curl") == 1
    assert "/releases/v9.9.9/bin/linux/arm64/nodeadm answers HTTP 404" in last_line(machine.log)
    assert "pulumi config set nodeadmVersion" in last_line(machine.log)


def test_a_download_with_the_wrong_checksum_is_never_run(machine) -> None:
    actual = machine.publish(digest="b" * 64)
    assert machine.boot().returncode == 1
    assert machine.called("nodeadm") == 0
    assert not list(machine.inside("/usr/local/bin").iterdir())
    assert f"{actual}, but the https://" in last_line(machine.log)
    assert last_line(machine.log).endswith("b" * 64)


def test_a_page_in_place_of_the_checksum_is_refused(machine) -> None:
    machine.publish(digest="<html>Please log in</html>")
    assert machine.boot().returncode == 1
    assert machine.called("nodeadm") == 0
    assert last_line(machine.log).endswith("nodeadm.sha256 says <html>Please")


def test_a_pinned_digest_is_believed_and_not_the_published_one(boot_machine) -> None:
    machine = boot_machine(nodeadm_sha256="c" * 64)
    assert machine.boot().returncode == 1
    assert "but the pinned digest says " + "c" * 64 in last_line(machine.log)
    assert machine.called("nodeadm") == 0
    assert machine.called("curl") == 1


def test_a_pinned_digest_may_be_written_in_capitals(machine) -> None:
    digest = machine.publish()
    parameters = machine.inside("/etc/nodeadm/join.env")
    parameters.write_text(
        parameters.read_text().replace("NODEADM_SHA256=''", f"NODEADM_SHA256={digest.upper()}")
    )
    assert machine.boot().returncode == 0
    assert machine.called("curl") == 1


# --- configuration and install ------------------------------------------------------------------------


def test_a_configuration_that_nodeadm_refuses_stops_before_the_install(machine) -> None:
    machine.failures("check", 1)
    assert machine.boot().returncode == 1
    assert machine.called("nodeadm install") == 0
    assert last_line(machine.log).startswith(
        "join: failed at step 3/7 check the node configuration: nodeadm does"
    )


@pytest.mark.parametrize(("os_name", "updates"), [("ubuntu-22.04", 1), ("ubuntu-24.04", 1), ("al2023", 0)])
def test_only_ubuntu_needs_its_package_lists_refreshed(boot_machine, os_name: str, updates: int) -> None:
    machine = boot_machine(os=os_name)
    assert machine.boot().returncode == 0
    assert machine.called("apt-get") == updates


def test_a_busy_package_mirror_is_tried_again(machine) -> None:
    machine.failures("apt", 2)
    assert machine.boot().returncode == 0
    assert machine.called("apt-get") == 3


def test_a_mirror_that_stays_away_is_named_as_the_cause(machine) -> None:
    machine.failures("apt", 99)
    assert machine.boot().returncode == 1
    assert machine.called("nodeadm install") == 0
    assert "tcp 80" in last_line(machine.log)


def test_a_failed_install_ends_the_run_with_what_nodeadm_said(machine) -> None:
    machine.failures("install", 1)
    assert machine.boot().returncode == 1
    assert machine.called("nodeadm init") == 0
    assert "installing containerd: exit status 100" in machine.log
    assert last_line(machine.log).startswith(
        "join: failed at step 4/7 install the Kubernetes components: nodeadm install 1.35 failed"
    )


def test_a_leftover_cni_configuration_is_gone_before_init(machine) -> None:
    machine.boot()
    assert "cni configuration present at init" not in machine.calls


# --- init ---------------------------------------------------------------------------------------------


def test_init_that_fails_three_times_and_then_works_is_a_join(machine) -> None:
    machine.failures("init", 3)
    assert machine.boot().returncode == 0
    assert machine.called("nodeadm init") == 4
    assert "nodeadm init: attempt 3 of 10 failed with exit code 1" in machine.log
    assert last_line(machine.log).startswith("join: done: joined")


def test_init_that_never_works_ends_with_everything_that_explains_it(machine) -> None:
    machine.failures("init", 99)
    assert machine.boot().returncode == 1
    assert machine.called("nodeadm init") == 10
    for evidence in (
        "AccessDeniedException",
        "debug: k8s-endpoint-network failed",
        "join: last lines of kubelet:",
        "kubelet[4242]: E1123 node is not authorized",
        "containerd[17]: cni plugin not initialized",
        "run again: sudo /usr/local/sbin/eks-hybrid-join",
    ):
        assert evidence in machine.log
    assert last_line(machine.log).startswith(
        "join: failed at step 6/7 join the cluster: nodeadm init failed 10"
    )


def test_the_last_line_has_arrived_when_the_script_ends(machine) -> None:
    machine.failures("install", 1)
    machine.switch("chatty")
    # Nobody reads its output here: reading to the end would itself wait for the last line.
    ended = subprocess.run(
        [machine.inside(machine.command)],
        env=machine.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 1
    assert last_line(machine.log).startswith("join: failed at step 4/7")


def test_a_unit_without_lines_is_not_mentioned(machine) -> None:
    machine.failures("init", 99)
    machine.boot()
    assert "amazon-ssm-agent" not in machine.log


def test_init_that_does_nothing_and_says_so_with_0_is_a_failure(machine) -> None:
    machine.switch("hollow")
    assert machine.boot().returncode == 1
    assert last_line(machine.log).startswith(
        "join: failed at step 7/7 check the kubelet: nodeadm init returned 0 but"
    )
    assert "nodeadm install was not completed" in last_line(machine.log)


def test_init_without_a_running_kubelet_is_a_failure(machine) -> None:
    machine.switch("stillborn")
    assert machine.boot().returncode == 1
    assert "kubelet is not up, look 3 of 3" in machine.log
    assert "kubelet does not stay up" in last_line(machine.log)
    assert "E1123 node is not authorized" in machine.log


def test_a_kubelet_that_crashes_and_comes_back_is_a_failure(machine) -> None:
    machine.switch("crashing")
    assert machine.boot().returncode == 1
    assert "kubelet does not stay up" in last_line(machine.log)


# --- again --------------------------------------------------------------------------------------------


def test_a_second_run_leaves_a_joined_machine_alone(machine) -> None:
    machine.boot()
    calls = machine.calls
    conflist = machine.inside("/etc/cni/net.d/10-calico.conflist")
    conflist.parent.mkdir(parents=True)
    conflist.write_text("{}")
    assert machine.boot().returncode == 0
    assert last_line(machine.log) == "join: done: this machine has already joined, nothing to do"
    assert machine.calls[len(calls) :] == ["systemctl is-active --quiet kubelet"]
    assert conflist.exists()


def test_a_run_after_a_failed_one_joins(machine) -> None:
    machine.switch("stillborn")
    assert machine.boot().returncode == 1
    (machine.fake / "stillborn").unlink()
    assert machine.boot().returncode == 0
    assert machine.called("nodeadm init") == 2


def test_a_run_waits_for_another_one(machine) -> None:
    with machine.inside("/etc/nodeadm/join.env").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with subprocess.Popen([machine.inside(machine.command)], env=machine.environment) as process:
            log = machine.inside("/var/log/eks-hybrid-join.log")
            while not (log.exists() and "waiting for it to end" in log.read_text()):
                assert process.poll() is None
                time.sleep(0.05)
            assert machine.calls == []
            fcntl.flock(held, fcntl.LOCK_UN)
            assert process.wait(timeout=300) == 0
    assert last_line(machine.log).startswith("join: done: joined")


def test_what_nodeadm_and_apt_start_cannot_keep_the_lock(machine) -> None:
    assert machine.boot().returncode == 0
    assert "lock handed on" not in machine.calls


def test_missing_parameters_say_where_they_should_have_come_from(machine) -> None:
    machine.inside("/etc/nodeadm/join.env").unlink()
    assert machine.boot().returncode == 1
    assert "cloud-init status --long" in last_line(machine.log)


def test_an_unforeseen_error_is_reported_too(machine) -> None:
    # A file where the directory of the binary should be, so that a command nobody guards fails.
    machine.inside("/usr/local/bin").touch()
    assert machine.boot().returncode != 0
    assert re.match(r"join: failed at step 2/7 download nodeadm: exit code \d+, see", last_line(machine.log))


def test_the_pauses_come_from_the_environment_and_are_half_a_minute_otherwise(machine) -> None:
    sleep = machine.bin / "sleep"
    sleep.write_text('#!/bin/bash\nprintf "sleep %s\\n" "$*" >>"$FAKE/calls"\n')
    sleep.chmod(0o755)
    machine.failures("init", 2)
    environment = {**machine.environment}
    del environment["EKS_HYBRID_RETRY_SECONDS"]
    subprocess.run([machine.inside(machine.command)], env=environment, check=True, timeout=300)
    # Twice between attempts, once while looking whether the kubelet stays up.
    assert [call for call in machine.calls if call.startswith("sleep")] == ["sleep 30"] * 3


# --- secrets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["Fjz3/sZfSvv78EXAMPLE", "12345678901234567890", "a*b?[c]&d\\1/2+abcdefgh"])
@pytest.mark.parametrize("failures", [0, 99])
def test_the_activation_code_is_nowhere_but_in_its_file(boot_machine, code: str, failures: int) -> None:
    machine = boot_machine(code=code)
    machine.failures("init", failures)
    done = machine.boot()
    # The fake nodeadm prints its whole configuration at init, so there is something to hide.
    assert "activationCode: " in machine.log
    assert "***" in machine.log
    for place in (
        machine.log,
        machine.console.read_text(),
        done.stdout + done.stderr,
        "\n".join(machine.calls),
        (machine.fake / "environment").read_text(),
    ):
        assert code not in place


def test_nodeadm_gets_a_home_although_cloud_init_sets_none(machine) -> None:
    machine.boot()
    assert "HOME=/root" in (machine.fake / "environment").read_text().splitlines()
