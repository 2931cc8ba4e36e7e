"""Who signs in to AWS: a profile or what the machine has, and on top of it a chain of roles. No pulumi package.

Four things sign in and must be the same identity: the AWS provider (by Pulumi's own aws:* settings), the Kubernetes
provider and every kubeconfig (by the AWS CLI), what runs on the delete of a hybrid node, and `ops` (by boto3).
A role is the request of sts:AssumeRole, as a map: what boto3 and the AWS CLI both take. It holds no secret: AWS does
not treat an external id as one.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    import boto3

Role = Mapping[str, Any]

SESSION_NAME: Final = "eks-hybrid-calico"
_KEYS: Final = "Credentials.[AccessKeyId,SecretAccessKey,SessionToken]"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who signs in, and in which region: a profile, or what the machine has (None), and roles on top of it."""

    region: str
    profile: str | None
    roles: tuple[Role, ...] = ()

    @property
    def stored(self) -> dict[str, Any]:
        """What a resource keeps, to sign in again later. Roles only where there are some: a stack without has none."""
        roles = {"roles": [dict(role) for role in self.roles]} if self.roles else {}
        return {"region": self.region, "profile": self.profile, **roles}

    @classmethod
    def from_state(cls, props: Mapping[str, Any]) -> Self:
        """Read what a resource has kept. The engine hands every number back as a float, which boto3 refuses."""
        return cls(
            region=props["region"],
            profile=props.get("profile") or None,
            roles=tuple(
                {key: int(value) if isinstance(value, float) else value for key, value in role.items()}
                for role in props.get("roles") or ()
            ),
        )


def session(identity: Identity) -> "boto3.Session":
    """Sign in with a profile, or with what this machine has, and take the roles one after the other.

    Errors: those of botocore: ProfileNotFound, ClientError when a role may not be assumed.
    """
    import boto3

    signed_in = boto3.Session(region_name=identity.region, profile_name=identity.profile)
    for role in identity.roles:
        keys = signed_in.client("sts").assume_role(**role)["Credentials"]
        signed_in = boto3.Session(
            region_name=identity.region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
    return signed_in


def principal(caller: str) -> str:
    """The ARN of the IAM role or user whom sts:GetCallerIdentity names; STS leaves a role's path out."""
    session = re.fullmatch(r"arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/.*", caller)
    return f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}" if session else caller


def is_principal(arn: str, caller: str) -> bool:
    """Whether `arn`, of an IAM role or user, is whom sts:GetCallerIdentity names."""
    short = principal(caller)
    return arn == short or (short != caller and re.sub(r":role/.*/", ":role/", arn) == short)


def simple_role(roles: Sequence[Role]) -> str | None:
    """The ARN where there is one role that needs nothing but its ARN: then `aws eks` can take it by itself."""
    if len(roles) == 1 and set(roles[0]) <= {"RoleArn", "RoleSessionName"}:
        asked = roles[0].get("RoleSessionName", SESSION_NAME)
        return roles[0]["RoleArn"] if asked == SESSION_NAME else None
    return None


def with_identity(kubeconfig: str, profile: str | None, roles: Sequence[Role] = ()) -> str:
    """The kubeconfig (JSON), made to take its token with a named AWS profile and under the roles.

    pulumi_eks leaves the profile out of the kubeconfig it returns, even when it uses one itself. `aws eks get-token`
    takes one role by its ARN; a chain, or a role with an external id, is taken by a few lines of shell before it.
    """
    if not profile and not roles:
        return kubeconfig
    document = json.loads(kubeconfig)
    plugin = document["users"][0]["user"]["exec"]
    arguments = _without_role(plugin["args"])
    simple = simple_role(roles)
    if roles and not simple:
        plugin["command"], plugin["args"] = (
            "sh",
            ["-c", _script([plugin["command"], *arguments], profile, roles)],
        )
        return json.dumps(document)
    plugin["args"] = [
        *arguments,
        *(["--role-arn", simple] if simple else []),
        *(["--profile", profile] if profile else []),
    ]
    return json.dumps(document)


def update_kubeconfig(region: str, cluster: str, profile: str | None, roles: Sequence[Role]) -> str:
    """The command that lets kubectl in, under the same identity."""
    simple = simple_role(roles)
    if roles and not simple:
        save = "pulumi stack output kubeconfig --show-secrets > kubeconfig.json"
        return f"{save} && export KUBECONFIG=$PWD/kubeconfig.json"
    return (
        f"aws eks update-kubeconfig --region {region} --name {cluster}"
        + (f" --role-arn {simple}" if simple else "")
        + (f" --profile {profile}" if profile else "")
    )


def _without_role(arguments: Sequence[str]) -> list[str]:
    """Drop a `--role-arn ARN` that pulumi_eks has put in."""
    kept = list(arguments)
    while "--role-arn" in kept:
        at = kept.index("--role-arn")
        del kept[at : at + 2]
    return kept


def _script(token: Sequence[str], profile: str | None, roles: Sequence[Role]) -> str:
    """Shell that takes the roles one after the other, then asks for the token. Keys stay in its own environment."""
    program = shlex.quote(token[0])
    lines = ["set -e"]
    for number, role in enumerate(roles):
        who = f" --profile {shlex.quote(profile)}" if profile and number == 0 else ""
        request = shlex.quote(json.dumps(dict(role), sort_keys=True))
        lines += [
            f"keys=$({program}{who} sts assume-role --cli-input-json {request} --query '{_KEYS}' --output text)",
            "set -- $keys",
            'export AWS_ACCESS_KEY_ID="$1" AWS_SECRET_ACCESS_KEY="$2" AWS_SESSION_TOKEN="$3"',
            "unset AWS_PROFILE AWS_DEFAULT_PROFILE keys",
        ]
    return "\n".join([*lines, f"exec {shlex.join(token)}"])
