"""Every check can pass, can fail for its own reason, and says what to do. Reports are golden at 80 columns."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.checks.model import Status
from ops.clients.errors import AskError
from ops.clients.tools import Ran
from ops.ready.catalogue import CHECKS, OFFLINE
from ops.ready.context import STACK_TAG
from settings import SettingsError
from tests.conftest import CERTIFICATE, EXISTING_VPC, OWN_SITE
from tests.ops.ready.conftest import ANSWERS, NOW

GOLDEN = Path(__file__).with_name("golden")
QUOTA = {"Quota": {"Value": 1.0}}
TAG = {"Key": STACK_TAG, "Value": "eks-hybrid-calico/dev"}
OWN_VPCS = [{"VpcId": "vpc-1", "Tags": [TAG]}]
FAILED = Ran(exit_code=1, stdout="", stderr="error: it does not work\n")
CLUSTER = {"cluster": {"name": "eks-hybrid", "tags": {}}}
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
KEY = "arn:aws:kms:ap-northeast-1:123456789012:key/1"
X86 = [
    {
        "InstanceType": "t4g.medium",
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        "VCpuInfo": {"DefaultVCpus": 2},
    }
]


def subnets(*, free: int = 200, zones: str = "acac") -> list[dict[str, Any]]:
    network = EXISTING_VPC["network"]
    ids = [*network["privateSubnetIds"], *network["publicSubnetIds"]]
    return [
        {
            "SubnetId": id_,
            "VpcId": network["vpcId"],
            "AvailabilityZone": f"ap-northeast-1{zone}",
            "AvailableIpAddressCount": free,
        }
        for id_, zone in zip(ids, zones, strict=True)
    ]


def there(**answers: Any) -> dict[str, Any]:
    """A stack in a VPC that exists, with room in its subnets."""
    return {"settings": EXISTING_VPC, "ec2__describe_subnets": subnets(), **answers}


OUR_GROUP = {
    "GroupId": "sg-1",
    "VpcId": EXISTING_VPC["network"]["vpcId"],
    "Tags": [{"Key": STACK_TAG, "Value": "eks-hybrid-calico/dev"}],
}
MAIN_TABLE = {
    "RouteTableId": "rtb-1",
    "VpcId": EXISTING_VPC["network"]["vpcId"],
    "Associations": [{"Main": True}],
    "Routes": [{"DestinationCidrBlock": "10.0.0.0/8"}, {"DestinationCidrBlock": "10.90.1.0/24"}],
}

CHOSEN_TABLE = {
    "RouteTableId": "rtb-2",
    "VpcId": EXISTING_VPC["network"]["vpcId"],
    "Associations": [{"SubnetId": subnet["SubnetId"]} for subnet in subnets()],
    "Routes": [],
}


def described(**more: Any) -> dict[str, Any]:
    return {"KeyMetadata": {"KeyId": "1", "KeyState": "Enabled", "KeyManager": "CUSTOMER", **more}}


def https(host: str = "", account: str = "123456789012", **certificate: Any) -> dict[str, Any]:
    """A stack with a certificate, and what ACM says of it."""
    arn = CERTIFICATE.replace("123456789012", account)
    found = {**ANSWERS["acm describe_certificate"]["Certificate"], **certificate}
    names = {"albHostName": host} if host else {}
    return {
        "settings": {"albCertificateArn": arn, **names},
        "acm__describe_certificate": {"Certificate": found},
    }


OTHERS = {"OwnerId": "999999999999"}
BY_TRANSIT = OWN_SITE
BY_VPN = {**OWN_SITE, "site": {"nodeCidrs": ["10.80.0.0/15"], "vpnGatewayId": "vgw-0123456789abcdef0"}}


def transit(**more: Any) -> dict[str, Any]:
    found = {"State": "available", "OwnerId": "123456789012", **more}
    return {"ec2__describe_transit_gateways": {"TransitGateways": [found]}}


def vpn(**more: Any) -> dict[str, Any]:
    return {"ec2__describe_vpn_gateways": {"VpnGateways": [{"State": "available", **more}]}}


# check -> (what is changed, how it ends, what it says)
FAULTS: list[tuple[str, dict[str, Any], Status, str]] = [
    ("tools.pulumi", {"tools": {"pulumi": None}}, Status.FAIL, "pulumi is not on the PATH"),
    ("tools.pulumi", {"tools": {"version": "v3.100.0"}}, Status.WARN, "pulumi v3.100.0 is old"),
    ("tools.aws-cli", {"tools": {"aws": None}}, Status.FAIL, "aws is not on the PATH"),
    ("tools.aws-cli", {"tools": {"--version": "aws-cli/1.45.0"}}, Status.FAIL, "is not the AWS CLI v2"),
    (
        "tools.session-manager",
        {"tools": {"session-manager-plugin": None}},
        Status.SKIP,
        "only a shell on a node",
    ),
    ("tools.backend", {"tools": {"whoami": FAILED}}, Status.FAIL, "pulumi login --local"),
    ("tools.stack", {"tools": {"stack ls": "[]"}}, Status.FAIL, "pulumi stack init dev"),
    ("tools.secrets", {"tools": {"config": FAILED}}, Status.FAIL, "PULUMI_CONFIG_PASSPHRASE"),
    ("plan.settings", {"program": SettingsError(["a b. Set c"])}, Status.FAIL, "Set c"),
    ("plan.settings", {"hidden": ("aws:profile",)}, Status.WARN, "Secret, so not seen here: aws:profile"),
    ("plan.calico", {"manifest_missing": "no network. Check it"}, Status.FAIL, "Check it"),
    ("plan.doors", {}, Status.WARN, "pulumi config set --path 'apiAllowedCidrs[0]' 198.51.100.7/32"),
    ("who.identity", {"sts__get_caller_identity": "ExpiredToken"}, Status.FAIL, "ExpiredToken"),
    (
        "who.identity",
        {"settings": {"aws:allowedAccountIds": ["210987654321"]}},
        Status.FAIL,
        "account 123456789012 is not one that the stack may be built in",
    ),
    ("who.lifetime", {"ends": NOW + timedelta(minutes=5)}, Status.WARN, "end in 5 minutes"),
    (
        "account.zones",
        {"ec2__describe_availability_zones": []},
        Status.FAIL,
        "0 zones",
    ),
    (
        "account.types",
        {"ec2__describe_instance_type_offerings": []},
        Status.FAIL,
        "t4g.medium is not offered",
    ),
    ("account.types", {"ec2__describe_instance_types": X86}, Status.FAIL, "does not run the image"),
    (
        "account.unrecorded",
        {
            "ec2__describe_subnets": [
                {"SubnetId": "subnet-1", "Tags": [TAG, {"Key": "Name", "Value": "eks-public-1"}]}
            ]
        },
        Status.FAIL,
        "AWS has subnet subnet-1 (eks-public-1), and the stack's state does not",
    ),
    ("account.unrecorded", {"tools": {"stack export": FAILED}}, Status.SKIP, "the stack has no state yet"),
    (
        "account.free-plan",
        {"freetier__get_account_plan_state": {"accountPlanType": "FREE"}},
        Status.FAIL,
        "free plan",
    ),
    *(
        (
            f"account.{name}",
            {"service quotas__get_service_quota": QUOTA},
            Status.FAIL,
            "are above the quota of 1",
        )
        for name in ("vcpus", "addresses", "vpcs", "nat-gateways")
    ),
    (
        "account.spot-vcpus",
        {"settings": {"managedNodes": {"spot": True}}, "service quotas__get_service_quota": QUOTA},
        Status.FAIL,
        "spot vCPUs",
    ),
    (
        "account.balancers",
        {"service quotas__get_service_quota": {"Quota": {"Value": 0.0}}},
        Status.FAIL,
        "L-53DA6B97",
    ),
    (
        "account.clusters",
        {"service quotas__get_service_quota": {"Quota": {"Value": 0.0}}},
        Status.FAIL,
        "L-1194D53C",
    ),
    (
        "account.key",
        {
            "ec2__get_ebs_default_kms_key_id": {"KmsKeyId": KEY},
            "kms__describe_key": described(KeyState="Disabled"),
        },
        Status.FAIL,
        "is Disabled",
    ),
    (
        "account.key",
        {
            "ec2__get_ebs_default_kms_key_id": {"KmsKeyId": KEY},
            "kms__describe_key": described(),
            "kms__get_key_policy": {"Policy": "{}"},
            "kms__list_grants": [],
        },
        Status.WARN,
        "names no Auto Scaling service role",
    ),
    *(
        (
            "account.public-access",
            {
                "ec2__describe_vpc_block_public_access_options": {
                    "VpcBlockPublicAccessOptions": {"InternetGatewayBlockMode": mode}
                }
            },
            status,
            f"VPC Block Public Access is {mode}",
        )
        for mode, status in (("block-bidirectional", Status.FAIL), ("block-ingress", Status.WARN))
    ),
    (
        "cluster.metrics",
        {"serving": "kube-system/metrics-server", "ec2__describe_vpcs": OWN_VPCS},
        Status.WARN,
        "metrics.k8s.io leads to kube-system/metrics-server",
    ),
    (
        "account.service-roles",
        {
            "iam__get_role": "NoSuchEntity",
            "iam__simulate_principal_policy": {
                "EvaluationResults": [{"EvalActionName": "x:y", "EvalDecision": "implicitDeny"}]
            },
        },
        Status.FAIL,
        "aws iam create-service-linked-role --aws-service-name eks.amazonaws.com",
    ),
    (
        "account.boundary",
        {"settings": {"permissionsBoundaryArn": BOUNDARY}, "iam__get_policy": "NoSuchEntity"},
        Status.FAIL,
        f"there is no policy {BOUNDARY}",
    ),
    (
        "account.boundary",
        {"settings": {"permissionsBoundaryArn": BOUNDARY}},
        Status.OK,
        f"{BOUNDARY} is there",
    ),
    (
        "account.images",
        {"ssm__get_parameter": "ParameterNotFound"},
        Status.FAIL,
        "there is no image parameter /aws/service/",
    ),
    (
        "account.names",
        {"eks__describe_cluster": CLUSTER},
        Status.FAIL,
        "cluster eks-hybrid in ap-northeast-1 already",
    ),
    (
        "account.names",
        {
            "settings": {"controlPlaneLogs": ["audit"]},
            "logs__describe_log_groups": [{"logGroupName": "/aws/eks/eks-hybrid/cluster"}],
        },
        Status.FAIL,
        "there is a log group /aws/eks/eks-hybrid/cluster already",
    ),
    *(
        ("account.gateway", {"settings": site, **answers}, status, says)
        for site, answers, status, says in (
            (
                BY_TRANSIT,
                {"ec2__describe_transit_gateways": "InvalidTransitGatewayID.NotFound"},
                Status.FAIL,
                "this account has no transit gateway tgw-",
            ),
            (BY_TRANSIT, transit(State="pending"), Status.FAIL, "tgw-0123456789abcdef0 is pending"),
            (BY_TRANSIT, transit(OwnerId="999999999999"), Status.WARN, "the owner accepts it"),
            (
                BY_VPN,
                {"ec2__describe_vpn_gateways": "InvalidVpnGatewayID.NotFound"},
                Status.FAIL,
                "no virtual private gateway vgw-",
            ),
            (BY_VPN, vpn(State="deleting"), Status.FAIL, "vgw-0123456789abcdef0 is deleting"),
            (
                BY_VPN,
                vpn(VpcAttachments=[{"VpcId": "vpc-2", "State": "attached"}]),
                Status.FAIL,
                "is attached to vpc-2",
            ),
            (
                EXISTING_VPC | BY_VPN,
                vpn(VpcAttachments=[{"VpcId": EXISTING_VPC["network"]["vpcId"], "State": "attached"}]),
                Status.FAIL,
                "pulumi config rm --path site.vpnGatewayId && pulumi config set --path site.routes none",
            ),
            (
                EXISTING_VPC | BY_VPN,
                {
                    **vpn(VpcAttachments=[{"VpcId": EXISTING_VPC["network"]["vpcId"], "State": "attached"}]),
                    "ec2__describe_security_groups": [OUR_GROUP],
                },
                Status.OK,
                "vgw-0123456789abcdef0 is available",
            ),
        )
    ),
    ("account.vpc", there(), Status.OK, "vpc-00000000000000aa0 has room for it"),
    ("account.vpc", there(ec2__describe_subnets=[]), Status.FAIL, "has no subnet subnet-00000000000000aa1"),
    (
        "account.vpc",
        there(ec2__describe_subnets=subnets(free=15)),
        Status.FAIL,
        "subnet-00000000000000aa1 has 15 free addresses the control plane wants 16 in each",
    ),
    (
        "account.vpc",
        there(ec2__describe_subnets=subnets(free=17)),
        Status.FAIL,
        "have 2 free addresses for 3 managed nodes",
    ),
    # A supernet of the site's is no hindrance: the longer one wins.
    (
        "account.vpc",
        there(ec2__describe_route_tables=[MAIN_TABLE]),
        Status.FAIL,
        "rtb-1 has a route to 10.90.1.0/24 already the stack makes one to 10.90.0.0/16 there",
    ),
    # Nor is what a table has that none of the subnets uses: each has chosen another one.
    (
        "account.vpc",
        there(ec2__describe_route_tables=[MAIN_TABLE, CHOSEN_TABLE]),
        Status.OK,
        "vpc-00000000000000aa0 has room for it",
    ),
    (
        "account.vpc",
        there(
            settings=EXISTING_VPC | BY_TRANSIT,
            ec2__describe_transit_gateway_vpc_attachments=[
                {
                    "TransitGatewayAttachmentId": "tgw-attach-1",
                    "TransitGatewayId": BY_TRANSIT["site"]["transitGatewayId"],
                    "VpcId": EXISTING_VPC["network"]["vpcId"],
                    "State": "available",
                }
            ],
        ),
        Status.FAIL,
        "pulumi config set --path site.routes none",
    ),
    (
        "account.vpc",
        there(
            settings=EXISTING_VPC | BY_TRANSIT,
            ec2__describe_subnets=[],
            ec2__describe_security_groups=[OUR_GROUP],
        ),
        Status.OK,
        "this stack is there already",
    ),
    (
        "account.types",
        there(
            ec2__describe_subnets=subnets(zones="bdbd"),
            ec2__describe_instance_type_offerings=[
                {"InstanceType": "t4g.medium", "Location": f"ap-northeast-1{zone}"} for zone in "ad"
            ],
        ),
        Status.OK,
        "t4g.medium can be had in ap-northeast-1b, ap-northeast-1d",
    ),
    (
        "account.version",
        {"eks__describe_cluster_versions": [{"clusterVersion": "1.30"}]},
        Status.FAIL,
        "it offers 1.30",
    ),
    (
        "account.version",
        {"now": NOW + timedelta(days=400)},
        Status.WARN,
        "EKS upgrades the control plane by itself",
    ),
    (
        "account.version",
        {"now": NOW + timedelta(days=400), "settings": {"supportType": "EXTENDED"}},
        Status.WARN,
        "costs six times as much",
    ),
    ("account.version", {"eks__describe_addon_versions": []}, Status.FAIL, "no add-on kube-proxy"),
    (
        "account.version",
        {"now": NOW + timedelta(days=400)},
        Status.WARN,
        "left standard support on 2027-08-02",
    ),
    (
        "account.dry-run",
        {"ec2__run_instances": "UnauthorizedOperation"},
        Status.FAIL,
        "UnauthorizedOperation",
    ),
    ("account.dry-run", {"ec2__run_instances": "MissingInput"}, Status.SKIP, "MissingInput"),
    ("account.certificate", {}, Status.SKIP, "albCertificateArn is not set"),
    ("account.certificate", https(host="app.example.com"), Status.OK, "example.com, *.example.com is issued"),
    ("account.certificate", https(host="example.com"), Status.OK, "is issued"),
    (
        "account.certificate",
        {**https(), "acm__describe_certificate": "ResourceNotFoundException"},
        Status.FAIL,
        f"there is no certificate {CERTIFICATE}",
    ),
    (
        "account.certificate",
        https(account="210987654321"),
        Status.FAIL,
        "is of account 210987654321, and these credentials are of 123456789012",
    ),
    (
        "account.certificate",
        https(Status="PENDING_VALIDATION"),
        Status.FAIL,
        f"make the DNS record that aws acm describe-certificate --certificate-arn {CERTIFICATE} shows",
    ),
    *(
        ("account.certificate", https(Status=status), Status.FAIL, f"is {status} {why}")
        for status, why in (
            ("EXPIRED", "its last day is over"),
            ("REVOKED", "its authority has taken it back"),
            ("FAILED", "ACM could not issue it"),
            ("INACTIVE", "it is imported, and not in force"),
            ("VALIDATION_TIMED_OUT", "nobody showed ACM"),
        )
    ),
    (
        "account.certificate",
        https(NotAfter=NOW + timedelta(days=29)),
        Status.WARN,
        "the certificate ends on 2026-12-24",
    ),
    *(
        (
            "account.certificate",
            https(host=host),
            Status.FAIL,
            f"is for example.com, *.example.com, not for albHostName {host}",
        )
        # A * stands for one label.
        for host in ("app.example.org", "a.b.example.com")
    ),
    (
        "account.certificate",
        {**https(), "acm__describe_certificate": "AccessDenied"},
        Status.SKIP,
        "these credentials may not ask acm describe_certificate",
    ),
    (
        "machine.address",
        {"settings": {"apiAllowedCidrs": ["203.0.113.0/24"]}},
        Status.FAIL,
        "'apiAllowedCidrs[1]' 198.51.100.7/32",
    ),
    ("machine.address", {"address": "<html>"}, Status.SKIP, "did not say this machine's address"),
    ("machine.clock", {"now": NOW + timedelta(minutes=10)}, Status.FAIL, "is 595 s off"),
    ("machine.clock", {"now": NOW + timedelta(seconds=90)}, Status.WARN, "is 85 s off"),
]


@pytest.mark.parametrize(
    ("name", "change", "status", "says"), FAULTS, ids=[f"{each[0]} {each[3][:30]}" for each in FAULTS]
)
def test_a_check_can_fail_and_says_why(ask, name, change, status, says):
    found = ask(name, **change)
    assert found.outcome.status is status, found.outcome
    text = " ".join(
        [found.outcome.summary, *(f"{one.seen} {one.why} {one.fix}" for one in found.outcome.problems)]
    )
    assert says in text


def test_every_check_is_shown_to_fail_or_warn():
    # Python is checked before this suite could start with another; what EKS has has tests of its own below.
    elsewhere = {"tools.python", "cluster.version", "cluster.access"}
    assert {each[0] for each in FAULTS} == {check.id for check in CHECKS} - elsewhere


def test_an_account_that_has_all_passes_in_one_screen(ready, written):
    run = ready(settings={"apiAllowedCidrs": ["198.51.100.0/24"], "albAllowedCidrs": ["198.51.100.0/24"]})
    golden("ready", written(run))
    assert run.exit_code(strict=True) == 0


def test_a_machine_without_anything_says_all_at_once(ready, written):
    run = ready(
        tools={"pulumi": None, "aws": None, "session-manager-plugin": None},
        sts__get_caller_identity=AskError(
            "sts get_caller_identity: no credentials", code="credentials-missing"
        ),
        manifest_missing="Calico 3.32.1: no network. Check the network",
    )
    golden("nothing", written(run))
    assert run.exit_code(strict=False) == 1


def golden(name: str, text: str) -> None:
    path = GOLDEN / f"{name}-80.txt"
    text = re.sub(r"Python 3\.\d+", "Python 3.x", text)
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    # What people copy is whole, whatever its length.
    others = re.sub(r"^      fix  .*(\n {11}.*)*", "", text, flags=re.MULTILINE)
    assert max(map(len, others.splitlines())) <= 80


def test_what_may_not_be_asked_is_a_note_and_no_failure(ready):
    names = [
        "ec2 describe_vpc_endpoints",
        "ec2 describe_availability_zones",
        "service quotas__get_service_quota",
        "iam get_role",
        "kms describe_key",
    ]
    names += ["freetier get_account_plan_state", "eks describe_cluster", "eks describe_cluster_versions"]
    names += [
        "ssm get_parameter",
        "ec2 get_ebs_default_kms_key_id",
        "ec2 describe_vpc_block_public_access_options",
    ]
    run = ready("^account", **dict.fromkeys(names, "AccessDenied"))
    assert {result.outcome.status for result in run.results} <= {Status.SKIP, Status.OK}
    assert run.exit_code(strict=True) == 0


def test_a_stack_that_is_up_is_not_held_against_the_quotas(ask):
    assert (
        ask(
            "account.vpcs", ec2__describe_vpcs=OWN_VPCS, **{"service quotas__get_service_quota": QUOTA}
        ).outcome.status
        is Status.OK
    )
    tags = {"eks-hybrid-calico:stack": "eks-hybrid-calico/dev"}
    same = {"cluster": {"name": "eks-hybrid", "tags": tags}}
    assert ask("account.names", eks__describe_cluster=same).outcome.status is Status.OK


@pytest.mark.parametrize(
    ("change", "status", "summary"),
    [
        ({}, Status.OK, "no other metrics-server serves metrics.k8s.io"),
        (
            {"serving": "kube-system/eks-hybrid-metrics"},
            Status.OK,
            "no other metrics-server serves metrics.k8s.io",
        ),
        (
            {"settings": {"metricsServer": False}, "serving": "kube-system/metrics-server"},
            Status.OK,
            "metricsServer is false: the API metrics.k8s.io is left to another one",
        ),
        (
            {"serving": AskError("no answer from the API server", code="api-silent")},
            Status.SKIP,
            "not known: no answer from the API server",
        ),
        ({"ec2__describe_vpcs": []}, Status.SKIP, "there is no cluster yet"),
    ],
)
def test_a_metrics_server_is_looked_for_in_a_cluster_that_is_up_and_whose_settings_bring_one(
    ask, change, status, summary
):
    outcome = ask("cluster.metrics", **{"ec2__describe_vpcs": OWN_VPCS, **change}).outcome
    assert (outcome.status, outcome.summary) == (status, summary)


@pytest.mark.parametrize(
    ("settings", "answers", "says"),
    [
        ({}, {}, "the settings name none"),
        (BY_TRANSIT, transit(), "tgw-0123456789abcdef0 is available"),
        (BY_TRANSIT, transit(**OTHERS, Options={"AutoAcceptSharedAttachments": "enable"}), "is available"),
        (BY_TRANSIT, {**transit(**OTHERS), "ec2__describe_vpcs": OWN_VPCS}, "is available"),
        (BY_VPN, vpn(VpcAttachments=[{"VpcId": "vpc-2", "State": "detached"}]), "is available"),
        (
            BY_VPN,
            {
                **vpn(VpcAttachments=[{"VpcId": "vpc-1", "State": "attached"}]),
                "ec2__describe_vpcs": OWN_VPCS,
            },
            "is available",
        ),
    ],
    ids=["none", "own", "accepts by itself", "accepted already", "free", "of this stack"],
)
def test_a_gateway_that_can_be_used_passes(ask, settings, answers, says):
    outcome = ask("account.gateway", settings=settings, **answers).outcome
    assert outcome.status is (Status.OK if settings else Status.SKIP)
    assert says in outcome.summary


def test_settings_that_are_wrong_block_only_what_needs_them(ready):
    run = ready(program=SettingsError(["podCidr x. Set y"]))
    assert run.exit_code(strict=False) == 1
    statuses = {result.check.id: result.outcome.status for result in run.results}
    assert statuses["tools.stack"] is Status.OK
    assert statuses["account.zones"] is Status.BLOCKED


def test_offline_asks_nobody():
    assert {check.id for check in OFFLINE} == {
        "tools.pulumi",
        "tools.aws-cli",
        "tools.session-manager",
        "tools.python",
        "plan.settings",
    }


def living(version="1.36", support="STANDARD", **more):
    tags = {STACK_TAG: "eks-hybrid-calico/dev"}
    cluster = {"version": version, "upgradePolicy": {"supportType": support}, "tags": tags}
    return {"eks__describe_cluster": {"cluster": {**cluster, **more}}}


@pytest.mark.parametrize(
    ("settings", "has", "now", "words"),
    [
        (
            {"kubernetesVersion": "1.35"},
            living(),
            NOW,
            ["EKS has Kubernetes 1.36, and", "then pulumi refresh, then make up"],
        ),
        ({}, living("1.35"), NOW, ["kubernetesVersion is not set", "set kubernetesVersion 1.35", "1.36"]),
        (
            {"kubernetesVersion": "1.34", "supportType": "STANDARD"},
            living("1.34", "EXTENDED"),
            NOW + timedelta(days=30),
            ["supportType cannot change from EXTENDED to STANDARD"],
        ),
        ({"kubernetesVersion": "1.36"}, living("1.35"), NOW, []),
        ({}, living(), NOW, []),
    ],
)
def test_what_eks_has_is_compared_with_the_settings_before_anything_moves(ask, settings, has, now, words):
    result = ask("cluster.version", settings=settings, now=now, **has)
    said = " ".join(f"{each.seen} {each.why} {each.fix}" for each in result.outcome.problems)
    assert result.outcome.status is (Status.FAIL if words else Status.OK)
    assert all(part in said for part in words)


ADMIN = {
    "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
    "accessScope": {"type": "cluster"},
}
VIEWER = {**ADMIN, "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"}
ROLE = "arn:aws:sts::123456789012:assumed-role/r/me"
ROLES = "arn:aws:iam::123456789012:role"


@pytest.mark.parametrize(
    ("caller", "entries", "policies", "says"),
    [
        ("arn:aws:iam::123456789012:user/me", ["arn:aws:iam::123456789012:user/me"], [ADMIN], None),
        (ROLE, [f"{ROLES}/aws-reserved/r"], [ADMIN], None),
        (ROLE, [f"{ROLES}/other"], [ADMIN], f"'clusterAdmins[1]' {ROLES}/r"),
        (ROLE, [f"{ROLES}/r"], [VIEWER], f"'clusterAdmins[1]' {ROLES}/r"),
    ],
)
def test_who_may_not_reach_the_api_hears_it_before_an_up_with_the_command(
    ask, caller, entries, policies, says
):
    outcome = ask(
        "cluster.access",
        settings={"clusterAdmins": ["arn:aws:iam::123456789012:role/ci"]},
        sts__get_caller_identity={**ANSWERS["sts get_caller_identity"], "Arn": caller},
        eks__list_access_entries=entries,
        eks__list_associated_access_policies=policies,
        **living(),
    ).outcome
    assert outcome.status is (Status.FAIL if says else Status.OK)
    if says:
        assert f"pulumi config set --path {says}, then make up" in outcome.problems[0].fix


@pytest.mark.parametrize("check", ["cluster.version", "cluster.access"])
def test_of_a_cluster_that_is_not_there_nothing_is_asked(ask, check):
    assert ask(check).outcome.summary == "there is no cluster yet"
    assert ask(check, **living(tags={})).outcome.status is Status.SKIP
