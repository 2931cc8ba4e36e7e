"""After a destroy: what is left is found by name and tag, is told, and a clean account passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from ops.checks import runner
from ops.checks.model import Status
from ops.clients import leftovers, stack_names
from ops.clients.errors import AskError
from ops.clients.leftovers import LeftoversAws, Names
from ops.verify.catalogue import LEFTOVERS
from ops.verify.checks.leftovers import KINDS, Leftovers

NAMES = Names(project="eks-hybrid-calico", stack="dev", region="ap-northeast-1", cluster="eks-hybrid")
ARN = "arn:aws:eks:ap-northeast-1:012345678901:cluster/eks-hybrid"
TAG = {"Key": "eks-hybrid-calico:stack", "Value": "eks-hybrid-calico/dev"}
OTHER = {"Key": "eks-hybrid-calico:stack", "Value": "eks-hybrid-calico/prod"}
BY_TAG = {"Filters": [{"Name": "tag:eks-hybrid-calico:stack", "Values": ["eks-hybrid-calico/dev"]}]}
BY_CLUSTER = {"Filters": [{"Name": "tag-key", "Values": ["kubernetes.io/cluster/eks-hybrid"]}]}
BY_EKS = {"Filters": [{"Name": "tag:aws:eks:cluster-name", "Values": ["eks-hybrid"]}]}
VPCS = ("ec2", "describe_vpcs", BY_TAG, {"Vpcs": [{"VpcId": "vpc-1"}]})
BY_VPC = {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}
CALLER = (
    "sts",
    "get_caller_identity",
    {},
    {"Account": "012345678901", "Arn": "arn:aws:sts::012345678901:assumed-role/r/s"},
)
ACTIVATION = "11111111-2222-3333-4444-555555555555"


OWNED = {"Key": "kubernetes.io/cluster/eks-hybrid", "Value": "owned"}


def instance(name: str, state: str, *tags: dict[str, str]) -> dict[str, Any]:
    return {"Instances": [{"InstanceId": name, "State": {"Name": state}, "Tags": list(tags)}]}


def balancer(number: int, name: str, kind: str, vpc: str) -> dict[str, Any]:
    return {"LoadBalancerArn": f"arn:{number}", "LoadBalancerName": name, "Type": kind, "VpcId": vpc}


def ssm(key: str, value: str) -> dict[str, Any]:
    return {"Filters": [{"Key": f"tag:{key}", "Values": [value]}]}


def role(name: str, service: str) -> dict[str, Any]:
    return {
        "RoleName": name,
        "Path": "/",
        "RoleId": "AROA0000000000000000",
        "Arn": f"arn:aws:iam::012345678901:role/{name}",
        "CreateDate": "2026-11-23T00:00:00Z",
        "AssumeRolePolicyDocument": json.dumps({"Statement": [{"Principal": {"Service": service}}]}),
    }


# kind -> (what is found, the calls: service, operation, parameters, answer)
LEFT: dict[str, tuple[list[str], list[Any]]] = {
    "cluster": (
        ["eks-hybrid (DELETING)"],
        [("eks", "describe_cluster", {"name": "eks-hybrid"}, {"cluster": {"status": "DELETING"}})],
    ),
    "instances": (
        ["i-1 (shutting-down, made by this stack)", "i-3 (running)", "i-4 (running, made by Kubernetes)"],
        [
            VPCS,
            (
                "ec2",
                "describe_instances",
                BY_TAG,
                {"Reservations": [instance("i-1", "shutting-down", TAG), instance("i-2", "terminated", TAG)]},
            ),
            ("ec2", "describe_instances", BY_VPC, {"Reservations": [instance("i-3", "running")]}),
            (
                "ec2",
                "describe_instances",
                BY_CLUSTER,
                {"Reservations": [instance("i-4", "running", OWNED), instance("i-1", "shutting-down", TAG)]},
            ),
        ],
    ),
    "registrations": (
        ["mi-00000000000000001 (ConnectionLost, onprem-1)"],
        [
            CALLER,
            (
                "ssm",
                "describe_instance_information",
                ssm("eks-hybrid-calico:stack", "eks-hybrid-calico/dev"),
                {"InstanceInformationList": []},
            ),
            (
                "ssm",
                "describe_instance_information",
                ssm("EKSClusterARN", ARN),
                {
                    "InstanceInformationList": [
                        {
                            "InstanceId": "mi-00000000000000001",
                            "PingStatus": "ConnectionLost",
                            "ComputerName": "onprem-1",
                        }
                    ]
                },
            ),
        ],
    ),
    "activations": (
        [f"{ACTIVATION} (Hybrid node onprem-1)"],
        [
            CALLER,
            (
                "ssm",
                "describe_activations",
                {},
                {
                    "ActivationList": [
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
                    ]
                },
            ),
        ],
    ),
    "network-interfaces": (
        [
            "eni-1 (Amazon EKS eks-hybrid, made by EKS)",
            "eni-2 (VPC Endpoint Interface vpce-1, made by GuardDuty)",
            "eni-3 (ELB app/k8s-shop-1/2, made by a load balancer of a Service or Ingress)",
            "eni-4 (of a colleague)",
        ],
        [
            VPCS,
            ("ec2", "describe_network_interfaces", BY_TAG, {"NetworkInterfaces": []}),
            (
                "ec2",
                "describe_network_interfaces",
                BY_VPC,
                {
                    "NetworkInterfaces": [
                        {
                            "NetworkInterfaceId": "eni-2",
                            "Description": "VPC Endpoint Interface vpce-1",
                            "TagSet": [{"Key": "GuardDutyManaged", "Value": "true"}],
                        },
                        {"NetworkInterfaceId": "eni-3", "Description": "ELB app/k8s-shop-1/2"},
                        {"NetworkInterfaceId": "eni-4", "Description": "of a colleague"},
                    ]
                },
            ),
            (
                "ec2",
                "describe_network_interfaces",
                {"Filters": [{"Name": "description", "Values": ["Amazon EKS eks-hybrid"]}]},
                {
                    "NetworkInterfaces": [
                        {"NetworkInterfaceId": "eni-1", "Description": "Amazon EKS eks-hybrid"}
                    ]
                },
            ),
        ],
    ),
    "vpc-endpoints": (
        ["vpce-1 (com.amazonaws.ap-northeast-1.guardduty-data, made by GuardDuty)"],
        [
            VPCS,
            ("ec2", "describe_vpc_endpoints", BY_TAG, {"VpcEndpoints": []}),
            (
                "ec2",
                "describe_vpc_endpoints",
                BY_VPC,
                {
                    "VpcEndpoints": [
                        {
                            "VpcEndpointId": "vpce-1",
                            "ServiceName": "com.amazonaws.ap-northeast-1.guardduty-data",
                        }
                    ]
                },
            ),
        ],
    ),
    "security-groups": (
        [
            "sg-1 (nodes, made by this stack)",
            "sg-2 (eks-cluster-sg-eks-hybrid, made by EKS)",
            "sg-3 (GuardDutyManagedSecurityGroup-vpc-1, made by GuardDuty)",
            "sg-4 (k8s-traffic-1, made for Ingress shop/web)",
        ],
        [
            VPCS,
            (
                "ec2",
                "describe_security_groups",
                BY_TAG,
                {"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "nodes", "Tags": [TAG]}]},
            ),
            (
                "ec2",
                "describe_security_groups",
                BY_VPC,
                {
                    "SecurityGroups": [
                        {"GroupId": "sg-0", "GroupName": "default"},
                        {"GroupId": "sg-3", "GroupName": "GuardDutyManagedSecurityGroup-vpc-1"},
                        {
                            "GroupId": "sg-4",
                            "GroupName": "k8s-traffic-1",
                            "Tags": [{"Key": "ingress.k8s.aws/stack", "Value": "shop/web"}],
                        },
                    ]
                },
            ),
            ("ec2", "describe_security_groups", BY_CLUSTER, {"SecurityGroups": []}),
            (
                "ec2",
                "describe_security_groups",
                BY_EKS,
                {"SecurityGroups": [{"GroupId": "sg-2", "GroupName": "eks-cluster-sg-eks-hybrid"}]},
            ),
        ],
    ),
    "volumes": (
        [
            "vol-1 (30 GiB, available, made by this stack)",
            "vol-2 (8 GiB, available, made for PersistentVolumeClaim shop/data)",
        ],
        [
            (
                "ec2",
                "describe_volumes",
                BY_TAG,
                {"Volumes": [{"VolumeId": "vol-1", "Size": 30, "State": "available", "Tags": [TAG]}]},
            ),
            (
                "ec2",
                "describe_volumes",
                BY_CLUSTER,
                {
                    "Volumes": [
                        {
                            "VolumeId": "vol-2",
                            "Size": 8,
                            "State": "available",
                            "Tags": [
                                {"Key": "kubernetes.io/created-for/pvc/name", "Value": "data"},
                                {"Key": "kubernetes.io/created-for/pvc/namespace", "Value": "shop"},
                                OWNED,
                            ],
                        }
                    ]
                },
            ),
        ],
    ),
    "elastic-ips": (
        ["eipalloc-1 (203.0.113.7)"],
        [
            (
                "ec2",
                "describe_addresses",
                BY_TAG,
                {"Addresses": [{"AllocationId": "eipalloc-1", "PublicIp": "203.0.113.7"}]},
            )
        ],
    ),
    "launch-templates": (
        ["lt-1 (managed)"],
        [
            (
                "ec2",
                "describe_launch_templates",
                BY_TAG,
                {"LaunchTemplates": [{"LaunchTemplateId": "lt-1", "LaunchTemplateName": "managed"}]},
            )
        ],
    ),
    "load-balancers": (
        [
            "a1b2 (classic, made for Service shop/old)",
            "eks-hybrid-alb (application, made by this stack)",
            "k8s-shop-web (application, made for Ingress shop/web)",
            "mine (network)",
        ],
        [
            VPCS,
            (
                "elbv2",
                "describe_load_balancers",
                {},
                {
                    "LoadBalancers": [
                        balancer(1, "eks-hybrid-alb", "application", "vpc-1"),
                        balancer(2, "x", "application", "vpc-9"),
                        balancer(3, "k8s-shop-web", "application", "vpc-9"),
                        balancer(4, "mine", "network", "vpc-1"),
                    ]
                },
            ),
            (
                "elbv2",
                "describe_tags",
                {"ResourceArns": ["arn:1", "arn:2", "arn:3", "arn:4"]},
                {
                    "TagDescriptions": [
                        {"ResourceArn": "arn:1", "Tags": [TAG]},
                        {"ResourceArn": "arn:2", "Tags": [OTHER]},
                        {
                            "ResourceArn": "arn:3",
                            "Tags": [
                                {"Key": "elbv2.k8s.aws/cluster", "Value": "eks-hybrid"},
                                {"Key": "ingress.k8s.aws/stack", "Value": "shop/web"},
                            ],
                        },
                        {"ResourceArn": "arn:4"},
                    ]
                },
            ),
            VPCS,
            (
                "elb",
                "describe_load_balancers",
                {},
                {
                    "LoadBalancerDescriptions": [
                        {"LoadBalancerName": "a1b2", "VPCId": "vpc-9"},
                        {"LoadBalancerName": "foreign", "VPCId": "vpc-9"},
                    ]
                },
            ),
            (
                "elb",
                "describe_tags",
                {"LoadBalancerNames": ["a1b2", "foreign"]},
                {
                    "TagDescriptions": [
                        {
                            "LoadBalancerName": "a1b2",
                            "Tags": [OWNED, {"Key": "kubernetes.io/service-name", "Value": "shop/old"}],
                        },
                        {"LoadBalancerName": "foreign"},
                    ]
                },
            ),
        ],
    ),
    "target-groups": (
        ["tg-19 (ip)", "tg-20 (made by this stack)"],
        [
            VPCS,
            (
                "elbv2",
                "describe_target_groups",
                {},
                {
                    "TargetGroups": [
                        *({"TargetGroupArn": f"arn:{n}", "TargetGroupName": f"tg-{n}"} for n in range(19)),
                        {
                            "TargetGroupArn": "arn:19",
                            "TargetGroupName": "tg-19",
                            "TargetType": "ip",
                            "VpcId": "vpc-1",
                        },
                        {"TargetGroupArn": "arn:20", "TargetGroupName": "tg-20"},
                    ]
                },
            ),
            (
                "elbv2",
                "describe_tags",
                {"ResourceArns": [f"arn:{n}" for n in range(20)]},
                {"TagDescriptions": [{"ResourceArn": "arn:19"}]},
            ),
            (
                "elbv2",
                "describe_tags",
                {"ResourceArns": ["arn:20"]},
                {"TagDescriptions": [{"ResourceArn": "arn:20", "Tags": [TAG]}]},
            ),
        ],
    ),
    "log-groups": (
        ["/aws/eks/eks-hybrid/cluster"],
        [
            (
                "logs",
                "describe_log_groups",
                {"logGroupNamePrefix": "/aws/eks/eks-hybrid/"},
                {"logGroups": [{"logGroupName": "/aws/eks/eks-hybrid/cluster"}]},
            )
        ],
    ),
    "roles": (
        ["hybrid-1a2b"],
        [
            (
                "iam",
                "list_roles",
                {},
                {
                    "Roles": [
                        role("hybrid-1a2b", "ssm.amazonaws.com"),
                        role("lambda", "lambda.amazonaws.com"),
                        role("other", "ec2.amazonaws.com"),
                        role("going", "eks.amazonaws.com"),
                    ]
                },
            ),
            ("iam", "list_role_tags", {"RoleName": "hybrid-1a2b"}, {"Tags": [TAG]}),
            ("iam", "list_role_tags", {"RoleName": "other"}, {"Tags": [OTHER]}),
            ("iam", "list_role_tags", {"RoleName": "going"}, "NoSuchEntity"),
        ],
    ),
    "vpcs": (
        ["vpc-1 (10.90.0.0/16)"],
        [("ec2", "describe_vpcs", BY_TAG, {"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.90.0.0/16"}]})],
    ),
    "others": (
        ["arn:aws:kms:ap-northeast-1:012345678901:key/1"],
        [
            (
                "resourcegroupstaggingapi",
                "get_resources",
                {"TagFilters": [{"Key": "eks-hybrid-calico:stack", "Values": ["eks-hybrid-calico/dev"]}]},
                {
                    "ResourceTagMappingList": [
                        {"ResourceARN": "arn:aws:kms:ap-northeast-1:012345678901:key/1"},
                        {"ResourceARN": "arn:aws:ec2:ap-northeast-1:012345678901:natgateway/nat-1"},
                        {
                            "ResourceARN": "arn:aws:logs:ap-northeast-1:012345678901:log-group:/aws/eks/x/cluster"
                        },
                    ]
                },
            )
        ],
    ),
}


@pytest.fixture(scope="module")
def aws() -> Iterator[LeftoversAws]:
    """One for all tests: making a client takes most of a second."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        yield LeftoversAws(region="ap-northeast-1", profile=None, timeout_s=1, retries=0)


