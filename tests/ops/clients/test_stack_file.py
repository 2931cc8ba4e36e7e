"""The reader of stack files. tests/engine/test_stack_files.py holds the same files against the real CLI."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from ops.clients import stack_file
from ops.clients.stack_file import StackFile, StackFileError
from tests.stack_files import ODD, SCALARS, WHOLE, of_scalar


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
        ("1:30", "1:30", "1:30"),
        ("1.0", "1", 1),
        ("1.50", "1.5", 1.5),
        ("'on'", "on", "on"),
        ("!!str 1", "1", "1"),
        ("10.10.0.0/16", "10.10.0.0/16", "10.10.0.0/16"),
    ],
)
def test_a_scalar_is_what_yaml_1_2_and_the_cli_make_of_it(read, written, value, inside):
    found = read(of_scalar(written)).values
    assert found["a:x"] == value
    assert json.loads(found["a:y"]) == [inside]


@pytest.mark.parametrize("written", ODD)
def test_what_programs_read_in_different_ways_is_refused(read, written):
    with pytest.raises(StackFileError, match=r"line 2: .*(write it in quotes|a value with a tag)"):
        read(of_scalar(written))


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
        ("config: {5: 1}", "5 is not a name; write it as a text"),
        ("config: {a:x: *q}", "undefined alias"),
        ("config: &c {a:x: [*c]}", "too many values"),
        ("config: {a:x: {<<: 5}}", "expected a mapping"),
        ("config: {a:x: {<<: {a: 1}, <<: {b: 1}}}", "<< is there twice"),
        (
            "config: {a:x: [012345678901]}",
            "012345678901 is a number, a time or a text, by who reads it; write it in",
        ),
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


def test_it_reads_the_same_where_pyyaml_has_no_libyaml(monkeypatch, tmp_path):
    monkeypatch.delattr("yaml.CSafeLoader", raising=False)
    monkeypatch.delitem(sys.modules, stack_file.__name__)
    without = importlib.import_module(stack_file.__name__)
    assert without is not stack_file
    path = tmp_path / "Pulumi.dev.yaml"
    for text in SCALARS[:50]:
        path.write_text(of_scalar(text))
        assert without.read(path, project="p").values == stack_file.read(path, project="p").values


def test_a_folder_in_the_files_place_is_an_error_in_words(tmp_path: Path):
    (tmp_path / "Pulumi.dev.yaml").mkdir()
    with pytest.raises(StackFileError, match="cannot be read: Is a directory"):
        stack_file.read(tmp_path / "Pulumi.dev.yaml", project="p")
