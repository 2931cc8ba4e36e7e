"""The real AWS client, over HTTP, against moto's server: what is asked exists, and what is answered is understood."""

from typing import Any

import boto3
import pytest

from ops.checks import runner
from ops.checks.model import Status, select
from ops.clients.aws import AwsClient
from ops.clients.stack_config import StackConfig
from ops.program.running import Evaluated
from ops.ready.catalogue import CHECKS
from ops.ready.context import Context
from tests.conftest import CERTIFICATE

moto = pytest.importorskip("moto.server", reason="moto is not in this environment: make lock, then make test")
REGION = "ap-northeast-1"
# What moto's server has. Of quotas and images it knows only some, and it has no free plan and no public access.
KNOWN = ("zones", "types", "vpcs", "nat-gateways", "service-roles", "names")


@pytest.fixture
def account(monkeypatch):
    """An empty account: a session for changing it."""
    server = moto.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    boto3.client(
        "s3", region_name=REGION
    )  # the first client reads botocore's files, outside the time-outs below
    import requests

    requests.post(f"http://{host}:{port}/moto-api/reset", timeout=10)
    yield boto3.Session(region_name=REGION)
    server.stop()


@pytest.fixture
def ready(record, config, tmp_path):
    """Run some checks with the real client."""

    def go(*names: str, **settings: str) -> dict[str, Any]:
        nobody: Any = None
        context = Context(
            stack="dev",
            folder=tmp_path,
            program=Evaluated(
                recording=record(**settings),
                config=StackConfig(
                    project="eks-hybrid-calico", values=config(**settings), source="Pulumi.dev.yaml"
                ),
                notes=(),
            ),
            sign_in=lambda: AwsClient(region=REGION, profile=None, timeout_s=30, retries=1),
            http=nobody,
            kube=lambda: nobody,
        )
        pattern = f"^(who.identity|who.lifetime|machine.clock|account.({'|'.join(names)}))$"
        checks = select(CHECKS, only=pattern, skip=None)
        run = runner.run(checks, context, concurrency=4, command="ready", subject={})
        return {result.check.id: result.outcome for result in run.results}

    return go


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("account")
def test_an_empty_account_is_ready_as_far_as_moto_knows(ready):
    found = ready(*KNOWN)
    assert {name: each.status for name, each in found.items()} == dict.fromkeys(found, Status.OK), found
    assert len(found) == len(KNOWN) + 3


@pytest.mark.filterwarnings("ignore")
def test_what_is_taken_and_what_is_used_up_is_found(ready, account):
    ec2 = account.client("ec2")
    for _ in range(4):
        ec2.create_vpc(CidrBlock="10.1.0.0/16")
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]][:2]
    account.client("eks").create_cluster(
        name="eks-hybrid",
        roleArn="arn:aws:iam::123456789012:role/r",
        resourcesVpcConfig={"subnetIds": subnets},
    )
    found = ready("vpcs", "names")
    assert found["account.vpcs"].status is Status.FAIL
    assert "5 in use and 2 more are above the quota of 5" in found["account.vpcs"].summary
    assert found["account.names"].status is Status.FAIL
    assert "there is a cluster eks-hybrid in ap-northeast-1 already" in found["account.names"].summary


@pytest.mark.filterwarnings("ignore")
def test_a_certificate_that_acm_does_not_have_and_one_that_waits_for_its_record_are_told_apart(
    ready, account
):
    found = ready("certificate", albCertificateArn=CERTIFICATE)["account.certificate"]
    assert (found.status, found.summary) == (Status.FAIL, f"there is no certificate {CERTIFICATE}")

    acm = account.client("acm")
    arn = acm.request_certificate(DomainName="app.example.com", ValidationMethod="DNS")["CertificateArn"]
    found = ready("certificate", albCertificateArn=arn, albHostName="app.example.com")["account.certificate"]
    assert (found.status, found.summary) == (Status.FAIL, "the certificate is PENDING_VALIDATION")