@pytest.fixture
def stub(aws: LeftoversAws) -> Iterator[Callable[[list[Any]], None]]:
    stubbers: dict[str, Stubber] = {}

    def queue(calls: list[Any]) -> None:
        for service, operation, expected, answer in calls:
            if service not in stubbers:
                stubbers[service] = Stubber(aws.client(service))
                stubbers[service].activate()
            if isinstance(answer, str):
                stubbers[service].add_client_error(operation, answer, expected_params=expected)
            else:
                stubbers[service].add_response(operation, answer, expected)

    yield queue
    for stubber in stubbers.values():
        stubber.deactivate()
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize("kind", leftovers.LISTERS)
def test_what_is_left_is_found_by_name_and_tag(aws: LeftoversAws, stub: Any, kind: str) -> None:
    found, calls = LEFT[kind]
    stub(calls)

    assert aws.left(kind, NAMES) == found


def test_a_cluster_that_is_gone_is_not_left(aws: LeftoversAws, stub: Any) -> None:
    stub([("eks", "describe_cluster", {"name": "eks-hybrid"}, "ResourceNotFoundException")])

    assert aws.left("cluster", NAMES) == []


def test_a_balancer_that_goes_between_the_list_and_its_tags_is_left_out(aws: LeftoversAws, stub: Any) -> None:
    listed = [{"TargetGroupArn": f"arn:{n}", "TargetGroupName": f"tg-{n}"} for n in range(2)]
    stub(
        [
            VPCS,
            ("elbv2", "describe_target_groups", {}, {"TargetGroups": listed}),
            ("elbv2", "describe_tags", {"ResourceArns": ["arn:0", "arn:1"]}, "TargetGroupNotFound"),
            ("elbv2", "describe_tags", {"ResourceArns": ["arn:0"]}, "TargetGroupNotFound"),
            (
                "elbv2",
                "describe_tags",
                {"ResourceArns": ["arn:1"]},
                {"TagDescriptions": [{"ResourceArn": "arn:1", "Tags": [TAG]}]},
            ),
        ]
    )

    assert aws.left("target-groups", NAMES) == ["tg-1 (made by this stack)"]


def test_the_account_is_shown(aws: LeftoversAws, stub: Any) -> None:
    stub([CALLER])

    assert aws.account() == "012345678901"


def test_every_kind_is_checked() -> None:
    assert [kind.name for kind in KINDS] == list(leftovers.LISTERS)
    assert set(LEFT) == set(leftovers.LISTERS)


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
    with pytest.raises(AskError, match="do not say --region"):
        look_up(stack="removed")


@pytest.mark.usefixtures("project")
def test_without_cli_and_without_stack_the_error_names_the_option() -> None:
    with pytest.raises(AskError) as error:
        look_up()
    assert "--stack NAME" in error.value.problem.fix


def test_settings_that_are_no_yaml_are_an_error(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text("config: [")

    with pytest.raises(AskError, match=r"Pulumi\.dev\.yaml"):
        look_up(stack="dev")


def test_an_encrypted_setting_is_none(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text("config:\n  aws:region: {secure: abc}\n")

    with pytest.raises(AskError, match="do not say --region"):
        look_up(stack="dev")


def test_saved_outputs_name_everything(outputs: Any, tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text(json.dumps(outputs()))

    assert look_up(outputs=str(tmp_path / "o.json")).names == NAMES
