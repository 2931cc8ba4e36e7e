"""Which route tables are the stack's to look at."""

from collections.abc import Callable
from ipaddress import IPv4Network
from types import SimpleNamespace
from typing import Any

from ops.clients.stack_outputs import Deployment
from ops.verify.tables import used_tables
from tests.ops.standin.aws import AnsweringAws

MAIN: dict[str, Any] = {"RouteTableId": "rtb-main", "VpcId": "vpc-1", "Associations": [{"Main": True}]}
OTHERS: dict[str, Any] = {
    "RouteTableId": "rtb-others",
    "VpcId": "vpc-1",
    "Associations": [{"SubnetId": "subnet-others"}],
}
OURS: dict[str, Any] = {
    "RouteTableId": "rtb-ours",
    "VpcId": "vpc-1",
    "Associations": [{"SubnetId": "subnet-ours"}],
}


def tables_of(deployment: Deployment) -> list[str]:
    context: Any = SimpleNamespace(
        deployment=deployment,
        memo=SimpleNamespace(get=lambda _, ask: ask()),
        aws=AnsweringAws(
            {
                "ec2 describe_subnets": [
                    {"SubnetId": f"subnet-{name}", "VpcId": "vpc-1"} for name in ("ours", "others", "main")
                ],
                "ec2 describe_route_tables": [MAIN, OTHERS, OURS],
            }
        ),
    )
    return [table["RouteTableId"] for table in used_tables(context, "vpc-1")]


def deployed(outputs: Callable[[], dict[str, Any]], **checks: Any) -> Deployment:
    values = outputs()
    values["checks"] = {**values["checks"], "vpcId": "vpc-1", **checks}
    return Deployment.model_validate(values)


def test_of_a_vpc_that_the_stack_made_every_table_in_use_counts(outputs):
    assert tables_of(deployed(outputs)) == ["rtb-main", "rtb-others", "rtb-ours"]


def test_of_one_that_was_there_before_those_of_the_named_subnets_alone(outputs):
    found = deployed(outputs, subnetIds=["subnet-ours"], vpcCidr="10.30.0.0/16, 100.64.0.0/16")
    assert tables_of(found) == ["rtb-ours"]
    assert found.checks.vpc_cidrs == (IPv4Network("10.30.0.0/16"), IPv4Network("100.64.0.0/16"))
    assert tables_of(deployed(outputs, subnetIds=["subnet-main"])) == ["rtb-main"]
