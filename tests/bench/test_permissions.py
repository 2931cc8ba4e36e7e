"""The policy documents: all that a plan needs, nothing else, and every action one that AWS knows."""

import json
import re
from dataclasses import replace
from pathlib import Path

import botocore.session
import pytest

from bench import docs, permissions
from tests.conftest import EXISTING_VPC, OWN_SITE

ROOT = Path(__file__).parents[2]
# IAM's prefix -> botocore's services, where they are called otherwise.
SERVICES = {
    "elasticloadbalancing": ("elbv2", "elb"),
    "servicequotas": ("service-quotas",),
    "tag": ("resourcegroupstaggingapi",),
}
# A permission that is no call.
NO_CALL = {"iam:PassRole"}
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, white space not counted.
LONGEST = 6144
READS = re.compile(r"[a-z0-9]+:(Describe|Get|List|Simulate)[A-Za-z]+")


@pytest.fixture(scope="module")
def plan(record):
    return record(controlPlaneLogs=["audit"], clusterAdmins=["arn:aws:iam::123456789012:role/ci"])


@pytest.fixture(scope="module")
def sites(record):
    """Plans with a site of one's own, behind either gateway, and with a VPC that exists."""
    by_vpn = {**OWN_SITE["site"], "vpnGatewayId": "vgw-0a1b2c3d4e5f60718"}
    del by_vpn["transitGatewayId"]
    return [record(**OWN_SITE), record(**{**OWN_SITE, "site": by_vpn}), record(**EXISTING_VPC)]


@pytest.fixture(scope="module")
def operations():
    """The calls of each service, by IAM's prefix."""
    session = botocore.session.get_session()

    def known(prefix):
        names = set()
        for service in SERVICES.get(prefix, (prefix,)):
            names |= set(session.get_service_model(service).operation_names)
        return names

    return known


@pytest.fixture(scope="module")
def documents(plan):
    return {**permissions.policies(plan), "read": permissions.reading_policy()}


def listed(value):
    return [value] if isinstance(value, str) else value


def statements(documents):
    return [statement for document in documents.values() for statement in document["Statement"]]


def test_every_action_is_a_call_that_aws_knows(documents, operations):
    actions = {action for statement in statements(documents) for action in listed(statement["Action"])}
    assert len(actions) > 100
    calls = {prefix: operations(prefix) for prefix in {action.partition(":")[0] for action in actions}}
    unknown = [
        action
        for action in sorted(actions - NO_CALL)
        if action.partition(":")[2] not in calls[action.partition(":")[0]]
    ]
    assert unknown == []


def test_the_documents_allow_what_the_plan_needs_and_no_more(plan, documents):
    allowed = {
        action
        for statement in statements(permissions.policies(plan))
        for action in listed(statement["Action"])
    }
    # Everybody may ask who he is.
    assert allowed == permissions.needed(plan) - {"sts:GetCallerIdentity"}
    assert documents


def test_every_row_of_the_table_is_of_something_that_a_plan_has(plan, sites):
    plans = [plan, *sites]
    types = {each.type for found in plans for each in found.resources.values()}
    types |= {token for found in plans for token, _ in found.invokes}
    assert set(permissions.ACTIONS) <= types


def test_a_site_of_ones_own_needs_calls_that_aws_knows(plan, sites, operations):
    more = set().union(*map(permissions.needed, sites)) - permissions.needed(plan)
    assert {"ec2:AttachVpnGateway", "ec2:CreateTransitGatewayVpcAttachment"} <= more
    assert {action.removeprefix("ec2:") for action in more} <= operations("ec2")
    # One document has what either gateway needs.
    assert more <= set(permissions.gateway_policy()["Statement"][0]["Action"])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"availabilityZones": 3},
        {"managedNodes": {"spot": True}},
        {"hybridNodes": [{"name": "only", "os": "al2023"}]},
    ],
    ids=str,
)
def test_every_plan_is_known(record, plan, settings):
    assert permissions.needed(record(**settings)) <= permissions.needed(plan)


def test_a_resource_that_the_table_does_not_know_is_named(plan):
    bucket = replace(next(iter(plan.resources.values())), type="aws:s3/bucket:Bucket", custom=True)
    with pytest.raises(ValueError, match=r"aws:s3/bucket:Bucket.*add the actions"):
        permissions.needed(replace(plan, resources={"urn": bucket}))


def test_a_document_fits_into_a_managed_policy_with_the_longest_names(documents):
    for name, document in documents.items():
        text = permissions.written(document).replace("ACCOUNT", "123456789012")
        text = text.replace("REGION", "ap-northeast-1")
        assert len(re.sub(r"\s", "", text)) <= LONGEST, name


def test_the_policies_pass_what_a_linter_looks_for(documents):
    for name, document in documents.items():
        sids = [statement["Sid"] for statement in document["Statement"]]
        assert len(set(sids)) == len(sids), name
        assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids), name
    for statement in statements(documents):
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert statement["Effect"] == "Allow"
        actions = listed(statement["Action"])
        assert actions == sorted(set(actions))
        assert not any("*" in action for action in actions)
        if listed(statement["Resource"]) == ["*"]:
            in_region = "aws:RequestedRegion" in statement.get("Condition", {}).get("StringEquals", {})
            assert in_region or all(READS.fullmatch(action) for action in actions), statement["Sid"]
        else:
            assert all(re.match(r"arn:aws:[a-z0-9]+:", each) for each in listed(statement["Resource"]))


def test_what_can_give_rights_is_bound_to_the_plans_own_roles_and_policies(plan, documents):
    by_sid = {each["Sid"]: each for each in documents["deploy"]["Statement"]}
    roles = {f"arn:aws:iam::ACCOUNT:role/{name}" for name in permissions.role_names(plan)}
    assert len(roles) == 3
    for sid in ("PassRole", "AttachPolicies", "Roles"):
        assert set(by_sid[sid]["Resource"]) == roles
    services = by_sid["PassRole"]["Condition"]["StringEquals"]["iam:PassedToService"]
    assert services == ["ec2.amazonaws.com", "eks.amazonaws.com", "ssm.amazonaws.com"]
    attached = by_sid["AttachPolicies"]["Condition"]["ArnEquals"]["iam:PolicyARN"]
    assert not any("Administrator" in each for each in attached)
    assert len(attached) == 4


def test_the_reading_policy_holds_every_question_that_the_commands_ask():
    rooms = [*(ROOT / "ops" / "clients").glob("*.py")]
    for room in ("verify", "doctor", "ready"):
        rooms += (ROOT / "ops" / room).rglob("*.py")
    asked = {
        permissions.camel(name)
        for path in rooms
        for name in re.findall(r'"((?:describe|list|get|simulate)_[a-z_]+)"', path.read_text())
    }
    (statement,) = permissions.reading_policy()["Statement"]
    allowed = {action.partition(":")[2] for action in statement["Action"]} | {"GetCallerIdentity"}
    assert len(asked) > 20
    assert asked <= allowed
    assert all(READS.fullmatch(action) for action in statement["Action"])


def test_only_a_job_of_one_environment_of_one_repository_may_take_the_role():
    (statement,) = json.loads((ROOT / "docs/policies/trust-github.json").read_text())["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    conditions = statement["Condition"]["StringEquals"]
    assert conditions["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    subject = conditions["token.actions.githubusercontent.com:sub"]
    assert subject.startswith("repo:")
    assert "*" not in subject


def test_the_files_are_what_the_program_says():
    for name, text in docs.policies().items():
        assert (ROOT / name).read_text() == text, "run: make docs"
        assert json.loads(text)["Version"] == "2012-10-17"
