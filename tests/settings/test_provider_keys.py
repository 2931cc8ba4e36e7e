"""The AWS provider's own settings: a name that it does not have and a shape that it cannot read are refused."""

import importlib
import re

import pulumi_aws
import pytest

import settings
from settings.provider_keys import SHAPES

REGION = {"aws:region": "ap-northeast-1"}


def problems(**given):
    raw = REGION | {f"aws:{name}": value for name, value in given.items()}
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse(raw, project="p")
    return caught.value.problems


def camel(name):
    return re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name)


def test_names_and_shapes_are_those_of_the_pinned_provider():
    config = importlib.import_module("pulumi_aws.config")
    # The SDK loads a module when something of it is first asked for.
    assert hasattr(config, "region")
    names = {name for name, value in vars(type(config)).items() if isinstance(value, property)}
    assert len(names) > 30
    assert {f"aws:{camel(name)}" for name in names} == SHAPES.keys()
    inputs = pulumi_aws.ProviderArgs.__init__.__annotations__
    words = {"Sequence": "list", "builtins.bool": "true or false", "bool": "true or false", "int": "number"}
    for name in names:
        shown = str(inputs[name])
        shape = next((shape for word, shape in words.items() if re.search(rf"\b{word}\b", shown)), "text")
        if "Args" in shown and shape != "list":
            shape = "map"
        assert SHAPES[f"aws:{camel(name)}"] == shape, shown


def test_a_name_that_is_misspelt_is_refused_with_the_nearest():
    (said,) = problems(regoin="eu-west-1")
    assert said.startswith(
        "aws:regoin is not a setting of the AWS provider, which would ignore it. Do you mean aws:region? "
        "Remove it, e.g. pulumi config rm aws:regoin. Valid are aws:accessKey, "
    )


def test_a_name_like_no_other_is_refused_with_the_list():
    (said,) = problems(zzz="1")
    assert "Do you mean" not in said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "ignoreTags",
            '["a"]',
            "is not a map. Set one, e.g. pulumi config rm aws:ignoreTags && pulumi config set",
        ),
        ("endpoints", '{"eks": "x"}', "is not a list"),
        ("maxRetries", "many", "is not a number"),
        ("maxRetries", "true", "is not a number"),
        ("insecure", "yes", "is not true or false"),
        ("stsRegion", '["a"]', "is not a text"),
    ],
)
def test_a_value_of_another_shape_is_refused(name, value, said):
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"aws:{name} {value} {said}")


def test_what_the_provider_has_is_taken():
    settings.parse(
        REGION
        | {"aws:ignoreTags": '{"keys": ["a"]}', "aws:maxRetries": "5", "aws:useFipsEndpoint": "true"}
        | {"aws:stsRegion": "eu-west-1", "aws:forbiddenAccountIds": '["123456789012"]', "aws:noProxy": ""},
        project="p",
    )


def test_a_key_is_never_shown_whatever_its_shape():
    (said,) = problems(secretKey='["hush"]')
    assert "hush" not in said
