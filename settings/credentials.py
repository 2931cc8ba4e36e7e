"""Pulumi's settings of credentials that reach the AWS provider only: refused before anything is created.

Four things sign in: the AWS provider, the Kubernetes provider with every kubeconfig, what runs when a hybrid node is
deleted, and `ops`. Keys would have to lie in a kubeconfig and in the state to reach all four.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from settings.problems import remove_command

_KEYS: Final = (
    "holds a key, which would have to lie in the kubeconfig and in the state to reach everything that signs in."
    " Use a profile (aws configure --profile NAME, then pulumi config set aws:profile NAME), or the variables"
    " AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
)
UNSUPPORTED: Final[Mapping[str, str]] = {
    "aws:accessKey": _KEYS,
    "aws:secretKey": _KEYS,
    "aws:token": _KEYS,
    "aws:assumeRole": "is of an older provider. Use aws:assumeRoles: pulumi config set --path"
    " 'aws:assumeRoles[0].roleArn' arn:aws:iam::123456789012:role/deployer",
    "aws:assumeRoleWithWebIdentity": "reaches the AWS provider only. Use the variables AWS_ROLE_ARN and"
    " AWS_WEB_IDENTITY_TOKEN_FILE, which everything that signs in reads",
    "aws:sharedConfigFiles": "reaches the AWS provider only. Use the variable AWS_CONFIG_FILE",
    "aws:sharedCredentialsFiles": "reaches the AWS provider only. Use the variable AWS_SHARED_CREDENTIALS_FILE",
}


def unsupported_credentials(raw: Mapping[str, str]) -> Iterator[str]:
    """Say of each such setting what to use in its place; its value, which may be a key, is in no text."""
    for key, reason in UNSUPPORTED.items():
        if raw.get(key):
            yield f"{key} {reason}. Then remove it: {remove_command(key)}"
