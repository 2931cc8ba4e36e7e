"""What several tests of infra stand on."""

import boto3
import pytest
from botocore.stub import Stubber

from infra import eks_api


@pytest.fixture
def eks(monkeypatch):
    """EKS, which answers what a test says, in this order, and refuses to answer anything else."""
    client = boto3.client(
        "eks", region_name="eu-central-1", aws_access_key_id="AKIDTEST", aws_secret_access_key="none"
    )

    class Session:
        def client(self, service, **_):
            assert service == "eks"
            return client

    monkeypatch.setattr(eks_api, "open_session", lambda _identity: Session())
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()
