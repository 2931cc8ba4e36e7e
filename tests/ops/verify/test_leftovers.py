"""After a destroy: what is left is found by name and tag, is told, and a clean account passes."""

import json
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ops.causes import CAUSES
from ops.checks import runner
from ops.checks.model import Status
from ops.clients import leftovers, stack_names
from ops.clients.errors import AskError
from ops.clients.leftovers import Names
from ops.verify.catalogue import LEFTOVERS
from ops.verify.checks import leftovers as checks
from ops.verify.checks.leftovers import KINDS, Leftovers
from tests.ops.standin.aws import NOTHING, Answer, AnsweringAws, Object, Table

NAMES = Names(project="eks-hybrid-calico", stack="dev", region="ap-northeast-1", cluster="eks-hybrid")
ARN = "arn:aws:eks:ap-northeast-1:012345678901:cluster/eks-hybrid"
TAG = {"Key": "eks-hybrid-calico:stack", "Value": "eks-hybrid-calico/dev"}
OTHER = {"Key": "eks-hybrid-calico:stack", "Value": "eks-hybrid-calico/prod"}
OWNED = {"Key": "kubernetes.io/cluster/eks-hybrid", "Value": "owned"}
INGRESS = {"Key": "ingress.k8s.aws/stack", "Value": "shop/web"}
ACTIVATION = "11111111-2222-3333-4444-555555555555"
PROVIDER = "arn:aws:iam::012345678901:oidc-provider/oidc.eks.ap-northeast-1.amazonaws.com"
KEY = "arn:aws:kms:ap-northeast-1:012345678901:key/1"


def instance(name: str, state: str, *tags: Object, vpc: str = "vpc-9") -> Object:
    return {"InstanceId": name, "State": {"Name": state}, "VpcId": vpc, "Tags": list(tags)}


def balancer(number: int, name: str, kind: str, vpc: str, *tags: Object) -> Object:
    arn = {"LoadBalancerArn": f"arn:balancer/{number}", "LoadBalancerName": name}
    return {**arn, "Type": kind, "VpcId": vpc, "Tags": list(tags)}


def target_group(number: int, *tags: Object, **more: str) -> Object:
    arn = {"TargetGroupArn": f"arn:group/{number}", "TargetGroupName": f"tg-{number}"}
    return {**arn, **more, "Tags": list(tags)}


def role(name: str, service: str) -> Object:
    return {
        "RoleName": name,
        "AssumeRolePolicyDocument": json.dumps({"Statement": [{"Principal": {"Service": service}}]}),
    }


BALANCERS = [
    balancer(1, "eks-hybrid-alb", "application", "vpc-1", TAG),
    balancer(2, "x", "application", "vpc-9", OTHER),
    balancer(
        3,
        "k8s-shop-web",
        "application",
        "vpc-9",
        {"Key": "elbv2.k8s.aws/cluster", "Value": "eks-hybrid"},
        INGRESS,
    ),
    balancer(4, "mine", "network", "vpc-1"),
]
CLASSIC = [
    {"LoadBalancerName": "a1b2", "Tags": [OWNED, {"Key": "kubernetes.io/service-name", "Value": "shop/old"}]},
    {"LoadBalancerName": "foreign"},
]
GROUPS = [
    *map(target_group, range(19)),
    target_group(19, TargetType="ip", VpcId="vpc-1"),
    target_group(20, TAG),
]


TAGS = {
    item[key]: item.get("Tags", [])
    for key, items in (
        ("LoadBalancerArn", BALANCERS),
        ("TargetGroupArn", GROUPS),
        ("LoadBalancerName", CLASSIC),
    )
    for item in items
}


def tags(key: str, request: Object) -> Answer:
    """Answer DescribeTags, which takes at most 20 names."""
    (names,) = request.values()
    assert len(names) <= 20
    described = [{key: name, **({"Tags": TAGS[name]} if TAGS[name] else {})} for name in names]
    return {"TagDescriptions": described}


