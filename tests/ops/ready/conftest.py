"""An account that has all that the dev stack wants."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.checks import runner
from ops.checks.model import Result, Run, select
from ops.checks.report import pretty
from ops.clients.errors import AskError
from ops.clients.http import Answer
from ops.clients.stack_config import StackConfig
from ops.clients.tools import Ran
from ops.program.running import Evaluated
from ops.ready.catalogue import CHECKS
from ops.ready.context import Context
from tests.conftest import CERTIFICATE
from tests.ops.standin.aws import NOTHING, AnsweringAws

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ARM = {"SupportedArchitectures": ["arm64"]}
ANSWERS: dict[str, Any] = {
    **NOTHING,
    "sts get_caller_identity": {
        "Account": "123456789012",
        "Arn": "arn:aws:iam::123456789012:user/me",
        "ResponseMetadata": {"HTTPHeaders": {"date": "Wed, 25 Nov 2026 12:00:05 GMT"}},
    },
    "ec2 describe_availability_zones": [
        {
            "ZoneName": f"ap-northeast-1{letter}",
            "ZoneId": f"apne1-az{number}",
            "State": "available",
            "OptInStatus": "opt-in-not-required",
        }
        for number, letter in ((4, "a"), (1, "c"), (2, "d"))
    ],
    "ec2 describe_instance_type_offerings": [
        {"InstanceType": "t4g.medium", "Location": f"ap-northeast-1{letter}"} for letter in "acd"
    ],
    "ec2 describe_instance_types": [
        {
            "InstanceType": "t4g.medium",
            "ProcessorInfo": ARM,
            "VCpuInfo": {"DefaultVCpus": 2},
            "FreeTierEligible": False,
        }
    ],
    "freetier get_account_plan_state": {"accountPlanType": "PAID"},
    "service-quotas get_service_quota": {"Quota": {"Value": 64.0}},
    "eks list_clusters": [],
    "ec2 get_ebs_default_kms_key_id": {"KmsKeyId": "alias/aws/ebs"},
    "ec2 describe_vpc_block_public_access_options": {
        "VpcBlockPublicAccessOptions": {"InternetGatewayBlockMode": "off"}
    },
    "iam get_role": {
        "Role": {
            "Path": "/",
            "RoleName": "r",
            "RoleId": "A" * 16,
            "Arn": "arn:aws:iam::123456789012:role/r",
            "CreateDate": NOW,
        }
    },
    "iam get_policy": {"Policy": {"Arn": "arn:aws:iam::123456789012:policy/boundary"}},
    "iam simulate_principal_policy": {
        "EvaluationResults": [{"EvalActionName": "iam:CreateServiceLinkedRole", "EvalDecision": "allowed"}]
    },
    "ssm get_parameter": {"Parameter": {"Value": "ami-0123456789abcdef0"}},
    "eks list_access_entries": [],
    "eks list_associated_access_policies": [],
    "eks describe_cluster_versions": [
        {"clusterVersion": version, "endOfStandardSupportDate": datetime(2027, 8, 2, tzinfo=UTC)}
        for version in ("1.34", "1.35", "1.36", "1.37")
    ],
    "eks describe_addon_versions": [{"addonName": "coredns", "addonVersions": [{"addonVersion": "v1"}]}],
    "acm describe_certificate": {
        "Certificate": {
            "CertificateArn": CERTIFICATE,
            "DomainName": "example.com",
            "SubjectAlternativeNames": ["example.com", "*.example.com"],
            "Status": "ISSUED",
            "Type": "AMAZON_ISSUED",
            "NotAfter": NOW + timedelta(days=90),
        }
    },
    "ec2 run_instances": "DryRunOperation",
}
TOOLS = {
    "version": "v3.259.0\n",
    "whoami": "me\n",
    "stack export": '{"version": 3, "deployment": {}}',
    "stack ls": '[{"name": "dev", "current": true}]',
    "config": "{}",
    "--version": "aws-cli/2.31.0 Python/3.13.7",
}


class FakeHttp:
    def __init__(self, body: str) -> None:
        self._body = body

    def get(self, url: str) -> Answer:
        assert url == "https://checkip.amazonaws.com"
        return Answer(status=200, body=self._body, seconds=0.01)


class FakeKube:
    def __init__(self, serving: str | AskError | None) -> None:
        self._serving = serving

    def metrics_service(self) -> str | None:
        if isinstance(self._serving, AskError):
            raise self._serving
        return self._serving


@pytest.fixture
def ready(record: Any, config: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Run]:
    """Run the checks; keyword arguments change what the account answers, the tools say, or the settings are."""

    def go(
        only: str | None = None,
        *,
        settings: dict[str, object] | None = None,
        tools: dict[str, Ran | str | None] | None = None,
        ends: datetime | None = None,
        address: str = "198.51.100.7",
        program: Exception | None = None,
        now: datetime = NOW,
        manifest_missing: str = "",
        hidden: tuple[str, ...] = (),
        serving: str | AskError | None = None,
        **answers: Any,
    ) -> Run:
        said = {**TOOLS, **(tools or {})}
        found = {
            **ANSWERS,
            **{key.replace("__", " "): value for key, value in answers.items()},
        }
        found = {key.replace("service quotas", "service-quotas"): value for key, value in found.items()}

        def run(command: list[str], **_more: Any) -> Ran:
            words = " ".join(command)
            key = next(each for each in said if f" {each}" in f" {words}")
            answer = said[key]
            return answer if isinstance(answer, Ran) else Ran(exit_code=0, stdout=str(answer), stderr="")

        monkeypatch.setattr(
            "ops.ready.checks.local.shutil.which",
            lambda name: None if said.get(name, "") is None else f"/usr/bin/{name}",
        )
        values = config(**(settings or {}))
        evaluated = Evaluated(
            recording=record(**(settings or {})),
            config=StackConfig(
                project="eks-hybrid-calico", values=values, source="Pulumi.dev.yaml", hidden=hidden
            ),
            notes=(),
            manifest_missing=manifest_missing,
        )
        aws = AnsweringAws(found, ends=ends)
        http: Any = FakeHttp(address)
        kube: Any = FakeKube(serving)
        context = Context(
            stack="dev",
            folder=tmp_path,
            program=program or evaluated,
            sign_in=lambda: aws,
            http=http,
            kube=lambda: kube,
            run=run,
            now=lambda: now,
        )
        checks = select(CHECKS, only=only, skip=None)
        return runner.run(checks, context, concurrency=8, command="ready", subject={"stack": "dev"})

    return go


@pytest.fixture
def ask(ready: Callable[..., Run]) -> Callable[..., Result]:
    """Run one check."""
    return lambda name, **more: ready(f"^{name}$", **more).results[0]


@pytest.fixture
def written() -> Callable[[Run], str]:
    """The pretty report at 80 columns, without times."""

    def write(run: Run) -> str:
        file = io.StringIO()
        pretty.write(run, file, color=False, width=80)
        text = file.getvalue()
        return "\n".join([*text.splitlines()[:-1], text.splitlines()[-1].rpartition(", ")[0]]) + "\n"

    return write
