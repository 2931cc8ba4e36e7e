"""The reader of stack files. tests/engine/test_stack_files.py holds the same files against the real CLI."""

import json
from pathlib import Path

import pytest

from ops.clients import stack_file
from ops.clients.stack_file import StackFile, StackFileError
from tests.stack_files import SCALARS, WHOLE, of_scalar


@pytest.fixture
def read(tmp_path):
    def of(text: str | bytes) -> StackFile:
        path = tmp_path / "Pulumi.dev.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return stack_file.read(path, project="eks-hybrid-calico")

    return of


@pytest.mark.parametrize(
    ("written", "value", "inside"),
    [
        ("on", "on", "on"),
        ("no", "no", "no"),
        ("True", "true", True),
        ("~", "", None),
        ("2026-11-25", "2026-11-25 00:00:00 +0000 UTC", "2026-11-25 00:00:00 +0000 UTC"),
        ("2026-11-25T10:00:00", "2026-11-25T10:00:00", "2026-11-25T10:00:00"),
        ("1:30", "1:30", "1:30"),
        ("0o17", "15", 15),
        ("017", "15", 15),
        ("08", "8", 8),
        ("1_000", "1000", 1000),
        ("1.0", "1", 1),
        ("1.50", "1.5", 1.5),
        ("1e3", "1000", 1000),
        ("1e-7", "1e-7", 1e-7),
        ("18446744073709551616", "18446744073709552000", 18446744073709552000),
        ("'on'", "on", "on"),
        ("!!str 1", "1", "1"),
        ("!mine 5", "5", "5"),
        ("10.10.0.0/16", "10.10.0.0/16", "10.10.0.0/16"),
    ],
)
def test_a_scalar_is_what_yaml_1_2_and_the_cli_make_of_it(read, written, value, inside):
    found = read(of_scalar(written)).values
    assert found["a:x"] == value
    assert json.loads(found["a:y"]) == [inside]


def test_a_key_without_a_namespace_is_the_projects(read):
    assert read("config: {clusterName: mine, aws:region: x, aws:config:profile: y}").values == {
        "eks-hybrid-calico:clusterName": "mine",
        "aws:region": "x",
        "aws:profile": "y",
    }


def test_a_setting_in_two_spellings_is_refused_because_the_cli_takes_either(read):
    with pytest.raises(StackFileError, match="clusterName is set twice, as clusterName and as eks-hybrid"):
        read("config: {clusterName: a, eks-hybrid-calico:clusterName: b}")


def test_secrets_are_named_and_never_values(read):
    found = read("config: {a:x: {secure: v1:abc}, a:y: [1, {z: {secure: v1:abc}}], a:z: {secure: x, b: y}}")
    assert found.secrets == ("a:x", "a:y")
    assert set(found.values) == {"a:z"}


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("[team/aws-dev, common]", ("team/aws-dev", "common")),
        ("team/x", ("team/x",)),
        ("{imports: [a, {b: {merge: false}}], values: {}}", ("(written in the file)", "a", "b")),
        ("~", ()),
    ],
)
def test_environments_are_named(read, written, names):
    assert read(f"environment: {written}").environments == names


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("config:\n\ta:x: 1\n", "line 2: it is not YAML"),
        ("config:\n  a:x: 1\n  a:x: 2\n", "line 3: a:x is there twice"),
        ("[]", "it is not a map with the key config"),
        ("config: []", "config is not a map of settings"),
        ("config: {a:b:c: 1}", "a:b:c is not the name of a setting; the form is namespace:name"),
        ("config: {5: 1}", "5 is not the name of a setting; write it as a text"),
        ("config: {a:x: *q}", "there is no anchor q|undefined alias"),
        ("config: &c {a:x: [*c]}", "the anchor c contains itself"),
        ("config: {a:x: .inf}", "inf is not a value that a setting can have"),
        ("config: {a:x: !!int x}", "x is not a !!int"),
        ("config: {a:x: {<<: 5}}", "<< takes a map"),
        ("config: " + "[" * 20_000, "nested too deeply|it is not YAML"),
    ],
)
def test_what_the_cli_refuses_is_refused_with_the_place_and_the_reason(read, written, says):
    with pytest.raises(StackFileError, match=says) as caught:
        read(written)
    assert str(caught.value).startswith("Pulumi.dev.yaml")


@pytest.mark.parametrize("text", [*WHOLE, *map(of_scalar, SCALARS)], ids=lambda text: repr(text)[:40])
def test_no_file_ends_in_a_traceback(read, text):
    try:
        found, refused = read(text), ""
    except StackFileError as error:
        found, refused = None, str(error)
    assert len(refused) < 300
    assert found is None or all(isinstance(value, str) for value in found.values.values())


def test_it_reads_the_same_where_pyyaml_has_no_libyaml(read, monkeypatch):
    import yaml

    before = [read(of_scalar(text)) for text in SCALARS[:60]]
    monkeypatch.setattr(stack_file, "_Parser", yaml.SafeLoader)
    assert [read(of_scalar(text)) for text in SCALARS[:60]] == before


def test_a_folder_in_the_files_place_is_an_error_in_words(tmp_path: Path):
    (tmp_path / "Pulumi.dev.yaml").mkdir()
    with pytest.raises(StackFileError, match="cannot be read: Is a directory"):
        stack_file.read(tmp_path / "Pulumi.dev.yaml", project="p")
