"""join.sh, run for real below a temporary root, against fakes of nodeadm, curl, kubectl, systemctl, journalctl, apt."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.userdata import join_lines
from tests.userdata.conftest import fatal
from userdata import join_files, paths

SCRIPT = Path(join_files.__file__).with_name("join.sh")
ENDINGS = yaml.safe_load(Path(__file__).with_name("endings.yaml").read_text(encoding="utf-8"))
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
UNIT = {"EKS_HYBRID_UNIT": "yes"}


def test_shellcheck_has_nothing_to_say() -> None:
    tool = Path(sys.executable).with_name("shellcheck")
    if not tool.exists():
        pytest.skip(f"shellcheck is not beside {sys.executable}; install the dev dependencies (make test)")
    check = subprocess.run([tool, SCRIPT], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout


def test_the_script_names_the_places_that_the_table_names() -> None:
    text = SCRIPT.read_text()
    for path in (paths.NODE_CONFIG, paths.PARAMETERS, paths.LOG, paths.JOINED, paths.STATE):
        assert f"=$root{path}\n" in text
    assert f"\nfinal={join_lines.FINAL_EXIT_CODE}\n" in text
    assert text.count("sudo systemctl restart eks-hybrid-join") == 2


def test_a_fresh_machine_joins(machine) -> None:
    done = machine.boot()
    assert done.returncode == 0, machine.log
    assert machine.last_line == "join: done: joined EKS cluster eks-hybrid in ap-northeast-1"
    config = f"file://{machine.inside('/etc/nodeadm/nodeConfig.yaml')}"
    assert [call for call in machine.calls if call.startswith(("nodeadm", "apt-get"))] == [
        f"nodeadm config check -c {config}",
        "apt-get --quiet --option Acquire::Languages=none --option APT::Update::Error-Mode=any update",
        "nodeadm install 1.35 --credential-provider ssm --region ap-northeast-1 --timeout 20m",
        f"nodeadm init -c {config}",
    ]


def test_steps_are_announced_in_the_form_that_ops_doctor_reads(machine) -> None:
    machine.boot()
    marks = re.finditer(join_lines.STEP_LINE, machine.log)
    found = [(mark["step"], mark["steps"], mark["title"]) for mark in marks]
    assert found == [(str(number), "7", title) for number, title in enumerate(join_lines.STEPS, 1)]


@pytest.mark.parametrize("fault", ["curl", "config", "apt", "install", "init", "kubectl"])
def test_each_line_of_the_script_has_one_of_its_fixed_forms(machine, fault: str) -> None:
    machine.failures(fault, 9)
    machine.boot()
    forms = (join_lines.STEP_LINE, join_lines.REMARK_LINE, join_lines.FAILED_LINE)
    own = [line for line in machine.log.splitlines() if " join: " in line]
    assert [line for line in own if not any(re.fullmatch(form, line) for form in forms)] == []
    failed = re.fullmatch(join_lines.FAILED_LINE, own[-1])
    assert failed is not None
    assert failed["title"] == join_lines.STEPS[int(failed["step"]) - 1]


def test_every_line_has_its_time_in_utc(machine) -> None:
    machine.boot(TZ="Asia/Tokyo")
    lines = machine.log.splitlines()
    assert all(re.match(rf"{TIME} ", line) for line in lines)
    stamp = time.mktime(time.strptime(lines[-1][:20], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert abs(stamp - time.time()) < 600


def test_journal_console_and_log_tell_the_same(machine) -> None:
    # The unit sends stdout to the journal and to the console.
    done = machine.boot()
    assert done.stdout == machine.log
    assert done.stderr == ""


def test_a_log_that_cannot_be_written_does_not_stop_the_join(machine) -> None:
    machine.inside(paths.LOG).parent.mkdir(parents=True)
    machine.inside(paths.LOG).symlink_to("/dev/full")
    assert "join: done: joined" in machine.boot().stdout


def test_a_person_at_a_terminal_sees_the_lines_there(machine, on_terminal) -> None:
    done = on_terminal([machine.script], env=machine.environment)
    assert done.code == 0
    assert done.shown == machine.log


# --- download ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["arm64", "amd64"])
def test_the_release_for_the_machine_is_downloaded_and_made_executable(
    boot_machine, architecture: str
) -> None:
    machine = boot_machine(architecture=architecture)
    machine.boot()
    url = f"https://hybrid-assets.eks.amazonaws.com/releases/v1.0.20/bin/linux/{architecture}/nodeadm"
    assert [call.split()[-1] for call in machine.calls if call.startswith("curl")] == [f"{url}.sha256", url]
    binary = machine.inside("/usr/local/bin/nodeadm")
    assert binary.stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in binary.parent.iterdir()) == ["kubectl", "nodeadm"]


def test_in_china_nodeadm_comes_from_the_host_of_that_partition(boot_machine) -> None:
    machine = boot_machine(region="cn-north-1")
    machine.boot()
    asked = next(call.split()[-1] for call in machine.calls if call.startswith("curl"))
    assert asked == "https://eks-hybrid-assets.awsstatic.cn/releases/v1.0.20/bin/linux/arm64/nodeadm.sha256"


def test_a_download_may_be_compressed_on_its_way(machine) -> None:
    machine.boot()
    assert [call for call in machine.calls if call.startswith("curl") and "--compressed" not in call] == []


def test_a_download_that_fails_is_tried_again_by_the_next_run(machine) -> None:
    machine.failures("curl", 1)
    assert machine.boot().returncode == 1
    assert machine.last_line == (
        "join: failed at step 2/7 download nodeadm: cannot download https://hybrid-assets.eks.amazonaws.com/"
        "releases/v1.0.20/bin/linux/arm64/nodeadm.sha256: has this machine a way to the internet, tcp 443? "
        "curl: (6) Could not resolve host: hybrid-assets.eks.amazonaws.com"
    )
    assert machine.boot().returncode == 0


def test_a_full_disk_says_so_and_keeps_nothing_of_the_download(machine) -> None:
    curl = machine.bin / "curl"
    curl.write_text(
        curl.read_text().replace(
            'cp "$page" "$output"', 'head -c 9 "$page" >"$output"; [[ $url == *.sha256 ]] || exit 23'
        )
    )
    machine.boot()
    assert "download nodeadm: cannot write " in machine.last_line
    # What `ops doctor` looks for, and the line of df.
    assert machine.last_line.rpartition("nodeadm.new: curl: (23), ")[2].count("%") == 1
    assert not list(machine.inside("/usr/local/bin").iterdir())


def test_a_log_of_months_does_not_fill_the_disk(machine) -> None:
    log = machine.inside(paths.LOG)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("x" * 1_000_001)
    machine.boot()
    assert log.stat().st_size < 100_000
    assert log.with_name(log.name + ".1").stat().st_size > 1_000_000


def test_a_release_that_does_not_exist_says_so(boot_machine) -> None:
    machine = boot_machine(nodeadm_version="v9.9.9")
    (machine.fake / "www").rename(machine.fake / "elsewhere")
    assert machine.boot().returncode == 1
    assert "/releases/v9.9.9/bin/linux/arm64/nodeadm.sha256 answers HTTP 403" in machine.last_line
    assert "pulumi config set nodeadmVersion" in machine.last_line


def test_nodeadm_is_not_downloaded_again_while_it_is_whole(machine) -> None:
    def downloads() -> int:
        return sum(call.startswith("curl") and call.endswith("/nodeadm") for call in machine.calls)

    machine.failures("init", 2)
    machine.boot()
    machine.boot()
    assert downloads() == 1
    machine.inside("/usr/local/bin/nodeadm").write_text("half")
    assert machine.boot().returncode == 0
    assert downloads() == 2


def test_a_download_with_the_wrong_checksum_is_never_run(machine) -> None:
    actual = machine.publish(digest="b" * 64)
    assert machine.boot().returncode == 1
    assert machine.called("nodeadm") == 0
    assert not list(machine.inside("/usr/local/bin").iterdir())
    assert f"{actual}, but the https://" in machine.last_line
    assert machine.last_line.endswith("b" * 64)


def test_a_page_in_place_of_the_checksum_is_refused(machine) -> None:
    machine.publish(digest="<html>Please log in</html>")
    assert machine.boot().returncode == 1
    assert machine.called("nodeadm") == 0
    assert machine.last_line.endswith("nodeadm.sha256 says <html>Please")


def test_a_pinned_digest_is_believed_and_not_the_published_one(boot_machine) -> None:
    machine = boot_machine(nodeadm_sha256="c" * 64)
    assert machine.boot().returncode == 1
    assert "but the pinned digest says " + "c" * 64 in machine.last_line
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


def test_a_configuration_that_nodeadm_refuses_is_final(machine) -> None:
    machine.failures("config", 1)
    assert machine.boot(**UNIT).returncode == join_lines.FINAL_EXIT_CODE
    assert machine.called("nodeadm install") == 0
    assert machine.last_line == (
        f"join: failed at step 3/7 check the node configuration: nodeadm does not accept {machine.root}"
        "/etc/nodeadm/nodeConfig.yaml: "
        'error unmarshaling JSON: while decoding JSON: json: unknown field "kubelett"'
    )
    assert join_lines.FINAL in machine.log
    assert not re.search(join_lines.NEXT_ATTEMPT, machine.log)


def test_a_check_that_cannot_ask_systemd_says_nothing_about_the_configuration(machine) -> None:
    error = "dial unix /run/systemd/private: connect: connection refused"
    machine.failures("config", 1, says=fatal(error))
    assert machine.boot().returncode == 1
    assert machine.last_line.endswith(f"nodeadm config check failed: {error}")


@pytest.mark.parametrize(("os_name", "updates"), [("ubuntu-22.04", 1), ("ubuntu-24.04", 1), ("al2023", 0)])
def test_only_ubuntu_needs_its_package_lists_refreshed(boot_machine, os_name: str, updates: int) -> None:
    machine = boot_machine(os=os_name)
    assert machine.boot().returncode == 0
    assert machine.called("apt-get") == machine.called("dpkg") == updates


def test_an_apt_index_that_nobody_needs_does_not_keep_a_node_out(machine) -> None:
    machine.failures("apt", 1)
    machine.switch("candidate")
    assert machine.boot().returncode == 0
    assert "join: at step 4/7: apt-get update failed, but apt has containerd: going on" in machine.log


def test_apt_without_containerd_ends_the_run_with_what_apt_said(machine) -> None:
    machine.failures("apt", 1)
    assert machine.boot().returncode == 1
    assert machine.called("nodeadm install") == 0
    assert machine.last_line.endswith(
        "apt-get update failed, and apt has no containerd: E: Unable to lock directory /var/lib/apt/lists/"
    )
    assert machine.boot().returncode == 0


def test_packages_that_a_power_off_left_half_configured_are_completed_first(machine) -> None:
    machine.switch("unconfigured")
    assert machine.boot().returncode == 0


def test_a_cdn_that_answers_503_is_no_end(machine) -> None:
    machine.failures("install", 1)
    assert machine.boot().returncode == 1
    assert machine.called("nodeadm init") == 0
    assert machine.last_line == (
        "join: failed at step 4/7 install the Kubernetes components: nodeadm install 1.35 failed: "
        "failed reading file from url: https://hybrid-assets.eks.amazonaws.com/manifest.yaml: max retries "
        "achieved for http request: hybrid-assets.eks.amazonaws.com : unexpected status code: 503"
    )
    assert machine.boot().returncode == 0


def test_what_is_installed_is_installed_once_in_a_boot(machine) -> None:
    machine.failures("init", 2)
    machine.boot()
    machine.boot()
    assert machine.called("nodeadm install") == 1
    machine.power_on()
    assert machine.boot().returncode == 0
    assert machine.called("nodeadm install") == 2


def test_another_version_is_installed_anew(machine) -> None:
    machine.failures("init", 1)
    machine.boot()
    parameters = machine.inside(paths.PARAMETERS)
    parameters.write_text(parameters.read_text().replace("1.35", "1.34"))
    assert machine.boot().returncode == 0
    assert machine.called("nodeadm install 1.34") == 1


def test_a_missing_part_of_the_installation_is_installed_again(machine) -> None:
    machine.failures("init", 1, says=fatal("Unit file containerd.service does not exist."))
    machine.boot()
    assert machine.boot().returncode == 0
    assert machine.called("nodeadm install") == 2


def test_a_leftover_cni_configuration_is_gone_before_init(machine) -> None:
    machine.boot()
    assert "cni configuration present at init" not in machine.calls


# --- init ---------------------------------------------------------------------------------------------


def test_init_that_fails_shows_all_that_explains_it_and_the_cause_last(machine) -> None:
    machine.failures("init", 1)
    assert machine.boot().returncode == 1
    order = [
        "join: step 6/7 join the cluster",
        "AccessDeniedException",
        "join: at step 6/7: last lines of kubelet:",
        "kubelet[4242]: E1123 node is not authorized",
        "containerd[17]: cni plugin not initialized",
        "join: failed at step 6/7 join the cluster: nodeadm init failed: operation error EKS: DescribeCluster",
    ]
    places = [machine.log.index(words) for words in order]
    assert places == sorted(places)
    assert machine.last_line.endswith(":ap-northeast-1:012345678901:cluster/eks-hybrid")


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending["shown"][:60])
def test_a_run_ends_with_nodeadms_own_sentence(machine, ending: dict[str, str]) -> None:
    machine.failures("install", 1, says=ending["says"])
    machine.boot()
    assert machine.last_line.endswith(f"nodeadm install 1.35 failed: {ending['shown']}")
    assert "errorVerbose" not in machine.log
    # A console keeps 64 KiB.
    assert len(machine.log) < 8192


def test_what_nodeadm_repeats_for_twenty_minutes_is_shown_once(machine) -> None:
    error = "running command [/opt/ssm/ssm-setup-cli]: status code 403 [Err exit status 1]"
    lines = [
        f'{{"level":"info","ts":"2026-11-25T16:02:0{n % 10}.{n}Z","msg":"Command failed, retrying","error":"{error}"}}'
        for n in range(240)
    ]
    machine.failures("install", 1, says="\n".join(lines) + "\n")
    machine.boot()
    assert machine.log.count("Command failed, retrying") == 1
    assert machine.last_line.endswith(f"failed: {error}")


def test_a_nodeadm_that_panics_leaves_its_last_line(machine) -> None:
    machine.failures("init", 1, says="panic: runtime error\n\ngoroutine 1 [running]:\n")
    machine.boot()
    assert machine.last_line.endswith("nodeadm init failed: goroutine 1 [running]:")


@pytest.mark.parametrize(
    "error",
    [
        "configuring aws credentials with SSM: SSM activation expired. Please use a valid activation",
        (
            "configuring aws credentials with SSM: invalid SSM activation. "
            "Please use a valid activation code, activation id and region"
        ),
    ],
)
def test_an_activation_that_is_over_is_final(machine, error: str) -> None:
    machine.failures("init", 1, says=fatal(error))
    assert machine.boot(**UNIT).returncode == join_lines.FINAL_EXIT_CODE
    assert machine.last_line.endswith(f"nodeadm init failed: {error}")
    assert join_lines.FINAL in machine.log
    assert not re.search(join_lines.NEXT_ATTEMPT, machine.log)


def test_an_agent_without_network_is_not_final(machine) -> None:
    machine.failures("init", 1, says=fatal("failed to register machine with SSM: RequestError: send failed"))
    assert machine.boot(**UNIT).returncode == 1
    assert machine.boot().returncode == 0


def test_nodeadm_debug_runs_only_with_credentials_and_its_own_error_is_no_cause(machine) -> None:
    machine.failures("init", 3)
    for _ in range(3):
        machine.boot(HOME="/root")
    assert machine.called("nodeadm debug") == 0
    machine.failures("kubectl", 6)
    machine.boot(HOME="/root")
    assert machine.called("nodeadm debug") == 1
    assert "* Validating NTP synchronization status [Failed]" in machine.log
    assert "a finding that is no cause" not in machine.log
    assert machine.last_line.endswith('Error from server (NotFound): nodes "mi-0123456789abcdef0" not found')


def test_the_last_line_has_arrived_when_the_script_ends(machine) -> None:
    machine.failures("install", 1)
    machine.switch("chatty")
    # Nobody reads its output here: reading to the end would itself wait for the last line.
    ended = subprocess.run(
        [machine.script],
        env=machine.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 1
    assert machine.last_line.startswith("join: failed at step 4/7")


def test_a_unit_without_lines_is_not_mentioned(machine) -> None:
    machine.failures("init", 99)
    machine.boot()
    assert "amazon-ssm-agent" not in machine.log


def test_init_that_does_nothing_and_says_so_with_0_is_a_failure(machine) -> None:
    machine.switch("hollow")
    assert machine.boot().returncode == 1
    assert machine.last_line.startswith(
        "join: failed at step 7/7 check the kubelet: nodeadm init returned 0 but"
    )
    assert "nodeadm install was not completed" in machine.last_line
    machine.unswitch("hollow")
    assert machine.boot().returncode == 0
    assert machine.called("nodeadm install") == 2


def test_init_without_a_running_kubelet_is_a_failure(machine) -> None:
    machine.switch("stillborn")
    assert machine.boot().returncode == 1
    assert "look 6 of 6: kubelet does not stay up" in machine.log
    assert "kubelet does not stay up" in machine.last_line
    assert "E1123 node is not authorized" in machine.log


def test_a_kubelet_that_crashes_and_comes_back_is_a_failure(machine) -> None:
    machine.switch("crashing")
    assert machine.boot().returncode == 1
    assert "kubelet does not stay up" in machine.last_line


def test_an_api_server_that_refuses_the_kubelet_is_a_failure_although_init_returns_0(machine) -> None:
    machine.switch("unauthorized")
    assert machine.boot().returncode == 1
    assert machine.last_line == (
        "join: failed at step 7/7 check the kubelet: nodeadm init returned 0 but the API server does not show "
        "node mi-0123456789abcdef0 to its kubelet: error: You must be logged in to the server (Unauthorized)"
    )
    assert not machine.inside(paths.JOINED).exists()
    machine.unswitch("unauthorized")
    assert machine.boot().returncode == 0


def test_a_node_that_registers_late_has_joined(machine) -> None:
    machine.failures("kubectl", 4)
    assert machine.boot().returncode == 0
    assert machine.called("kubectl") == 5


# --- again --------------------------------------------------------------------------------------------


def test_a_second_run_leaves_a_joined_machine_alone(machine) -> None:
    machine.boot()
    calls = machine.calls
    conflist = machine.inside("/etc/cni/net.d/10-calico.conflist")
    conflist.parent.mkdir(parents=True)
    conflist.write_text("{}")
    assert machine.inside(paths.JOINED).exists()
    assert machine.boot().returncode == 0
    assert machine.last_line == "join: done: this machine has already joined, nothing to do"
    assert {call.split()[0] for call in machine.calls[len(calls) :]} == {"systemctl", "kubectl", "sync"}
    assert conflist.exists()


def test_a_kubelet_that_crashes_does_not_count_as_joined(machine) -> None:
    machine.boot()
    machine.switch("crashing")
    assert machine.boot().returncode == 1
    assert machine.called("nodeadm init") == 2


def test_a_node_that_the_api_server_has_lost_joins_again(machine) -> None:
    machine.boot()
    machine.failures("kubectl", 3)
    assert machine.boot().returncode == 0
    assert machine.called("nodeadm init") == 2


def test_a_joined_machine_is_left_alone_while_the_api_server_cannot_be_reached(machine) -> None:
    machine.boot()
    calls = machine.calls
    machine.switch("unreachable")
    assert machine.boot().returncode == 1
    assert not {"nodeadm", "curl"} & {call.split()[0] for call in machine.calls[len(calls) :]}
    assert machine.last_line.endswith(
        "this machine has joined and its kubelet runs; it is left alone: the API server does not show node "
        "mi-0123456789abcdef0 to its kubelet: Unable to connect to the server: "
        "dial tcp 10.10.1.7:443: i/o timeout"
    )


def test_a_node_of_another_cluster_has_not_joined_this_one(machine) -> None:
    machine.boot()
    kubeconfig = machine.inside("/var/lib/kubelet/kubeconfig")
    kubeconfig.write_text(kubeconfig.read_text().replace("eks-hybrid", "another"))
    assert machine.boot().returncode == 0
    assert machine.last_line == "join: done: joined EKS cluster eks-hybrid in ap-northeast-1"


def test_a_run_after_a_failed_one_joins(machine) -> None:
    machine.switch("stillborn")
    assert machine.boot().returncode == 1
    machine.unswitch("stillborn")
    assert machine.boot().returncode == 0
    assert machine.called("nodeadm init") == 2


def test_the_cni_configuration_that_calico_wrote_stays(machine) -> None:
    # A power-off between Calico's first pod and the script's last check. Nothing would write the file again.
    machine.failures("kubectl", 6)
    assert machine.boot().returncode == 1
    conflist = machine.inside("/etc/cni/net.d/10-calico.conflist")
    conflist.parent.mkdir(parents=True)
    conflist.write_text("{}")
    machine.power_on()
    assert machine.boot().returncode == 0
    assert conflist.exists()


def test_a_run_waits_for_another_one(machine) -> None:
    with machine.inside("/etc/nodeadm/join.env").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with subprocess.Popen(
            [machine.script], env=machine.environment, stdout=subprocess.DEVNULL
        ) as process:
            log = machine.inside(paths.LOG)
            _wait_for(lambda: log.exists() and "waiting for it to end" in log.read_text())
            assert process.poll() is None
            assert machine.calls == []
            fcntl.flock(held, fcntl.LOCK_UN)
            assert process.wait(timeout=300) == 0
    assert machine.last_line.startswith("join: done: joined")


def test_what_nodeadm_and_apt_start_cannot_keep_the_lock(machine) -> None:
    assert machine.boot().returncode == 0
    assert "lock handed on" not in machine.calls


@pytest.mark.parametrize("path", [paths.PARAMETERS, paths.NODE_CONFIG])
def test_files_that_are_missing_or_empty_say_where_they_should_have_come_from(machine, path: str) -> None:
    machine.inside(path).write_text("")
    assert machine.boot().returncode == 1
    assert "cloud-init status --long" in machine.last_line


def test_an_unforeseen_error_is_reported_too(machine) -> None:
    # A file where the directory of the binary should be, so that a command nobody guards fails.
    machine.inside("/usr/local/bin").touch()
    assert machine.boot().returncode != 0
    assert re.match(r"join: failed at step 2/7 download nodeadm: exit code \d+, see", machine.last_line)


# --- power-off, signals, pauses -----------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["install", "init", "check"])
def test_a_machine_that_lost_its_power_joins_at_its_next_boot(machine, moment: str) -> None:
    machine.switch(f"power-off-{moment}")
    assert machine.boot().returncode == -signal.SIGKILL
    assert "join: failed" not in machine.log
    assert "join: done" not in machine.log
    machine.power_on()
    assert machine.boot().returncode == 0, machine.log
    assert machine.last_line.startswith("join: done: joined")


@pytest.mark.parametrize("left", ["", "half of a binary"])
def test_a_download_that_a_power_off_cut_is_made_again(machine, left: str) -> None:
    machine.inside("/usr/local/bin").mkdir(parents=True)
    machine.inside("/usr/local/bin/nodeadm.new").write_text(left)
    machine.inside("/usr/local/bin/nodeadm").write_text(left)
    assert machine.boot().returncode == 0


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _wait_for_nodeadm(machine) -> list[int]:
    pids = machine.fake / "pids"
    _wait_for(lambda: pids.exists() and pids.read_text().endswith("\n"))
    return [int(pid) for pid in pids.read_text().split()]


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
@pytest.mark.parametrize(("command", "step"), [("install", 4), ("init", 6)])
def test_a_killed_run_leaves_a_last_word_and_no_nodeadm(machine, name: str, command: str, step: int) -> None:
    machine.switch(f"hang-{command}")
    number = signal.Signals[f"SIG{name}"]
    with subprocess.Popen(
        ["env", f"--default-signal={name}", machine.script],
        env=machine.environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        pids = _wait_for_nodeadm(machine)
        # As a terminal does: to the whole group, the writers of the log with it.
        os.killpg(process.pid, number)
        assert process.wait(timeout=300) == 128 + number
    title = join_lines.STEPS[step - 1]
    assert machine.last_line == f"join: failed at step {step}/7 {title}: ended by SIG{name}"
    # nodeadm may have an apt below it: it is asked first.
    assert machine.calls[-1] == "asked to end"
    assert not [pid for pid in pids if _alive(pid)]


def test_a_run_that_is_stopped_while_it_looks_for_causes_still_says_the_cause(machine) -> None:
    machine.failures("init", 3)
    machine.boot()
    machine.boot()
    machine.inside("/root/.aws").mkdir(parents=True)
    machine.inside("/root/.aws/credentials").write_text("[default]")
    machine.switch("hang-debug")
    environment = machine.environment | UNIT | {"HOME": "/root", "EKS_HYBRID_RETRY_SECONDS": "1000"}
    with subprocess.Popen([machine.script], env=environment, stdout=subprocess.DEVNULL) as process:
        pids = _wait_for_nodeadm(machine)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=300) == 1
    assert "AccessDeniedException" in machine.last_line
    assert not re.search(join_lines.NEXT_ATTEMPT, machine.log)
    assert not [pid for pid in pids if _alive(pid)]


def test_the_unit_makes_pauses_that_grow_to_five_minutes_and_a_person_waits_for_none(machine) -> None:
    sleep = machine.bin / "sleep"
    sleep.write_text('#!/bin/bash\nprintf "sleep %s\\n" "$*" >>"$FAKE/calls"\n')
    sleep.chmod(0o755)
    machine.failures("install", 99)
    environment = {**machine.environment}
    del environment["EKS_HYBRID_RETRY_SECONDS"]

    def run(**more: str) -> None:
        subprocess.run([machine.script], env=environment | more, stdout=subprocess.DEVNULL, check=False)

    run()
    assert machine.called("sleep") == 0
    for _ in range(6):
        run(**UNIT)
    pauses = [call.split()[1] for call in machine.calls if call.startswith("sleep")]
    assert pauses == ["20", "40", "80", "160", "300", "300"]
    assert [mark["seconds"] for mark in re.finditer(join_lines.NEXT_ATTEMPT, machine.log)] == pauses
    machine.power_on()
    run(**UNIT)
    assert machine.calls[-1] == "sleep 10"


def test_the_lock_is_free_during_a_pause_and_a_stop_ends_the_pause(machine) -> None:
    machine.failures("install", 1)
    environment = machine.environment | UNIT | {"EKS_HYBRID_RETRY_SECONDS": "300"}
    with subprocess.Popen([machine.script], env=environment, stdout=subprocess.DEVNULL) as process:
        log = machine.inside(paths.LOG)
        _wait_for(lambda: log.exists() and "join: failed" in log.read_text())
        assert machine.boot().returncode == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert machine.last_line.startswith("join: done")


# --- secrets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["Fjz3/sZfSvv78EXAMPLE", "12345678901234567890", "a*b?[c]&d\\1/2+abcdefgh"])
@pytest.mark.parametrize("fails", [False, True])
def test_the_activation_code_is_nowhere_but_in_its_file(boot_machine, code: str, fails: bool) -> None:
    machine = boot_machine(code=code)
    if fails:
        machine.failures("init", 1, says=f"activationCode: {code}\n" + fatal(f"-code {code} was refused"))
    done = machine.boot()
    # The fake nodeadm prints its whole configuration at init, so there is something to hide.
    assert "activationCode: " in machine.log
    assert "***" in machine.log
    state = [path.read_text() for path in machine.inside(paths.STATE).iterdir()]
    for place in (
        machine.log,
        done.stdout + done.stderr,
        "\n".join(machine.calls),
        (machine.fake / "environment").read_text(),
        *state,
    ):
        assert code not in place


def test_nodeadm_gets_a_home_although_the_unit_has_none(machine) -> None:
    machine.boot()
    assert "HOME=/root" in (machine.fake / "environment").read_text().splitlines()
