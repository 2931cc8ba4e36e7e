import ast
import configparser
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra.names import ACTIVATION_LABEL, NAME_LABEL
from infra.systems import SYSTEMS
from tests.userdata import join_lines
from userdata import cloud_config, join_files, paths
from userdata.join_files import JoinConfig, Proxy

EXAMPLE = JoinConfig(
    cluster_name="eks-hybrid",
    region="ap-northeast-1",
    kubernetes_version="1.35",
    nodeadm_version="v1.0.20",
    nodeadm_sha256=None,
    architecture="arm64",
    os="ubuntu-24.04",
    node_name="onprem-1",
)
OTHER = JoinConfig(
    cluster_name="another",
    region="us-west-2",
    kubernetes_version="1.36",
    nodeadm_version="v1.0.21",
    nodeadm_sha256="a" * 64,
    architecture="amd64",
    os="al2023",
    node_name="onprem-2",
    proxy=Proxy(url="http://proxy:3128", exceptions="localhost,10.0.0.0/8"),
    address="10.80.0.11",
    zone="osaka",
    labels={"rack": "r1"},
    taints=("dedicated=gpu:NoSchedule",),
)


def rendered(config: JoinConfig = EXAMPLE, *, code: str = "Fjz3/sZfSvv78EXAMPLE") -> str:
    return cloud_config.render(
        config, activation_id="0d4a7c1e-5b0f-4c35-9f6e-3a2b1c0d9e8f", activation_code=code
    )


def files(text: str) -> dict[str, dict[str, str]]:
    return {file["path"]: file for file in yaml.safe_load(text)["write_files"]}


def test_the_user_data_is_one_cloud_config_document() -> None:
    text = rendered()
    assert text.startswith("#cloud-config\n")
    assert len(list(yaml.safe_load_all(text))) == 1


def test_the_last_thing_that_runs_starts_the_unit_and_does_not_wait_for_it() -> None:
    assert yaml.safe_load(rendered())["runcmd"] == [
        ["systemctl", "enable", "--now", "--no-block", "eks-hybrid-join.service"]
    ]


def test_only_root_reads_the_activation_code_and_runs_the_script() -> None:
    modes = {path: file["permissions"] for path, file in files(rendered()).items()}
    assert modes == {
        "/etc/nodeadm/nodeConfig.yaml": "0600",
        "/etc/nodeadm/join.env": "0644",
        "/usr/local/sbin/eks-hybrid-join": "0700",
        "/etc/systemd/system/eks-hybrid-join.service": "0644",
    }
    assert {file["owner"] for file in files(rendered()).values()} == {"root:root"}


def test_the_machines_script_is_the_tested_one_without_comments() -> None:
    def code(text: str) -> list[str]:
        return [
            line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")
        ]

    shipped = files(rendered())["/usr/local/sbin/eks-hybrid-join"]["content"]
    source = Path(join_files.__file__).with_name("join.sh").read_text()
    assert shipped.splitlines()[0] == source.splitlines()[0]
    assert code(shipped) == code(source)
    assert len(shipped) < len(source) * 3 // 4


# --- the unit -------------------------------------------------------------------------------------------


def unit() -> dict[str, dict[str, str]]:
    parser = _UnitParser(strict=True, delimiters="=", interpolation=None)
    parser.read_string(files(rendered())[paths.UNIT]["content"])
    return {name: dict(parser[name]) for name in parser.sections()}