# An account with something of each kind that is left, and something that is somebody else's.
ACCOUNT: Table = {
    "sts get_caller_identity": {
        "Account": "012345678901",
        "Arn": "arn:aws:sts::012345678901:assumed-role/r/s",
    },
    "ec2 describe_vpcs": [
        {"VpcId": "vpc-1", "CidrBlock": "10.90.0.0/16", "Tags": [TAG]},
        {"VpcId": "vpc-9", "CidrBlock": "10.91.0.0/16", "Tags": [OTHER]},
    ],
    "eks describe_cluster": lambda request: (
        {"cluster": {"status": "DELETING"}}
        if request["name"] == "eks-hybrid"
        else "ResourceNotFoundException"
    ),
    "ec2 describe_instances": [
        {
            "Instances": [
                instance("i-1", "shutting-down", OWNED, TAG),
                instance("i-2", "terminated", TAG),
                instance("i-3", "running", vpc="vpc-1"),
                instance("i-4", "running", OWNED),
                instance("i-5", "running", OTHER),
            ]
        }
    ],
    "ssm describe_instance_information": [
        {
            "InstanceId": "mi-00000000000000001",
            "PingStatus": "ConnectionLost",
            "ComputerName": "onprem-1",
            "Tags": [{"Key": "EKSClusterARN", "Value": ARN}],
        },
        {"InstanceId": "mi-00000000000000002", "PingStatus": "Online", "Tags": [TAG]},
        {"InstanceId": "mi-00000000000000003", "Tags": [OTHER]},
    ],
    "ssm describe_activations": [
        {
            "ActivationId": ACTIVATION,
            "Description": "Hybrid node onprem-1",
            "Tags": [{"Key": "EKSClusterARN", "Value": ARN}],
        },
        {
            "ActivationId": ACTIVATION.replace("1", "9"),
            "Tags": [OTHER, {"Key": "EKSClusterARN", "Value": ARN + "-2"}],
        },
        {"ActivationId": ACTIVATION.replace("1", "8")},
    ],
    "ec2 describe_network_interfaces": [
        {"NetworkInterfaceId": "eni-1", "Description": "Amazon EKS eks-hybrid"},
        {
            "NetworkInterfaceId": "eni-2",
            "Description": "VPC Endpoint Interface vpce-1",
            "VpcId": "vpc-1",
            "TagSet": [{"Key": "GuardDutyManaged", "Value": "true"}],
        },
        {"NetworkInterfaceId": "eni-3", "Description": "ELB app/k8s-shop-1/2", "VpcId": "vpc-1"},
        {"NetworkInterfaceId": "eni-4", "Description": "of a colleague", "VpcId": "vpc-1"},
        {"NetworkInterfaceId": "eni-5", "Description": "Amazon EKS other", "VpcId": "vpc-9"},
    ],
    "ec2 describe_vpc_endpoints": [
        {
            "VpcEndpointId": "vpce-1",
            "ServiceName": "com.amazonaws.ap-northeast-1.guardduty-data",
            "VpcId": "vpc-1",
        },
        {"VpcEndpointId": "vpce-9", "VpcId": "vpc-9"},
    ],
    "ec2 describe_security_groups": [
        {"GroupId": "sg-0", "GroupName": "default", "VpcId": "vpc-1"},
        {"GroupId": "sg-1", "GroupName": "nodes", "Tags": [TAG]},
        {
            "GroupId": "sg-2",
            "GroupName": "eks-cluster-sg-eks-hybrid",
            "Tags": [{"Key": "aws:eks:cluster-name", "Value": "eks-hybrid"}],
        },
        {"GroupId": "sg-3", "GroupName": "GuardDutyManagedSecurityGroup-vpc-1", "VpcId": "vpc-1"},
        {"GroupId": "sg-4", "GroupName": "k8s-traffic-1", "Tags": [OWNED, INGRESS]},
        {"GroupId": "sg-9", "GroupName": "other", "VpcId": "vpc-9", "Tags": [OTHER]},
    ],
    "ec2 describe_volumes": [
        {"VolumeId": "vol-1", "Size": 30, "State": "available", "Tags": [TAG]},
        {
            "VolumeId": "vol-2",
            "Size": 8,
            "State": "available",
            "Tags": [
                {"Key": "kubernetes.io/created-for/pvc/name", "Value": "data"},
                {"Key": "kubernetes.io/created-for/pvc/namespace", "Value": "shop"},
                OWNED,
            ],
        },
        {"VolumeId": "vol-9", "Size": 8, "State": "available"},
    ],
    "ec2 describe_addresses": [
        {"AllocationId": "eipalloc-1", "PublicIp": "203.0.113.7", "Tags": [TAG]},
        {"AllocationId": "eipalloc-9", "PublicIp": "203.0.113.9"},
    ],
    "ec2 describe_launch_templates": [
        {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "managed", "Tags": [TAG]},
        {"LaunchTemplateId": "lt-9", "LaunchTemplateName": "other", "Tags": [OTHER]},
    ],
    "elbv2 describe_load_balancers": BALANCERS,
    "elbv2 describe_target_groups": GROUPS,
    "elbv2 describe_tags": partial(tags, "ResourceArn"),
    "elb describe_load_balancers": [{**item, "VPCId": "vpc-9"} for item in CLASSIC],
    "elb describe_tags": partial(tags, "LoadBalancerName"),
    "logs describe_log_groups": lambda request: [
        {"logGroupName": name}
        for name in ("/aws/eks/eks-hybrid/cluster", "/aws/eks/other/cluster")
        if name.startswith(request["logGroupNamePrefix"])
    ],
    "iam list_roles": [
        role("hybrid-1a2b", "ssm.amazonaws.com"),
        role("lambda", "lambda.amazonaws.com"),
        role("other", "ec2.amazonaws.com"),
        role("going", "eks.amazonaws.com"),
    ],
    # Of a role of Lambda nobody asks.
    "iam list_role_tags": lambda request: {
        "hybrid-1a2b": {"Tags": [TAG]},
        "other": {"Tags": [OTHER]},
        "going": "NoSuchEntity",
    }[request["RoleName"]],
    "iam list_open_id_connect_providers": {
        "OpenIDConnectProviderList": [{"Arn": f"{PROVIDER}/id/{number}"} for number in range(3)]
    },
    "iam list_open_id_connect_provider_tags": lambda request: {
        f"{PROVIDER}/id/0": {"Tags": [TAG]},
        f"{PROVIDER}/id/1": {"Tags": [OTHER]},
        f"{PROVIDER}/id/2": "NoSuchEntity",
    }[request["OpenIDConnectProviderArn"]],
    "resourcegroupstaggingapi get_resources": lambda request: [
        {"ResourceARN": arn}
        for arn in (
            KEY,
            "arn:aws:ec2:ap-northeast-1:012345678901:natgateway/nat-1",
            "arn:aws:logs:ap-northeast-1:012345678901:log-group:/aws/eks/x/cluster",
        )
        if request["TagFilters"] == [{"Key": TAG["Key"], "Values": [TAG["Value"]]}]
    ],
}
FOUND = {
    "cluster": ["eks-hybrid (DELETING)"],
    "instances": [
        "i-1 (shutting-down, made by this stack)",
        "i-3 (running)",
        "i-4 (running, made by Kubernetes)",
    ],
    "registrations": [
        "mi-00000000000000001 (ConnectionLost, onprem-1)",
        "mi-00000000000000002 (Online, no host name)",
    ],
    "activations": [f"{ACTIVATION} (Hybrid node onprem-1)"],
    "network-interfaces": [
        "eni-1 (Amazon EKS eks-hybrid, made by EKS)",
        "eni-2 (VPC Endpoint Interface vpce-1, made by GuardDuty)",
        "eni-3 (ELB app/k8s-shop-1/2, made by a load balancer of a Service or Ingress)",
        "eni-4 (of a colleague)",
    ],
    "vpc-endpoints": ["vpce-1 (com.amazonaws.ap-northeast-1.guardduty-data, made by GuardDuty)"],
    "security-groups": [
        "sg-1 (nodes, made by this stack)",
        "sg-2 (eks-cluster-sg-eks-hybrid, made by EKS)",
        "sg-3 (GuardDutyManagedSecurityGroup-vpc-1, made by GuardDuty)",
        "sg-4 (k8s-traffic-1, made for Ingress shop/web)",
    ],
    "volumes": [
        "vol-1 (30 GiB, available, made by this stack)",
        "vol-2 (8 GiB, available, made for PersistentVolumeClaim shop/data)",
    ],
    "elastic-ips": ["eipalloc-1 (203.0.113.7)"],
    "launch-templates": ["lt-1 (managed)"],
    "load-balancers": [
        "a1b2 (classic, made for Service shop/old)",
        "eks-hybrid-alb (application, made by this stack)",
        "k8s-shop-web (application, made for Ingress shop/web)",
        "mine (network)",
    ],
    "target-groups": ["tg-19 (ip)", "tg-20 (made by this stack)"],
    "log-groups": ["/aws/eks/eks-hybrid/cluster"],
    "roles": ["hybrid-1a2b"],
    "oidc-providers": [f"{PROVIDER}/id/0"],
    "vpcs": ["vpc-1 (10.90.0.0/16)"],
    "others": [KEY],
}


