"""What `ops join` writes: the script run in the sandbox, user data and seed. test_join.py runs the joins themselves."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from infra.names import LEAVE
from infra.systems import SYSTEMS
from tests.userdata.conftest import ACTIVATION_CODE, ACTIVATION_ID, fatal
from userdata import own_machine, paths
from userdata.join_files import Proxy, join_files, source

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
    assert [call for call in machine.own_calls if call.startswith("systemctl")] == [
        "systemctl daemon-reload",
        f"systemctl enable {paths.UNIT_NAME}",
        f"systemctl restart --no-block {paths.UNIT_NAME}",
    ]


def test_shellcheck_has_nothing_to_say(config, tmp_path):
    tool = Path(sys.executable).with_name("shellcheck")
    if not tool.exists():
        pytest.skip(f"shellcheck is not beside {sys.executable}; install the dev dependencies (make test)")
    config = replace(config, address="10.80.0.11")
    scripts = {
        "join": own_machine.script(
            config, activation_id=ACTIVATION_ID, activation_code="x", expires="tomorrow"
        ),
        "upgrade": own_machine.upgrade(config),
        "leave": own_machine.leave_file().content,
        "prepare": source("prepare.sh"),
    }
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
    check = subprocess.run(
        [tool, "--exclude", "SC1091", *(tmp_path / name for name in scripts)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout


def test_the_script_makes_way_for_a_new_activation(own):
    machine = own()
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


def drop_ins(os_name: str) -> list[str]:
    agent = "snap.amazon-ssm-agent.amazon-ssm-agent" if os_name != "al2023" else "amazon-ssm-agent"
    return [
        "/usr/lib/systemd/system/containerd.service.d/http-proxy.conf",
        "/etc/systemd/system/kubelet.service.d/http-proxy.conf",
        f"/etc/systemd/system/{agent}.service.d/http-proxy.conf",
        *(["/etc/systemd/system/snapd.service.d/http-proxy.conf"] if os_name != "al2023" else []),
    ]


@pytest.mark.parametrize("by", ["script", "cloud-init"])
@pytest.mark.parametrize("os_name", sorted(SYSTEMS))
def test_a_machine_joins_through_a_proxy_alone(boot_machine, os_name, by):
    # The stand-in of nodeadm asks for the files that nodeadm asks for.
    machine = boot_machine(by=by, proxy=PROXY, os=os_name, address="10.80.0.11")
    assert machine.boot().returncode == 0, machine.log
    for path in drop_ins(os_name):
        text = machine.inside(path).read_text()
        assert 'Environment="HTTPS_PROXY=http://proxy:3128"' in text
        assert 'Environment="NO_PROXY=localhost,10.0.0.0/8"' in text
    # curl, apt and nodeadm get it from the script.
    environment = (machine.fake / "environment").read_text().splitlines()
    assert {"https_proxy=http://proxy:3128", "NO_PROXY=localhost,10.0.0.0/8"} <= set(environment)


UBUNTU_AGENT = "snap.amazon-ssm-agent.amazon-ssm-agent"


@pytest.mark.parametrize(
    ("os_name", "path", "text", "said"),
    [
        ("ubuntu-24.04", "/etc/apt/apt.conf.d/proxy.conf", None, "apt proxy configuration file not found: "),
        (
            "ubuntu-24.04",
            "/etc/apt/apt.conf.d/proxy.conf",
            'Acquire::http::Proxy "http://proxy:3128";',
            "apt proxy configuration file does not contain correct HTTPS proxy setting",
        ),
        ("al2023", "/etc/dnf/dnf.conf", None, "dnf configuration file not found: /etc/dnf/dnf.conf"),
        (
            "al2023",
            "/etc/dnf/dnf.conf",
            "[main]",
            "dnf configuration file does not contain correct proxy setting",
        ),
        (
            "ubuntu-24.04",
            "/usr/lib/systemd/system/containerd.service.d/http-proxy.conf",
            "[Service]",
            "containerd proxy configuration file does not contain correct HTTP_PROXY value",
        ),
        (
            "ubuntu-24.04",
            f"/etc/systemd/system/{UBUNTU_AGENT}.service.d/http-proxy.conf",
            None,
            f"SSM proxy configuration file not found: /etc/systemd/system/{UBUNTU_AGENT}.service.d/http-proxy.conf",
        ),
    ],
)
def test_nodeadm_demands_each_file_by_its_path_and_its_words(own, os_name, path, text, said):
    machine = own(proxy=PROXY, os=os_name)
    assert machine.boot().returncode == 0, machine.log
    # As if the join wrote elsewhere.
    machine.inside(paths.PREPARE_SCRIPT).write_text("#!/bin/bash\n")
    machine.inside("/var/lib/kubelet/kubeconfig").unlink()
    machine.inside(path).unlink() if text is None else machine.inside(path).write_text(text)
    assert machine.boot().returncode == 1
    assert said in machine.last_line


@pytest.mark.parametrize("os_name", ["ubuntu-24.04", "al2023"])
def test_an_owners_file_keeps_its_lines_and_a_copy(own, os_name):
    machine = own(proxy=PROXY, os=os_name)
    files = {
        "/usr/lib/systemd/system/containerd.service.d/http-proxy.conf": (
            '[Service]\nEnvironment="HTTP_PROXY=http://old:1"\n'
        ),
        **(
            {"/etc/dnf/dnf.conf": "[main]\ngpgcheck=True\nproxy=http://old:1\n[extra]\nproxy=_none_\n"}
            if os_name == "al2023"
            else {"/etc/apt/apt.conf.d/proxy.conf": 'APT::Get::Assume-Yes "true";\n'}
        ),
    }
    for path, text in files.items():
        machine.inside(path).parent.mkdir(parents=True, exist_ok=True)
        machine.inside(path).write_text(text)
    assert machine.boot().returncode == 0, machine.log
    for path, text in files.items():
        assert machine.inside(f"/var/lib/eks-hybrid-join/before{path}").read_text() == text
        kept = set(text.splitlines()) - {"proxy=http://old:1"}
        assert kept <= set(machine.inside(path).read_text().splitlines())
    if os_name == "al2023":
        main, _, extra = machine.inside("/etc/dnf/dnf.conf").read_text().partition("[extra]")
        assert main.count("proxy=") == 1
        assert extra == "\nproxy=_none_\n"


MASKING = "/etc/systemd/system/containerd.service.d/http-proxy.conf"


def test_an_owners_drop_in_that_hides_ours_learns_the_proxy_too(own):
    # systemd reads none of /usr/lib where /etc has a file of the same name, and nodeadm looks at /usr/lib only.
    machine = own(proxy=PROXY)
    machine.inside(MASKING).parent.mkdir(parents=True)
    machine.inside(MASKING).write_text('[Service]\nEnvironment="HTTPS_PROXY=http://old:1"\n')
    machine.switch("active-containerd")
    assert machine.boot().returncode == 0, machine.log
    assert machine.called("systemctl restart") == 1
    *_, last = re.findall('HTTPS_PROXY=([^"]+)', machine.inside(MASKING).read_text())
    assert last == "http://proxy:3128"
    assert "http://old:1" in machine.inside(f"/var/lib/eks-hybrid-join/before{MASKING}").read_text()
    assert machine.inside("/usr/lib/systemd/system/containerd.service.d/http-proxy.conf").exists()


def test_a_drop_in_that_is_switched_off_is_told_and_left_alone(own):
    machine = own(proxy=PROXY)
    machine.inside(MASKING).parent.mkdir(parents=True)
    machine.inside(MASKING).symlink_to("/dev/null")
    assert machine.boot().returncode == 78
    assert "is a link that hides the proxy of containerd: sudo rm" in machine.last_line
    assert machine.inside(MASKING).is_symlink()


def test_only_what_runs_and_knew_no_proxy_is_restarted(own):
    machine = own(proxy=PROXY)
    machine.switch("active-containerd")
    machine.failures("install", 1)
    machine.boot()
    restarted = [call for call in machine.calls if call.startswith("systemctl restart")]
    assert restarted == ["systemctl restart containerd"]
    assert machine.calls.index("systemctl daemon-reload") < machine.calls.index(restarted[0])
    # The next attempt finds everything in place.
    assert machine.boot().returncode == 0
    assert machine.called("systemctl restart") == machine.called("systemctl daemon-reload") == 1


def test_a_service_that_does_not_come_back_with_the_proxy_ends_the_attempt(own):
    machine = own(proxy=PROXY)
    machine.switch("active-containerd")
    machine.switch("broken-containerd")
    assert machine.boot().returncode == 1
    assert "Job for containerd.service failed" in machine.last_line


def test_an_error_about_containerds_proxy_does_not_install_everything_again(machine):
    machine.failures("init", 1, says=fatal("containerd proxy configuration file not found: /usr/lib/x"))
    machine.boot()
    assert machine.boot().returncode == 0
    assert machine.called("nodeadm install") == 1


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


# --- what is in the way -------------------------------------------------------------------------------


@pytest.fixture(params=["script", "cloud-init"])
def refusal(boot_machine, request):
    """Return what a machine says that has something in the way, by the script and by the unit of its user data."""

    def said(prepare, **changes):
        machine = boot_machine(by="cloud-init", address="10.80.0.11", **changes)
        prepare(machine)
        if request.param == "cloud-init":
            done = machine.boot()
            assert machine.called("nodeadm") == 0
        else:
            machine.inside(paths.NODE_CONFIG).unlink()
            done = machine.run_own_script()
            assert not machine.inside(paths.NODE_CONFIG).exists()
        assert done.returncode == 1
        return done.stdout.splitlines()[-1] if request.param == "cloud-init" else done.stderr

    return said


def write(path, text=""):
    def prepare(machine):
        machine.inside(path).parent.mkdir(parents=True, exist_ok=True)
        machine.inside(path).write_text(text)

    return prepare


SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n{}                               {}\t2097148\t\t0\t\t-2\n"


def test_swap_on_a_partition_is_refused_before_the_machine_registers(refusal):
    said = refusal(write("/proc/swaps", SWAPS.format("/dev/sda5", "partition")))
    assert "swaps to the partition /dev/sda5" in said
    assert "sudo swapoff -a; sudo sed -i.before" in said


def test_swap_in_compressed_memory_is_refused_with_what_makes_it(refusal):
    said = refusal(write("/proc/swaps", SWAPS.format("/dev/zram0", "partition")))
    assert "/dev/zram0, compressed memory" in said
    assert "dpkg --list '*zram*'" in said


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda machine: machine.inside("/etc/fstab").unlink(), "sudo touch /etc/fstab"),
        (write("/etc/fstab", "# one\n\nUUID=1 / ext4\n/data xfs\n"), "line 4 of /etc/fstab"),
    ],
)
def test_files_at_which_nodeadm_ends_are_refused_before_the_machine_registers(refusal, prepare, words):
    assert words in refusal(prepare)


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (
            write("/proc/swaps", SWAPS.format("/dev/sda5", "partition")),
            "partition type swap found on the host",
        ),
        (lambda machine: machine.inside("/etc/fstab").unlink(), "open /etc/fstab: no such file or directory"),
        (write("/etc/fstab", "/data xfs\n"), "/etc/fstab syntax error at line 1: too few fields (2)"),
        (
            write("/etc/sysctl.d/90-own.conf", "net.ipv4.tcp_congestion_control = nosuch\n"),
            "running sysctl reload command: ",
        ),
        (
            lambda machine: (machine.fake / "addresses").write_text("192.0.2.7\n"),
            "node IP 192.0.2.7 is not in any",
        ),
        (lambda machine: machine.switch("no-names"), "failed to resolve hostname 0123.gr7."),
    ],
)
def test_nodeadm_itself_ends_there_once_the_machine_has_registered(boot_machine, prepare, said):
    # An instance, on which nothing looks before nodeadm does: that the stand-in asks for what nodeadm asks for.
    machine = boot_machine()
    prepare(machine)
    assert machine.boot().returncode == 1
    assert said in machine.last_line
    assert machine.inside("/var/lib/amazon/ssm/registration").exists()


def test_an_address_that_no_interface_has_is_refused(refusal):
    said = refusal(lambda machine: (machine.fake / "addresses").write_text("192.0.2.7\n10.81.0.11\n"))
    assert (
        "the address 10.80.0.11 of the settings (hybridNodes[].address); it has 192.0.2.7, 10.81.0.11" in said
    )


def test_of_several_interfaces_the_kubelet_gets_the_address_of_the_settings(own):
    machine = own()
    (machine.fake / "addresses").write_text("192.0.2.7\n10.80.0.11\n")
    # The stand-in of nodeadm refuses the address of the default route, which is the first.
    assert machine.boot().returncode == 0, machine.log
    flags = yaml.safe_load(machine.inside(paths.NODE_CONFIG).read_text())["spec"]["kubelet"]["flags"]
    assert flags[1:] == ["--node-ip=10.80.0.11"]


def test_labels_taints_and_zone_reach_the_kubelet(own):
    machine = own(zone="osaka", labels={"rack": "r1"}, taints=("a=b:NoSchedule", "c:NoExecute"))
    flags = yaml.safe_load(machine.inside(paths.NODE_CONFIG).read_text())["spec"]["kubelet"]["flags"]
    assert flags[0].endswith(",topology.kubernetes.io/zone=osaka,rack=r1")
    assert flags[1] == "--register-with-taints=a=b:NoSchedule,c:NoExecute"


def test_a_kubelet_drop_in_of_another_kubernetes_is_refused(refusal):
    path = "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"
    said = refusal(write(path, "[Service]\nExecStart=\nExecStart=/usr/bin/kubelet $KUBELET_KUBEADM_ARGS\n"))
    assert "10-kubeadm.conf starts the kubelet in its own way" in said


def test_ubuntu_without_systemd_resolved_is_refused(refusal):
    said = refusal(lambda machine: machine.inside("/run/systemd/resolve/resolv.conf").unlink())
    assert "sudo systemctl enable --now systemd-resolved" in said


# A rule for the nodes alone is one that nodeadm does not see.
UFW = "22/tcp                     ALLOW       Anywhere\n4789/udp                   ALLOW       10.80.0.0/16\n"


@pytest.mark.parametrize(
    ("os_name", "switch", "rules", "command"),
    [
        ("ubuntu-24.04", "ufw", UFW, "sudo ufw allow 4789/udp"),
        (
            "al2023",
            "firewalld",
            "22/tcp\n",
            "sudo firewall-cmd --permanent --add-port=4789/udp && sudo firewall-cmd --reload",
        ),
    ],
)
class TestOwnFirewall:
    def test_a_closed_one_is_refused_with_the_command(self, refusal, os_name, switch, rules, command):
        said = refusal(lambda machine: (machine.fake / switch).write_text(rules), os=os_name)
        assert "udp 4789" in said
        assert command in said

    def test_nothing_is_opened_unless_asked(self, own, os_name, switch, rules, command):
        machine = own(os=os_name)
        (machine.fake / switch).write_text(rules)
        assert machine.run_own_script().returncode == 1
        assert (machine.fake / switch).read_text() == rules
        # nodeadm's own check, in the stand-in, is content with what is opened.
        assert machine.run_own_script("--open-firewall").returncode == 0
        assert machine.boot().returncode == 0, machine.log
        first, *_ = command.removeprefix("sudo ").split(" && ")
        assert first in machine.calls

    def test_nodeadm_refuses_what_the_script_refuses(self, boot_machine, os_name, switch, rules, command):
        machine = boot_machine(os=os_name)  # an instance: nothing looks before nodeadm does
        (machine.fake / switch).write_text(rules)
        assert machine.boot().returncode == 1
        assert "Calico (4789/udp) VxLan ports are not open on the host" in machine.last_line
        assert not [call for call in machine.calls if command.removeprefix("sudo ").split(" && ")[0] in call]


def test_a_firewall_that_speaks_another_language_is_understood(refusal):
    def prepare(machine):
        machine.switch("german")
        (machine.fake / "ufw").write_text(UFW)

    assert "sudo ufw allow 4789/udp" in refusal(prepare)


def test_nodeadm_understands_it_too_and_opens_the_ports_of_the_kubelet(own):
    machine = own()
    machine.switch("german")
    (machine.fake / "ufw").write_text("4789/udp                   ALLOW       Anywhere\n")
    assert machine.boot().returncode == 0, machine.log
    assert "10250/tcp " in (machine.fake / "ufw").read_text()


def test_a_machine_without_curl_says_so(own):
    machine = own()
    shadow = machine.bin.parent / "shadow"
    shadow.mkdir()
    for tool in (
        "bash",
        "id",
        "sed",
        "grep",
        "cat",
        "mkdir",
        "chmod",
        "date",
        "setsid",
        "flock",
        "sleep",
        "cut",
    ):
        (shadow / tool).symlink_to(f"/usr/bin/{tool}")
    for tool in ("stat", "tail", "sha256sum", "timeout", "rm", "awk", "df", "tr"):
        (shadow / tool).symlink_to(f"/usr/bin/{tool}")
    (machine.bin / "curl").unlink()
    done = machine.boot(PATH=f"{machine.bin}:{shadow}")
    assert done.returncode == 1
    assert machine.last_line.endswith("this machine has no curl, which downloads nodeadm: install it")


# --- a machine that was in use --------------------------------------------------------------------------


def test_a_machine_in_use_is_told_what_it_loses_and_keeps_copies(boot_machine):
    machine = boot_machine(by="cloud-init", address="10.80.0.11")
    machine.inside(paths.NODE_CONFIG).unlink()
    write("/proc/swaps", SWAPS.format("/swap.img", "file"))(machine)
    write("/etc/containerd/config.toml", "disabled_plugins = []\n")(machine)
    write("/etc/fstab", "/swap.img none swap sw 0 0\n")(machine)
    done = machine.run_own_script(agreed=False)
    assert done.returncode == 1
    for words in ("/etc/cni/net.d is removed", "config.toml is replaced", "swap file /swap.img", "--yes"):
        assert words in done.stderr
    assert not machine.inside(paths.NODE_CONFIG).exists()
    assert machine.run_own_script().returncode == 0
    kept = machine.inside("/var/lib/eks-hybrid-join/before/etc")
    assert (kept / "containerd/config.toml").read_text() == "disabled_plugins = []\n"
    assert (kept / "cni/net.d/10-calico.conflist").read_text() == "{}"
    assert (kept / "fstab").exists()
    # Once it is a node, the same file asks nothing: what is there then is the node's.
    assert machine.boot().returncode == 0, machine.log
    write("/etc/cni/net.d/10-calico.conflist", "calico")(machine)
    assert machine.run_own_script(agreed=False).returncode == 0
    assert (kept / "cni/net.d/10-calico.conflist").read_text() == "{}"


def test_a_second_run_does_not_take_what_the_join_has_brought_for_the_owners(boot_machine):
    # Between nodeadm install, which brings containerd and its file, and the registration.
    machine = boot_machine(by="cloud-init", address="10.80.0.11")
    machine.inside("/etc/cni/net.d/10-calico.conflist").unlink()
    assert machine.run_own_script(agreed=False).returncode == 0
    write("/etc/containerd/config.toml", "version = 2\n")(machine)
    done = machine.run_own_script(agreed=False)
    assert done.returncode == 0, done.stderr
    assert not machine.inside("/var/lib/eks-hybrid-join/before/etc/containerd").exists()


def test_a_fresh_machine_is_asked_nothing(boot_machine):
    machine = boot_machine(by="cloud-init", address="10.80.0.11")
    machine.inside("/etc/cni/net.d/10-calico.conflist").unlink()
    done = machine.run_own_script(agreed=False)
    assert done.returncode == 0, done.stderr


def test_an_option_that_is_not_there_is_refused(own):
    done = own().run_own_script("--force")
    assert done.returncode == 1
    assert "there is no option --force" in done.stderr


# --- registrations -------------------------------------------------------------------------------------


def test_a_registration_that_nodeadm_did_not_make_is_named_with_what_removes_it(own):
    machine = own()
    machine.inside(paths.NODE_CONFIG).unlink()
    write(
        "/var/lib/amazon/ssm/registration",
        '{"ManagedInstanceID":"mi-0aaaaaaaaaaaaaaaa","Region":"eu-west-1"}',
    )(machine)
    said = machine.run_own_script().stderr
    assert "mi-0aaaaaaaaaaaaaaaa, not by nodeadm" in said
    assert "deregister-managed-instance --region eu-west-1 --instance-id mi-0aaaaaaaaaaaaaaaa" in said
    assert LEAVE not in said
    assert not machine.inside(paths.NODE_CONFIG).exists()


def test_the_same_file_a_second_time_leaves_a_run_alone(own):
    machine = own()
    (machine.fake / "join-state").write_text("activating\n")
    done = machine.run_own_script()
    assert "it runs already, with these files" in done.stdout
    assert machine.called("systemctl restart") == 0
    # With another activation it starts anew.
    assert machine.run_own_script(activation_id=OTHER_ACTIVATION).returncode == 0
    assert machine.called("systemctl restart") == 1


def test_a_registration_that_has_begun_may_end(machine):
    machine.switch("slow-registration")
    with subprocess.Popen([machine.script], env=machine.environment, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (machine.fake / "activation-used").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    # AWS takes no activation twice: the next run finds the registration.
    assert machine.boot().returncode == 0, machine.log


def test_a_new_seed_on_a_node_does_not_end_in_two_activations(boot_machine):
    machine = boot_machine(by="cloud-init", address="10.80.0.11")
    assert machine.boot().returncode == 0
    config = machine.inside(paths.NODE_CONFIG)
    config.write_text(config.read_text().replace(ACTIVATION_ID, OTHER_ACTIVATION))
    machine.switch("unauthorized")  # what its old registration leads to, once it is gone
    assert machine.boot().returncode == 78
    command = f"sudo {Path(paths.LEAVE_SCRIPT).name}"
    assert machine.last_line.endswith(f"make it forget that one first: {command}")
    assert LEAVE.startswith(command)
    assert machine.called("nodeadm init") == 1


# --- later ----------------------------------------------------------------------------------------------


@pytest.fixture(params=[None, PROXY])
def node(own, request):
    """A machine that has joined, with and without a proxy as its only way."""
    machine = own(proxy=request.param)
    if request.param:
        machine.switch("proxy-only")
    assert machine.boot().returncode == 0, machine.log
    return machine


def test_an_upgrade_moves_nothing_but_containerd_and_says_what_comes_next(node):
    text = own_machine.upgrade(replace(node.config, kubernetes_version="1.36", nodeadm_version="v1.0.21"))
    node.config = replace(node.config, nodeadm_version="v1.0.21")
    node.publish()
    node_config = node.inside(paths.NODE_CONFIG).read_text()
    refused = node.run_text(text)
    assert refused.returncode == 1
    assert "node is schedulable" in refused.stderr
    node.switch("cordoned")
    for _ in range(2):
        done = node.run_text(text)
        assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("kubectl uncordon --selector eks-hybrid-calico/name=onprem-1")
    assert node.called("nodeadm upgrade 1.36 -c file://") == 3
    assert "releases/v1.0.21/bin/linux/arm64/nodeadm" in "".join(node.calls)
    assert node.inside(paths.NODE_CONFIG).read_text() == node_config
    assert (node.fake / "preferences").read_text() == (
        "Package: containerd containerd.io runc iptables\nPin: release *\nPin-Priority: 500\n\n"
        "Package: *\nPin: release a=now\nPin-Priority: 999\n\n"
    )
    assert node.last_line == "join: done: nodeadm is there"


def test_apt_with_those_pins_upgrades_containerd_and_what_it_needs_only(tmp_path):
    """The real apt, on a made-up machine: containerd 2 needs runc 2, and bash could be upgraded too."""
    if shutil.which("apt-get") is None:
        pytest.skip("there is no apt here")
    for folder in ("repo", "state/lists/partial", "cache/archives/partial", "preferences.d"):
        (tmp_path / folder).mkdir(parents=True)

    def package(name, version, *lines):
        return "\n".join([f"Package: {name}", f"Version: {version}", "Architecture: all", *lines, "", ""])

    new = ["Maintainer: x <x@x>", "Size: 1", f"SHA256: {'1' * 64}", "Description: x"]
    (tmp_path / "repo/Packages").write_text(
        package("containerd", 2, "Depends: runc (>= 2)", "Filename: c.deb", *new)
        + package("runc", 2, "Filename: r.deb", *new)
        + package("bash", 2, "Filename: b.deb", *new)
    )
    old = ["Status: install ok installed", "Maintainer: x <x@x>", "Description: x"]
    (tmp_path / "state/status").write_text(
        "".join(package(name, 1, *old) for name in ("containerd", "runc", "bash"))
    )
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{tmp_path}/repo ./\n")
    (tmp_path / "preferences").write_text(
        "Package: containerd containerd.io runc iptables\nPin: release *\nPin-Priority: 500\n\n"
        "Package: *\nPin: release a=now\nPin-Priority: 999\n\n"
    )
    settings = {
        "Dir::State": "state",
        "Dir::State::status": "state/status",
        "Dir::Cache": "cache",
        "Dir::Etc::sourcelist": "sources.list",
        "Dir::Etc::sourceparts": "nowhere",
        "Dir::Etc::PreferencesParts": "preferences.d",
    }
    plain = "".join(f'{name} "{tmp_path / place}";\n' for name, place in settings.items())
    plain += 'APT::Architecture "amd64";\nAPT::Sandbox::User "root";\n'

    def upgraded(configuration):
        (tmp_path / "apt.conf").write_text(configuration)
        environment = {"APT_CONFIG": str(tmp_path / "apt.conf"), "PATH": os.defpath, "LC_ALL": "C"}
        for words in (["update"], ["--simulate", "upgrade", "containerd", "-y"]):
            done = subprocess.run(
                ["apt-get", *words], env=environment, capture_output=True, text=True, check=True
            )
        return sorted(line.split()[1] for line in done.stdout.splitlines() if line.startswith("Inst "))

    assert upgraded(plain) == ["bash", "containerd", "runc"]
    assert upgraded(plain + f'Dir::Etc::Preferences "{tmp_path}/preferences";\n') == ["containerd", "runc"]


def test_a_machine_that_is_no_node_is_not_upgraded(own):
    machine = own()
    done = machine.run_text(own_machine.upgrade(machine.config))
    assert done.returncode == 1
    assert "no node of cluster eks-hybrid: ops join onprem-1 makes it one" in done.stderr


def leave(machine, *options):
    script = machine.inside(paths.LEAVE_SCRIPT)
    return subprocess.run(
        [script, *options], env=machine.environment, capture_output=True, text=True, check=False
    )


def test_a_node_that_still_takes_pods_does_not_leave_unless_forced(node):
    done = leave(node)
    assert done.returncode == 1
    assert "kubectl drain mi-0123456789abcdef0 --ignore-daemonsets" in done.stderr
    assert node.inside("/opt/nodeadm/tracker").exists()
    assert leave(node, "--force").returncode == 0


def test_a_drained_node_leaves_and_forgets_everything(node):
    node.switch("cordoned")
    done = leave(node)
    assert done.returncode == 0, done.stderr
    assert node.called("nodeadm uninstall --skip pod-validation,node-validation") == 1
    for path in (
        paths.NODE_CONFIG,
        paths.SCRIPT,
        paths.PREPARE_SCRIPT,
        paths.UNIT,
        paths.JOINED,
        "/opt/nodeadm/tracker",
    ):
        assert not node.inside(path).exists()
    assert "/var/lib/eks-hybrid-join/before" in done.stdout
    assert leave(node).returncode == 0
    # It may join again, with a new activation.
    assert node.run_own_script(activation_id=OTHER_ACTIVATION).returncode == 0
    assert node.boot().returncode == 0


def test_after_the_cluster_has_gone_a_node_leaves_at_the_second_pass(node):
    node.switch("deregistered")
    done = leave(node)
    assert done.returncode == 0, done.stderr
    assert node.called("nodeadm uninstall") == 2
    assert not node.inside("/opt/nodeadm/tracker").exists()
