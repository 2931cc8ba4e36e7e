"""The tokens by which pods get AWS credentials, as a real API server issues them: issuer, audience and service account.

EKS's webhook puts such a token into a pod; who takes it in AWS, and what it is asked for, is in docs/credentials.md.
"""

import json
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.api import Api, RefusedError
from tests.cluster.control_plane import ISSUER
from tests.cluster.world import World, namespace

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
ACCOUNT = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {"name": "irsa", "namespace": "workload"},
}


def read(part: str) -> dict[str, Any]:
    """One part of a token; the padding that it lacks may be too long."""
    return json.loads(urlsafe_b64decode(f"{part}=="))


def is_good_for(world: World, token: str, audience: str) -> bool:
    """Whether the API server knows a token as one of its own for an audience."""
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, "audiences": [audience]},
    }
    answer = world.api.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review).object
    return answer["status"].get("authenticated", False)


@pytest.mark.parametrize("audience", ["sts.amazonaws.com", "pods.eks.amazonaws.com"])
def test_a_token_for_aws_has_the_issuer_the_audience_and_the_account_that_a_role_trusts(
    world: World, audience: str
) -> None:
    world.put(namespace("workload"), ACCOUNT)
    wanted = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [audience], "expirationSeconds": 3600},
    }
    path = "/api/v1/namespaces/workload/serviceaccounts/irsa/token"
    token = world.api.request("POST", path, wanted).object["status"]["token"]
    claims = read(token.split(".")[1])

    assert (claims["iss"], claims["aud"]) == (ISSUER, [audience])
    assert world.api.request("GET", "/.well-known/openid-configuration").object["issuer"] == ISSUER
    assert is_good_for(world, token, audience)
    assert not is_good_for(world, token, "somebody-else.example.com")

    example = (REPOSITORY / "examples" / "workload" / "__main__.py").read_text(encoding="utf-8")
    assert f'subject = "{claims["sub"]}"' in example
    assert f"`{audience}`" in (REPOSITORY / "docs" / "credentials.md").read_text(encoding="utf-8")

    with pytest.raises(RefusedError, match="401"):
        Api(world.cluster.url, world.cluster.authority, token).request("GET", "/api/v1/namespaces")