@pytest.mark.parametrize("kind", leftovers.LISTERS)
def test_what_is_left_is_found_by_name_and_tag(kind: str) -> None:
    assert leftovers.left(AnsweringAws(ACCOUNT), kind, NAMES) == FOUND[kind]


def test_a_cluster_that_is_gone_is_not_left() -> None:
    assert leftovers.left(AnsweringAws(NOTHING), "cluster", NAMES) == []


def test_a_balancer_that_goes_between_the_list_and_its_tags_is_left_out() -> None:
    gone, left = GROUPS[0], GROUPS[20]
    aws = AnsweringAws(
        {
            **NOTHING,
            "elbv2 describe_target_groups": [gone, left],
            "elbv2 describe_tags": lambda request: (
                "TargetGroupNotFound"
                if gone["TargetGroupArn"] in request["ResourceArns"]
                else tags("ResourceArn", request)
            ),
        }
    )
    assert leftovers.left(aws, "target-groups", NAMES) == ["tg-20 (made by this stack)"]


def test_the_account_is_shown() -> None:
    assert AnsweringAws(ACCOUNT).account() == "012345678901"


def test_every_kind_is_checked() -> None:
    assert [kind.name for kind in KINDS] == list(leftovers.LISTERS)
    assert set(FOUND) == set(leftovers.LISTERS)


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        ("arn:aws:ec2:r:1:vpc/vpc-1", "ec2:vpc"),
        ("arn:aws:elasticloadbalancing:r:1:loadbalancer/app/x/1", "elasticloadbalancing:loadbalancer"),
        ("arn:aws:logs:r:1:log-group:/aws/eks/x", "logs:log-group"),
        ("arn:aws:sns:r:1:topic", "sns:topic"),
        ("nonsense", "nonsense"),
    ],
)
def test_an_arn_has_a_type(arn: str, kind: str) -> None:
    assert leftovers.arn_type(arn) == kind


