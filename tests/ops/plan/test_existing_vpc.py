"""A plan in a VPC that exists says what nobody has looked at, and proves what a file shows."""

import json
import re

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.plan.evaluation import Plan
from ops.plan.firewall import openings
from ops.plan.flows import Expectations, prove
from ops.program.existing_vpc import DescriptionError, described, existing_vpc
from ops.program.fake_cloud import FakeCloud
from ops.program.recorder import evaluate
from tests.conftest import EXISTING_VPC, OWN_SITE, PROJECT

NETWORK = EXISTING_VPC["network"]
VPC = NETWORK["vpcId"]
LOCAL = [{"DestinationCidrBlock": cidr, "GatewayId": "local"} for cidr in ("10.30.0.0/16", "100.64.0.0/16")]
NAT, INTERNET = "nat-00000000000000aa0", "igw-00000000000000aa0"


def aws_says(*, private_way=None, public_way=None):
    """The answers of the two commands, one after the other."""
    cidrs = ["100.64.0.0/20", "100.64.16.0/20", "10.30.0.0/24", "10.30.1.0/24"]
    ids = [*NETWORK["privateSubnetIds"], *NETWORK["publicSubnetIds"]]
    subnets = [
        {"SubnetId": id_, "VpcId": VPC, "CidrBlock": cidr, "AvailabilityZone": f"ap-northeast-1{zone}"}
        for id_, cidr, zone in zip(ids, cidrs, "acac", strict=True)
    ]
    private = {"DestinationCidrBlock": "0.0.0.0/0", "State": "active"} | (
        private_way or {"NatGatewayId": NAT}
    )
    public = {"DestinationCidrBlock": "0.0.0.0/0"} | (public_way or {"GatewayId": INTERNET})
    tables = [
        {
            "RouteTableId": "rtb-private",
            "VpcId": VPC,
            "Associations": [{"Main": False, "SubnetId": id_} for id_ in NETWORK["privateSubnetIds"]],
            "Routes": [*LOCAL, private],
        },
        {
            "RouteTableId": "rtb-main",
            "VpcId": VPC,
            "Associations": [{"Main": True}],
            "Routes": [*LOCAL, public],
        },
    ]
    return json.dumps({"Subnets": subnets}) + "\n" + json.dumps({"RouteTables": tables})


def named(values):
    """The VPC that a configuration names."""
    vpc = existing_vpc(values, "eks-hybrid-calico")
    assert vpc
    return vpc


@pytest.fixture
def proof(config, tmp_path):
    """The flow proof of a stack in a VPC of which AWS says so much."""

    def go(text, **settings):
        values = config(**EXISTING_VPC, **settings)
        cloud = FakeCloud(region="ap-northeast-1")
        if text is not None:
            file = tmp_path / "network.json"
            file.write_text(text, encoding="utf-8")
            cloud.vpc = described(file, named(values))
        return prove(evaluate(PROJECT, "dev", values, cloud=cloud), Expectations.from_config(values))

    return go


def verdicts(report):
    return {
        row.flow.number: "CLOSED" if row.missing else "unseen" if row.unseen else "open"
        for row in report.rows
    }


def test_without_a_file_no_flow_of_the_vpc_is_called_open(proof):
    report = proof(None)
    assert report.passed
    assert {number for number, verdict in verdicts(report).items() if verdict == "open"} == {
        "3a", "3c", "9", "12d", "14",
    }  # fmt: skip
    assert report.needless == ()
    assert any(VPC in line for line in report.assumptions)


def test_a_file_proves_all_but_what_lies_behind_somebody_elses_nat_gateway(proof):
    report = proof(aws_says())
    assert {number for number, verdict in verdicts(report).items() if verdict != "open"} == {"3b", "3d"}
    (managed,) = (row for row in report.rows if row.flow.number == "3b")
    assert managed.unseen == (f"that {NAT} leads to the internet",)
    assert report.passed
    assert report.needless == ()


def test_a_narrow_api_has_the_address_of_the_nat_gateway(proof):
    report = proof(aws_says(), apiAllowedCidrs=["198.51.100.0/24"])
    assert report.missing == ()
    assert report.unexpected == ()


def test_a_gateway_that_is_gone_is_no_way_out(config, tmp_path):
    file = tmp_path / "network.json"
    file.write_text(aws_says(private_way={"NatGatewayId": NAT, "State": "blackhole"}), encoding="utf-8")
    done = CliRunner().invoke(app, ["plan", "--network", str(file), *_options(config())])
    assert done.exit_code == 2
    assert "has no way out: route table rtb-private has no route to 0.0.0.0/0" in done.stderr


def _options(values):
    manifest = [
        f"{name}={values[f'eks-hybrid-calico:{name}']}" for name in ("calicoManifest", "calicoManifestSha256")
    ]
    settings = [f"network={json.dumps(NETWORK)}", *manifest]
    return ["--stack", "dev", *(word for each in settings for word in ("--config", each))]


def test_the_plan_prints_the_commands_whose_answers_it_reads(config, tmp_path):
    done = CliRunner(env={"COLUMNS": "400"}).invoke(app, ["plan", *_options(config())])
    assert done.exit_code == 0, done.stderr
    assert "can be built, if your VPC is as it assumes" in done.stdout
    text = " ".join(done.stdout.split())
    assert re.search(
        rf"\(aws ec2 describe-subnets --region ap-northeast-1 --filters Name=vpc-id,Values={VPC}", text
    )
    file = tmp_path / "network.json"
    file.write_text(aws_says(), encoding="utf-8")
    seen = CliRunner(env={"COLUMNS": "400"}).invoke(
        app, ["plan", "--network", str(file), "--picture", str(tmp_path / "stack.svg"), *_options(config())]
    )
    assert seen.exit_code == 0, seen.stderr
    assert "was not looked at" not in seen.stdout
    assert "10.30.0.0/16, 100.64.0.0/16" in (tmp_path / "stack.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "network.json"),
        (json.dumps({"Subnets": []}), "has no network.privateSubnetIds subnet-00000000000000aa1"),
        (aws_says().partition("\n")[0], f"has no main route table of network.vpcId {VPC}"),
    ],
    ids=["no JSON", "no subnets", "no tables"],
)
def test_a_file_that_is_something_else_is_refused(config, tmp_path, text, says):
    file = tmp_path / "network.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DescriptionError, match=re.escape(says)):
        described(file, named(config(**EXISTING_VPC)))


def test_the_firewall_of_a_site_opens_to_the_subnets_that_were_there_before(config, tmp_path):
    values = config(**EXISTING_VPC, **OWN_SITE)
    file = tmp_path / "network.json"
    file.write_text(aws_says(), encoding="utf-8")
    vpc = described(file, named(values))
    recording = evaluate(PROJECT, "dev", values, cloud=FakeCloud(region="ap-northeast-1", vpc=vpc))
    plan = Plan(recording=recording, flows=prove(recording, Expectations.from_config(values)), notes=())
    kubelet = {row.source for row in openings(plan) if row.port == 10250}
    clients = {row.source for row in openings(plan) if row.who == "ALB"}
    assert kubelet == {"100.64.0.0/20", "100.64.16.0/20"}
    assert clients == {"10.30.0.0/24", "10.30.1.0/24"}
