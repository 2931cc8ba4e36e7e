"""APIs that look at who signs in: STS, SSO, EKS, SSM and the Kubernetes API, which refuse everybody but one identity.

An identity is its access key. `aws` on the PATH is a program that signs as the AWS CLI would, with the real botocore.
"""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.engine.harness import REPOSITORY
from tests.engine.hybrid_apis import Answer, HybridApis

SSO_TOKEN = "the-sso-token"
_ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>planted-secret</SecretAccessKey>
<SessionToken>planted-token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
_WHO = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/{key}</Arn><UserId>{key}</UserId>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
_DENIED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>{who} may not assume {role}</Message></Error></ErrorResponse>"""
_INVALID = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>ValidationError</Code><Message>DurationSeconds is not between 900 and {most}</Message></Error></ErrorResponse>"""


def key_of_role(arn: str) -> str:
    """The access key that STS gives for a role."""
    return "ASIA" + hashlib.sha256(arn.encode()).hexdigest()[:16].upper()


class SignedApis(HybridApis):
    """`wanted` is the only access key that EKS, SSM and Kubernetes accept; `trust` is who may take a role, and how.

    `trust`: ARN of a role -> (access key that may take it, external id that it asks for). `seen` are the access keys
    that have asked EKS, SSM or Kubernetes for something, the refused ones too.
    """

    def __init__(self, standin: Path, *, wanted: str, trust: dict[str, tuple[str, str]]) -> None:
        super().__init__(standin)
        self.wanted, self.trust = wanted, trust
        self.seen: set[str] = set()

    def _aws(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        if path.startswith("/federation/credentials"):
            return self._sso(path, headers)
        who = re.search(r"Credential=([^/]+)/", headers.get("Authorization") or "")
        key = who[1] if who else "nobody"
        if b"Action=" in body:
            return self._sts(key, {name: values[0] for name, values in parse_qs(body.decode()).items()})
        self.seen.add(key)
        if key != self.wanted:
            return 403, {"__type": "AccessDeniedException", "message": f"{key} is not {self.wanted}"}
        return super()._aws(method, path, headers, body)

    def _sts(self, key: str, asked: dict[str, str]) -> Answer:
        if asked["Action"] == "GetCallerIdentity":
            return 200, _WHO.format(key=key)
        role = asked["RoleArn"]
        # https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: 15 minutes to 12 hours, and one hour
        # for a role that is taken from a role.
        most = 3600 if key.startswith("ASIA") else 43200
        if not 900 <= int(asked.get("DurationSeconds", 3600)) <= most:
            return 400, _INVALID.format(most=most)
        if self.trust.get(role) != (key, asked.get("ExternalId", "")) or not asked.get("RoleSessionName"):
            return 403, _DENIED.format(who=key, role=role)
        return 200, _ASSUMED.format(key=key_of_role(role))

    def _sso(self, path: str, headers: Any) -> Answer:
        if headers.get("x-amz-sso_bearer_token") != SSO_TOKEN:
            return 401, {"__type": "UnauthorizedException", "message": "Session token not found or invalid"}
        role = parse_qs(urlsplit(path).query)["role_name"][0]
        keys = {
            "accessKeyId": key_of_role(role),
            "secretAccessKey": "planted-secret",
            "sessionToken": "planted-token",
        }
        return 200, {"roleCredentials": {**keys, "expiration": 4_070_908_800_000}}

    def _kubernetes(self, method: str, path: str, _headers: Any, body: bytes) -> Answer:
        key = identity((_headers.get("Authorization") or "").removeprefix("Bearer "))
        self.seen.add(key)
        if key != self.wanted:
            return 401, {"kind": "Status", "code": 401, "message": "Unauthorized"}
        return super()._kubernetes(method, path, _headers, body)


def identity(token: str) -> str:
    """The access key that has signed a token for the Kubernetes API."""
    text = token.removeprefix("k8s-aws-v1.")
    url = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    return unquote(parse_qs(urlsplit(url).query)["X-Amz-Credential"][0]).partition("/")[0]


def write_signing_cli(folder: Path) -> None:
    """Put the signing `aws` into a folder."""
    program = folder / "aws"
    start = f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n"
    program.write_text(
        f"{start}from tests.engine.identities import cli\ncli(sys.argv[1:])\n", encoding="utf-8"
    )
    program.chmod(0o755)


def cli(arguments: list[str]) -> None:
    """Do what `aws sts assume-role` and `aws eks get-token` do, as far as the kubeconfig asks for it."""
    import boto3

    from infra.eks_api import bearer_token

    if arguments == ["--version"]:
        sys.stdout.write("aws-cli/2.31.0 Python/3.13.7 Linux/6.8.0 exe/x86_64.ubuntu.24\n")
        return
    options: dict[str, str] = {}
    words: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word.startswith("--"):
            options[word] = next(rest)
        else:
            words.append(word)
    session = boto3.Session(
        region_name=options.get("--region", "eu-central-1"), profile_name=options.get("--profile")
    )
    if words == ["sts", "assume-role"]:
        keys = session.client("sts").assume_role(**json.loads(options["--cli-input-json"]))["Credentials"]
        wanted = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        assert options["--query"] == f"Credentials.[{','.join(wanted)}]"
        sys.stdout.write("\t".join(keys[name] for name in wanted) + "\n")
        return
    assert words == ["eks", "get-token"], words
    if role := options.get("--role-arn"):
        # awscli/customizations/eks/get_token.py: one role, by its ARN alone.
        taken = session.client("sts").assume_role(RoleArn=role, RoleSessionName="EKSGetTokenAuth")[
            "Credentials"
        ]
        session = boto3.Session(
            region_name=session.region_name,
            aws_access_key_id=taken["AccessKeyId"],
            aws_secret_access_key=taken["SecretAccessKey"],
            aws_session_token=taken["SessionToken"],
        )
    token = bearer_token(session, options["--cluster-name"])
    credential = {"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential"}
    sys.stdout.write(json.dumps({**credential, "status": {"token": token}}) + "\n")