class Account:
    """An account with some things left in it."""

    def __init__(self, **left: list[str]) -> None:
        self._left = {name.replace("_", "-"): items for name, items in left.items()}

    def account(self) -> str:
        return "012345678901"

    def left(self, kind: str, names: Names) -> list[str]:
        assert names == NAMES
        return self._left.get(kind, [])


def verify(account: Any) -> Any:
    with patch.object(checks, "left", lambda aws, kind, names: aws.left(kind, names)):
        return runner.run(
            LEFTOVERS,
            Leftovers(aws=account, names=NAMES),
            concurrency=4,
            command="verify",
            subject=NAMES.subject,
        )


def test_an_empty_account_passes() -> None:
    run = verify(Account())

    assert {result.outcome.status for result in run.results} == {Status.OK}
    assert run.exit_code(strict=True) == 0


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_that_is_left_fails_and_says_how_to_remove_it(kind: Any) -> None:
    run = verify(Account(**{kind.name: ["id-1 (first)", "id-2"]}))

    failed = [result for result in run.results if result.outcome.status is Status.FAIL]
    assert [result.check.id for result in failed] == [f"leftovers.{kind.name}"]
    problem = failed[0].outcome.problems[0]
    assert problem.seen.startswith(f"2 {kind.noun}")
    assert "id-1 (first), id-2" in problem.seen
    assert "{" not in problem.fix
    assert run.exit_code(strict=False) == 1


