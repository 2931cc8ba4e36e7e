"""The namespace of the settings is the project's name, whatever that is."""

from datetime import date

import pytest

import settings
from tests.settings.conftest import REGION

CLOSED = '["203.0.113.0/24"]'


def problems(raw, *, project="acme-edge"):
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse(REGION | raw, project=project)
    return list(caught.value.problems)


def test_settings_are_read_under_the_name_of_the_project():
    raw = REGION | {"acme-edge:apiAllowedCidrs": CLOSED}
    assert settings.parse(raw, project="acme-edge").api_allowed_cidrs == ("203.0.113.0/24",)


def test_a_setting_under_the_name_that_the_project_had_is_refused_with_its_name_and_the_command():
    # It was ignored: the API stayed open to the whole internet, and every command said that all was well.
    (problem,) = problems({"eks-hybrid-calico:apiAllowedCidrs": CLOSED})
    assert problem == (
        "eks-hybrid-calico:apiAllowedCidrs is under the name of another project, and nothing reads it: this project"
        " is called acme-edge (Pulumi.yaml), and there it is acme-edge:apiAllowedCidrs. Rename it in the stack's file,"
        " e.g. sed -i.bak 's/^\\([ \"]*\\)eks-hybrid-calico:/\\1acme-edge:/' Pulumi.*.yaml"
    )


def test_all_settings_under_one_other_name_are_one_problem():
    raw = {"other:podCidr": "10.0.0.0/16", "other:apiallowedcidrs": CLOSED, "third:site": "{}"}
    found = problems(raw)
    assert [each.partition(" is under")[0] for each in found] == [
        "other:podCidr, other:apiallowedcidrs",
        "third:site",
    ]


def test_what_belongs_to_somebody_else_is_left_alone():
    raw = {
        "aws:maxRetries": "9",
        "kubernetes:clusterName": "x",
        "dns:zone": "example.com",
        "eks-hybrid-calico:more": "1",
    }
    assert settings.parse(REGION | raw, project="acme-edge") == settings.parse(REGION, project="acme-edge")


@pytest.mark.parametrize(
    ("raw", "start"),
    [
        ({"acme-edge:podCidr": "10.10.0.0/16"}, "acme-edge:podCidr 10.10.0.0/16 overlaps vpcCidr"),
        ({"acme-edge:podCIDR": "10.20.0.0/16"}, "acme-edge:podCIDR is not a setting. Do you mean podCidr?"),
        ({"acme-edge:hybridNodes": '[{"os": "al2023"}]'}, "acme-edge:hybridNodes[0].name is not set"),
        ({"aws:region": "nowhere"}, "aws:region nowhere "),
    ],
)
def test_problems_name_settings_as_the_projects_stack_files_do(raw, start):
    (problem,) = problems(raw)
    assert problem.startswith(start)


def test_warnings_do_too():
    found = settings.warnings(settings.parse(REGION, project="acme-edge"), date(2026, 11, 30), "acme-edge")
    assert [each.split()[0] for each in found[:2]] == [
        "acme-edge:apiAllowedCidrs[0]",
        "acme-edge:albAllowedCidrs[0]",
    ]
