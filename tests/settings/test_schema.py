"""Pulumi.yaml's schema and the settings say the same; the example stack is valid."""

import json
from pathlib import Path

import pytest
import yaml

import settings
from infra.changes import DEFAULTED
from settings.model import Settings
from tests.settings.conftest import PROJECT

ROOT = Path(settings.__file__).parents[1]
PROJECT_FILE = ROOT / "Pulumi.yaml"
PULUMIS_OWN = {"aws:region", "aws:profile", "aws:allowedAccountIds", "aws:defaultTags", "aws:assumeRoles"}


@pytest.fixture(scope="module")
def schema():
    return yaml.safe_load(PROJECT_FILE.read_text(encoding="utf-8"))["config"]


@pytest.fixture(scope="module")
def model():
    """The settings as JSON schema: what pydantic takes, by the names that users write."""
    document = Settings.model_json_schema(by_alias=True)
    return {name: part for name, part in document["properties"].items() if name not in PULUMIS_OWN}


def _type_of(part):
    """The type of a setting, as Pulumi.yaml names types; what is optional is the type or empty."""
    if "anyOf" in part:
        (part,) = [each for each in part["anyOf"] if each.get("type") != "null"]
    return "object" if "$ref" in part else part["type"]


def test_the_schema_and_the_settings_have_the_same_names_in_the_same_order(schema, model):
    assert list(schema) == list(model)


def test_the_schema_and_the_settings_have_the_same_types(schema, model):
    assert {name: each["type"] for name, each in schema.items()} == {
        name: _type_of(part) for name, part in model.items()
    }


def test_lists_have_entries_of_the_same_types(schema, model):
    lists = {name: each["items"]["type"] for name, each in schema.items() if each["type"] == "array"}
    assert lists == {name: _type_of(model[name]["items"]) for name in lists}
    assert set(lists) == {
        "moreManagedNodes",
        "hybridNodes",
        "clusterAdmins",
        "apiAllowedCidrs",
        "albAllowedCidrs",
        "webhookPorts",
        "controlPlaneLogs",
    }


@pytest.mark.parametrize(
    "name", [name for name in Settings.model_json_schema()["properties"] if ":" not in name]
)
def test_the_schema_and_the_settings_have_the_same_default(schema, parse, name):
    default = schema[name]["default"]
    attribute = next(key for key, field in Settings.model_fields.items() if field.alias == name)
    without = getattr(parse(), attribute)
    assert getattr(parse(**{name: default}), attribute) == without
    # All of an object's parts are spelled out, so that the schema alone documents the defaults.
    if schema[name]["type"] == "object" and default:
        assert list(default) == [field.alias for field in type(without).model_fields.values()]
    if name == "hybridNodes":
        assert [list(node) for node in default] == [["name", "instanceType", "os", "diskGiB"]]


def test_every_setting_is_described_in_a_sentence(schema):
    assert all(each["description"].endswith(".") for each in schema.values())


def test_what_the_release_chooses_is_left_open_in_the_schema(schema, parse):
    # A default there would be indistinguishable from a stack's own value.
    empty = {name for name in DEFAULTED if schema[name]["default"] == ""}
    assert empty == set(DEFAULTED) - {"podMtu"}
    assert parse(**dict.fromkeys(empty, "")).left_to_the_release == DEFAULTED
    assert parse(supportType="EXTENDED", podMtu=1400).left_to_the_release == (
        "kubernetesVersion",
        "calicoVersion",
        "nodeadmVersion",
    )


def test_no_setting_has_to_be_set_but_the_region(schema):
    # The CLI refuses a stack that lacks a value for a setting without default.
    assert all(each.get("default") is not None for each in schema.values())


def test_texts_are_quoted_where_yaml_would_read_a_number(schema):
    assert all(isinstance(each["default"], str) for each in schema.values() if each["type"] == "string")


def test_the_raw_defaults_are_what_the_cli_hands_to_a_program(schema):
    raw = settings.schema_defaults(PROJECT_FILE)
    assert list(raw) == [f"eks-hybrid-calico:{name}" for name in schema]
    assert raw["eks-hybrid-calico:availabilityZones"] == "2"
    assert raw["eks-hybrid-calico:clusterName"] == "eks-hybrid"
    assert raw["eks-hybrid-calico:controlPlaneLogs"] == "[]"
    assert json.loads(raw["eks-hybrid-calico:managedNodes"])["spot"] is False
    region = {"aws:region": "ap-northeast-1"}
    assert settings.parse(region | raw, project=PROJECT) == settings.parse(region, project=PROJECT)


def test_settings_without_a_default_are_left_to_the_stack(tmp_path):
    project = tmp_path / "Pulumi.yaml"
    project.write_text(
        "name: acme-edge\nconfig: {a: {type: string}, b: {type: boolean, default: true}}", encoding="utf-8"
    )
    assert settings.schema_defaults(project) == {"acme-edge:b": "true"}


def test_the_project_runs_in_the_environment_that_make_sets_up():
    project = yaml.safe_load(PROJECT_FILE.read_text(encoding="utf-8"))
    assert project["name"] == PROJECT
    assert project["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}


def test_the_example_stack_shows_two_operating_systems_and_differs_from_the_defaults_in_nothing_else():
    stack = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"))["config"]
    raw = {
        key if ":" in key else f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in stack.items()
    }
    found = settings.parse(settings.schema_defaults(PROJECT_FILE) | raw, project=PROJECT)
    assert found.region == "ap-northeast-1"
    assert [(node.name, node.os) for node in found.hybrid_nodes] == [
        ("hybrid-1", "ubuntu-24.04"),
        ("hybrid-2", "al2023"),
    ]
    # Names without a namespace, so that the file is right in a project of another name; and nothing in it speaks of
    # this stack, so that it can be copied for another one.
    assert set(stack) == {"aws:region", "aws:defaultTags", "hybridNodes"}
    assert stack["aws:defaultTags"]["tags"] == {"Purpose": "demonstration"}