# --- names -----------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "Pulumi.yaml").write_text(
        "name: eks-hybrid-calico\nconfig:\n  clusterName:\n    default: eks-hybrid\n"
    )
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n  aws:region: ap-northeast-1\n  aws:profile: sandbox\n"
    )
    return tmp_path


def look_up(**options: Any) -> stack_names.LookedUp:
    defaults = {"outputs": None, "stack": None, "region": None, "cluster": None, "profile": None}
    return stack_names.look_up(**{**defaults, **options})


@pytest.mark.usefixtures("project")
def test_the_settings_files_say_what_the_stack_called_its_things() -> None:
    found = look_up(stack="dev")

    assert found.names == NAMES
    assert found.profile == "sandbox"


def test_the_project_is_called_what_its_file_says(project: Path) -> None:
    (project / "Pulumi.yaml").write_text("name: acme-edge\nconfig: {clusterName: {default: eks-hybrid}}\n")
    (project / "Pulumi.dev.yaml").write_text("config: {aws:region: eu-west-1, clusterName: mine}\n")
    names = look_up(stack="dev").names
    assert (names.project, names.cluster) == ("acme-edge", "mine")


def test_in_a_folder_without_a_project_it_is_the_one_of_this_program(project: Path) -> None:
    for file in project.glob("Pulumi.*"):
        file.unlink()
    assert look_up(stack="dev", region="eu-west-1", cluster="c").names.project == "eks-hybrid-calico"


def test_a_project_file_without_a_name_is_an_error(project: Path) -> None:
    (project / "Pulumi.yaml").write_text("runtime: python\n")
    with pytest.raises(AskError, match=r"Pulumi\.yaml has no name\. Take it from the repository again"):
        look_up(stack="dev")


def test_the_selected_stack_is_used_and_its_own_settings_win(project: Path) -> None:
    (project / "pulumi").write_text("#!/bin/sh\necho acme/prod\n")
    (project / "pulumi").chmod(0o755)
    (project / "Pulumi.prod.yaml").write_text(
        "config:\n  aws:region: eu-west-1\n  eks-hybrid-calico:clusterName: big\n"
    )

    names = look_up().names

    assert (names.stack, names.region, names.cluster) == ("prod", "eu-west-1", "big")


@pytest.mark.usefixtures("project")
def test_options_win_over_settings() -> None:
    found = look_up(stack="dev", region="eu-west-1", cluster="other", profile="mine")

    assert (found.names.region, found.names.cluster, found.profile) == ("eu-west-1", "other", "mine")


@pytest.mark.usefixtures("project")
def test_without_settings_the_environments_region_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")

    assert look_up(stack="removed").names.region == "eu-west-1"


@pytest.mark.usefixtures("project")
def test_a_region_that_cannot_be_found_is_an_error_that_names_the_option() -> None:
    with pytest.raises(AskError, match="do not name a region"):
        look_up(stack="removed")


@pytest.mark.usefixtures("project")
def test_without_cli_and_without_stack_the_error_names_the_option() -> None:
    with pytest.raises(AskError) as error:
        look_up()
    assert "--stack NAME" in CAUSES[error.value.code].fix


def test_settings_that_are_no_yaml_are_an_error(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text("config: [")

    with pytest.raises(AskError, match=r"Pulumi\.dev\.yaml"):
        look_up(stack="dev")


def test_an_encrypted_setting_is_none(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text("config:\n  aws:region: {secure: abc}\n")

    with pytest.raises(AskError, match="do not name a region"):
        look_up(stack="dev")


def test_saved_outputs_name_everything(outputs: Any, tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text(json.dumps(outputs()))

    assert look_up(outputs=str(tmp_path / "o.json")).names == NAMES