class _UnitParser(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr  # the capitals count


def test_the_unit_runs_the_script_at_every_boot_until_the_machine_has_joined() -> None:
    assert unit()["Service"]["ExecStart"] == paths.SCRIPT
    assert unit()["Unit"]["ConditionPathExists"] == f"!{paths.JOINED}"
    assert unit()["Install"] == {"WantedBy": "multi-user.target"}
    assert "network-online.target" in unit()["Unit"]["After"]
    assert unit()["Unit"]["Wants"] == "network-online.target"


def test_the_unit_never_gives_up_unless_the_script_says_that_it_is_final() -> None:
    service = unit()["Service"]
    assert (service["Type"], service["Restart"]) == ("oneshot", "on-failure")
    assert service["RestartPreventExitStatus"] == str(join_lines.FINAL_EXIT_CODE)
    assert unit()["Unit"]["StartLimitIntervalSec"] == "0"
    assert service["TimeoutStartSec"] == "infinity"


def test_the_unit_lets_the_script_say_its_last_word() -> None:
    assert unit()["Service"]["KillMode"] == "mixed"
    assert unit()["Service"]["StandardOutput"] == "journal+console"


def test_the_unit_uses_nothing_that_the_oldest_systemd_does_not_know() -> None:
    # Ubuntu 22.04 has systemd 249: RestartSteps and RestartMaxDelaySec came with 254.
    assert not {"RestartSteps", "RestartMaxDelaySec", "RestartMode"} & set(unit()["Service"])


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed: this machine has no systemd")
    script = tmp_path / "script"
    script.touch(mode=0o755)
    copy = tmp_path / paths.UNIT_NAME
    copy.write_text(files(rendered())[paths.UNIT]["content"].replace(paths.SCRIPT, str(script)))
    check = subprocess.run([tool, "verify", copy], capture_output=True, text=True, check=False)
    assert (check.returncode, check.stdout + check.stderr) == (0, "")


# --- later boots ----------------------------------------------------------------------------------------


class Boots:
    """A machine's file system with the commands of `bootcmd` as fakes; a boot returns the calls."""

    def __init__(self, directory: Path) -> None:
        self.root = directory
        self.bin = directory / "bin"
        self.bin.mkdir()
        self.text = rendered().replace("/var/lib/", f"{directory}/var/lib/")
        for path in files(self.text):
            self.text = self.text.replace(f"  {path}", f"  {directory}{path}")
        [[*self.command]] = yaml.safe_load(self.text)["bootcmd"]
        for name in ("cloud-init", "systemctl"):
            (self.bin / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"{directory}/calls"\n')
            (self.bin / name).chmod(0o755)

    def write(self) -> None:
        (self.root / "var/lib/cloud/instance/sem").mkdir(parents=True)
        (self.root / "var/lib/cloud/instance/sem/config_write_files").touch()
        for path, file in files(rendered()).items():
            target = self.root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file["content"])

    def boot(self) -> list[str]:
        calls = self.root / "calls"
        calls.write_text("")
        subprocess.run(self.command, env={"PATH": f"{self.bin}:{os.defpath}"}, check=True)
        return calls.read_text().splitlines()


WRITE = "cloud-init single --name write_files --frequency always"
START = "systemctl enable --now --no-block eks-hybrid-join.service"


def test_the_first_boot_leaves_the_files_to_write_files(tmp_path: Path) -> None:
    assert Boots(tmp_path).boot() == []


def test_a_later_boot_starts_the_unit_even_if_a_power_off_came_before_runcmd(tmp_path: Path) -> None:
    machine = Boots(tmp_path)
    machine.write()
    assert machine.boot() == [START]


@pytest.mark.parametrize("path", [paths.NODE_CONFIG, paths.PARAMETERS, paths.SCRIPT, paths.UNIT])
@pytest.mark.parametrize("damage", ["empty", "missing", "half"])
def test_a_later_boot_writes_the_files_again_that_a_power_off_damaged(
    tmp_path: Path, path: str, damage: str
) -> None:
    machine = Boots(tmp_path)
    machine.write()
    file = tmp_path / path.lstrip("/")
    if damage == "missing":
        file.unlink()
    else:
        file.write_text("" if damage == "empty" else file.read_text()[:100])
    assert machine.boot() == [WRITE, START]


def test_a_machine_that_has_joined_is_left_alone_at_its_next_boot(tmp_path: Path) -> None:
    machine = Boots(tmp_path)
    machine.write()
    joined = tmp_path / paths.JOINED.lstrip("/")
    joined.parent.mkdir(parents=True)
    joined.touch()
    (tmp_path / paths.NODE_CONFIG.lstrip("/")).unlink()
    assert machine.boot() == []


# --- the document ---------------------------------------------------------------------------------------


def test_the_activation_code_is_in_the_node_config_and_nowhere_else() -> None:
    text = rendered(code="the-activation-code")
    assert text.count("the-activation-code") == 1
    assert "the-activation-code" in files(text)["/etc/nodeadm/nodeConfig.yaml"]["content"]


def test_the_node_config_is_what_nodeadm_documents() -> None:
    assert yaml.safe_load(files(rendered())["/etc/nodeadm/nodeConfig.yaml"]["content"]) == {
        "apiVersion": "node.eks.aws/v1alpha1",
        "kind": "NodeConfig",
        "spec": {
            "cluster": {"name": "eks-hybrid", "region": "ap-northeast-1"},
            "hybrid": {
                "enableCredentialsFile": True,
                "ssm": {
                    "activationCode": "Fjz3/sZfSvv78EXAMPLE",
                    "activationId": "0d4a7c1e-5b0f-4c35-9f6e-3a2b1c0d9e8f",
                },
            },
            "kubelet": {
                "flags": [
                    (
                        "--node-labels=eks-hybrid-calico/name=onprem-1,"
                        "eks-hybrid-calico/activation=0d4a7c1e-5b0f-4c35-9f6e-3a2b1c0d9e8f,"
                        "topology.kubernetes.io/zone=onprem"
                    )
                ]
            },
        },
    }


def test_label_keys_are_an_interface() -> None:
    # Changing one of these strings breaks the selectors of nw-check-hybrid and of the checks.
    assert NAME_LABEL == "eks-hybrid-calico/name"
    assert ACTIVATION_LABEL == "eks-hybrid-calico/activation"


# An activation code is "^.{20,250}$" in the SSM API; what YAML would read as a number or a date must stay text.
@pytest.mark.parametrize(
    "code", ["12345678901234567890", "0x12345678901234567890", "2026-11-23T00:00:00Z", "- : #{}[]&*!|>'\"%@`"]
)
def test_any_activation_code_reaches_nodeadm_unchanged(code: str) -> None:
    content = files(rendered(code=code))["/etc/nodeadm/nodeConfig.yaml"]["content"]
    assert yaml.safe_load(content)["spec"]["hybrid"]["ssm"]["activationCode"] == code


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_no_value_breaks_out_of_its_place(value: str) -> None:
    text = rendered(replace(EXAMPLE, cluster_name=value))
    node_config = yaml.safe_load(files(text)["/etc/nodeadm/nodeConfig.yaml"]["content"])
    assert node_config["spec"]["cluster"]["name"] == value
    [line] = [
        part
        for part in shlex.split(files(text)["/etc/nodeadm/join.env"]["content"])
        if part.startswith("CLUSTER_NAME=")
    ]
    assert line == f"CLUSTER_NAME={value}"
    assert set(yaml.safe_load(text)) == {"bootcmd", "write_files", "runcmd"}


def test_a_shell_reads_the_parameters_back_as_they_were(tmp_path: Path) -> None:
    nasty = f"$(touch {tmp_path}/pwned) `id` 'a' \"b\" \\ ; exit 1"
    environment = tmp_path / "join.env"
    environment.write_text(
        files(rendered(replace(OTHER, cluster_name=nasty)))["/etc/nodeadm/join.env"]["content"]
    )
    names = [
        "CLUSTER_NAME",
        "REGION",
        "KUBERNETES_VERSION",
        "NODEADM_VERSION",
        "NODEADM_SHA256",
        "ARCHITECTURE",
    ]
    script = '. "$0"; for name in "$@"; do printf "%s\\n" "${!name}"; done'
    shell = subprocess.run(
        ["bash", "-euc", script, environment, *names, "OS"], capture_output=True, text=True, check=True
    )
    expected = [nasty, "us-west-2", "1.36", "v1.0.21", "a" * 64, "amd64", "al2023"]
    assert shell.stdout.splitlines() == expected
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("os_name", list(SYSTEMS))
def test_the_user_data_stays_below_ec2s_limit(os_name: str) -> None:
    # With the longest values the settings and AWS allow: a 100 character cluster name, a 63 character label,
    # a 250 character activation code, 300 characters of labels and taints. An instance has no proxy.
    text = cloud_config.render(
        replace(
            OTHER,
            os=os_name,
            cluster_name="c" * 100,
            node_name="n" * 63,
            region="ap-southeast-99",
            proxy=None,
            address=None,
            zone="z" * 63,
            # Labels of one character cost most: two more each, for the sign and the comma.
            labels={f"{number:02}": "" for number in range(100)},
            taints=["e" * 63 + "=" + "f" * 26 + ":NoExecute"],
        ),
        activation_id="0d4a7c1e-5b0f-4c35-9f6e-3a2b1c0d9e8f",
        activation_code="x" * 250,
    )
    # EC2's limit, before base64: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
    assert len(text.encode()) <= 16 * 1024


def test_the_script_stays_readable_in_the_document() -> None:
    # PyYAML falls back to one long quoted line when a text holds a tab, a trailing space or a non-ASCII character.
    assert "\n   set -euo pipefail\n" in rendered()


@pytest.mark.parametrize("os_name", list(SYSTEMS))
def test_cloud_init_accepts_the_document(os_name: str, tmp_path: Path) -> None:
    if shutil.which("cloud-init") is None:
        pytest.skip("cloud-init is not installed; on Debian or Ubuntu: sudo apt-get install cloud-init")
    document = tmp_path / "user-data"
    document.write_text(rendered(replace(EXAMPLE, os=os_name)))
    schema = subprocess.run(
        ["cloud-init", "schema", "--config-file", document], capture_output=True, text=True, check=False
    )
    said = schema.stdout + schema.stderr
    # "Valid cloud-config: <file>" in 22.4 (Debian 12), "Valid schema <file>" from 23.3 on.
    assert schema.returncode == 0, said
    assert "Valid" in said
    # Deprecations and unknown keys are warnings that leave the exit code at 0.
    assert not [word for word in ("warning", "deprecat", "invalid", "error") if word in said.lower()], said


def test_the_schema_check_would_notice_a_mistake(tmp_path: Path) -> None:
    if shutil.which("cloud-init") is None:
        pytest.skip("cloud-init is not installed; on Debian or Ubuntu: sudo apt-get install cloud-init")
    document = tmp_path / "user-data"
    document.write_text(rendered().replace("permissions: '0600'", "permissions: 0600"))
    schema = subprocess.run(
        ["cloud-init", "schema", "--config-file", document], capture_output=True, check=False
    )
    assert schema.returncode != 0


def test_the_generation_of_a_node_is_an_identity() -> None:
    # Resources are named with it: when this value changes, the next `pulumi up` replaces EVERY hybrid node of
    # every stack. Editing join.sh does that, on purpose. Put the new value here once you mean it.
    assert cloud_config.generation(EXAMPLE, instance_type="t4g.medium", disk_gib=30) == "f4207a21"


@pytest.mark.parametrize("field", list(EXAMPLE.__dataclass_fields__))
def test_the_generation_changes_with_every_field(field: str) -> None:
    changed = replace(EXAMPLE, **{field: getattr(OTHER, field)})
    assert cloud_config.generation(changed) != cloud_config.generation(EXAMPLE)


def test_the_generation_changes_with_the_shape() -> None:
    shapes = [{}, {"disk_gib": 30}, {"disk_gib": 31}, {"instance_type": "t4g.medium"}, {"disk_gib": None}]
    generations = {cloud_config.generation(EXAMPLE, **shape) for shape in shapes}
    assert len(generations) == len(shapes)


def test_the_generation_changes_with_the_join_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(join_files.__file__).parent
    for name in ("join.sh", "obstacles.bash", paths.UNIT_NAME):
        (tmp_path / name).write_text((folder / name).read_text())
    before = cloud_config.generation(EXAMPLE)
    monkeypatch.setattr(join_files, "_FOLDER", tmp_path)
    edited = tmp_path / "join.sh"
    source = edited.read_text()
    edited.write_text(source + "true\n")
    assert cloud_config.generation(EXAMPLE) != before
    # A comment does not replace anybody's nodes.
    edited.write_text(source + "# edited\n")
    assert cloud_config.generation(EXAMPLE) == before


def test_the_generation_does_not_depend_on_the_order_of_the_shape() -> None:
    assert cloud_config.generation(EXAMPLE, a=1, b=2) == cloud_config.generation(EXAMPLE, b=2, a=1)


def test_the_generation_is_the_same_in_every_process() -> None:
    program = (
        "import json, sys; from userdata.cloud_config import JoinConfig, generation;"
        "print(generation(JoinConfig(**json.loads(sys.argv[1])), disk_gib=30))"
    )
    fields = json.dumps({name: getattr(EXAMPLE, name) for name in EXAMPLE.__dataclass_fields__})
    seen = {
        subprocess.run(
            [sys.executable, "-c", program, fields],
            env=os.environ
            | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(cloud_config.__file__).parents[1])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert seen == {cloud_config.generation(EXAMPLE, disk_gib=30)}


def test_userdata_runs_with_the_standard_library_and_yaml() -> None:
    for source in Path(cloud_config.__file__).parent.glob("*.py"):
        tree = ast.parse(source.read_text())
        modules = {
            name.split(".")[0]
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert modules <= set(sys.stdlib_module_names) | {"yaml", "userdata", "infra"}, source
