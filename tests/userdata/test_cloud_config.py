import ast
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

from userdata import cloud_config, labels
from userdata.cloud_config import JoinConfig

OPERATING_SYSTEMS = ["ubuntu-24.04", "ubuntu-22.04", "al2023"]
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


def test_one_command_runs_and_it_is_the_join_script() -> None:
    assert yaml.safe_load(rendered())["runcmd"] == [["/usr/local/sbin/eks-hybrid-join"]]
    script = files(rendered())["/usr/local/sbin/eks-hybrid-join"]["content"]
    assert script == Path(cloud_config.__file__).with_name("join.sh").read_text()


def test_only_root_reads_the_activation_code_and_runs_the_script() -> None:
    modes = {path: file["permissions"] for path, file in files(rendered()).items()}
    assert modes == {
        "/etc/nodeadm/nodeConfig.yaml": "0600",
        "/etc/nodeadm/join.env": "0644",
        "/usr/local/sbin/eks-hybrid-join": "0700",
    }
    assert {file["owner"] for file in files(rendered()).values()} == {"root:root"}


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
                "ssm": {
                    "activationCode": "Fjz3/sZfSvv78EXAMPLE",
                    "activationId": "0d4a7c1e-5b0f-4c35-9f6e-3a2b1c0d9e8f",
                }
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
    assert labels.NAME_LABEL == "eks-hybrid-calico/name"
    assert labels.ACTIVATION_LABEL == "eks-hybrid-calico/activation"


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
    assert set(yaml.safe_load(text)) == {"write_files", "runcmd"}


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


@pytest.mark.parametrize("os_name", OPERATING_SYSTEMS)
def test_the_user_data_leaves_a_quarter_of_ec2s_limit_free(os_name: str) -> None:
    # With the longest values the settings and AWS allow: a 100 character cluster name, a 63 character label,
    # a 250 character activation code.
    text = cloud_config.render(
        replace(OTHER, os=os_name, cluster_name="c" * 100, node_name="n" * 63, region="ap-southeast-99"),
        activation_id="0d4a7c1e-5b0f-4c35-9f6e-3a2b1c0d9e8f",
        activation_code="x" * 250,
    )
    assert cloud_config.USER_DATA_LIMIT_BYTES == 16384
    assert len(text.encode()) <= cloud_config.USER_DATA_LIMIT_BYTES * 3 // 4


def test_the_script_stays_readable_in_the_document() -> None:
    # PyYAML falls back to one long quoted line when a text holds a tab, a trailing space or a non-ASCII character.
    assert "\n    set -euo pipefail\n" in rendered()


@pytest.mark.parametrize("os_name", OPERATING_SYSTEMS)
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
    assert cloud_config.generation(EXAMPLE, instance_type="t4g.medium", disk_gib=30) == "e096aca5"


@pytest.mark.parametrize("field", list(EXAMPLE.__dataclass_fields__))
def test_the_generation_changes_with_every_field(field: str) -> None:
    changed = replace(EXAMPLE, **{field: getattr(OTHER, field)})
    assert cloud_config.generation(changed) != cloud_config.generation(EXAMPLE)


def test_the_generation_changes_with_the_shape() -> None:
    shapes = [{}, {"disk_gib": 30}, {"disk_gib": 31}, {"instance_type": "t4g.medium"}, {"disk_gib": None}]
    generations = {cloud_config.generation(EXAMPLE, **shape) for shape in shapes}
    assert len(generations) == len(shapes)


def test_the_generation_changes_with_the_join_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cloud_config.generation(EXAMPLE)
    edited = tmp_path / "join.sh"
    edited.write_text(Path(cloud_config.__file__).with_name("join.sh").read_text() + "# edited\n")
    monkeypatch.setattr(cloud_config, "_JOIN_SCRIPT", edited)
    assert cloud_config.generation(EXAMPLE) != before


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


def test_userdata_imports_neither_pulumi_nor_other_rooms() -> None:
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
        assert modules <= set(sys.stdlib_module_names) | {"yaml", "userdata"}, source
