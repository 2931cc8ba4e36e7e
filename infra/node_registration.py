"""What AWS knows about hybrid nodes: sign-in, and the mi-* registrations of one SSM activation.

Every error that leaves this module is a `CleanupError` which says what to do: it is read by somebody whose
`pulumi destroy` has just stopped.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config

from infra import credentials
from infra.credentials import Identity

# Many nodes are cleaned up at once, and SSM throttles early. "standard" waits up to 20 s between attempts.
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
CLIENT_CONFIG = Config(
    connect_timeout=10, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 8}
)

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_SIGN_IN_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "UnrecognizedClientException",
    }
)
_SIGN_IN_ERRORS = (
    exceptions.CredentialRetrievalError,
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
)


class CleanupError(Exception):
    """A clean-up could not be finished. The message says why and what to do; repeating is always safe."""


def open_session(identity: Identity) -> boto3.Session:
    """Sign in anew: the profile when the stack has one, else whatever the process finds; then under its roles."""
    try:
        with explained("sts:AssumeRole"):
            return credentials.session(identity)
    except exceptions.ProfileNotFound:
        raise CleanupError(
            f"aws:profile {identity.profile} is stored with this stack but not known on this machine. "
            f"Create it (aws configure sso --profile {identity.profile}), then repeat the pulumi command."
        ) from None


def registrations(ssm: Any, activation_id: str) -> set[str]:
    """Names (mi-*) of the machines that registered with this activation, from every page of the answer."""
    pages = ssm.get_paginator("describe_instance_information")
    mine = set()
    with explained("ssm:DescribeInstanceInformation"):
        for page in pages.paginate(Filters=[{"Key": "ActivationIds", "Values": [activation_id]}]):
            for machine in page["InstanceInformationList"]:
                # What follows cannot be undone, so the filter is not taken on trust.
                if machine.get("ActivationId") == activation_id and machine["InstanceId"].startswith("mi-"):
                    mine.add(machine["InstanceId"])
    return mine


def deregister(ssm: Any, instance_id: str) -> bool:
    """Remove one mi-* registration. False: it was gone already."""
    with explained("ssm:DeregisterManagedInstance"):
        try:
            ssm.deregister_managed_instance(InstanceId=instance_id)
        except ssm.exceptions.InvalidInstanceId:
            return False
    return True


@contextmanager
def explained(action: str) -> Generator[None, None, None]:
    """Turn botocore's errors into a `CleanupError`; `action` is the IAM action of the call inside."""
    # "from None": the engine prints the whole traceback, and botocore's part of it hides the message.
    try:
        yield
    except exceptions.ProfileNotFound:
        raise
    except exceptions.ClientError as error:
        detail = error.response["Error"]
        code, message = detail["Code"], detail.get("Message", "")
        if code in _DENIED:
            raise CleanupError(
                f"AWS denied {action}: {message} Allow {action} to the identity that runs pulumi, "
                "then repeat the pulumi command."
            ) from None
        if code in _SIGN_IN_CODES:
            raise CleanupError(_sign_in(action, f"{code}: {message}")) from None
        raise CleanupError(
            f"AWS answered {action} with {code}: {message} Repeat the pulumi command."
        ) from None
    except _SIGN_IN_ERRORS as error:
        raise CleanupError(_sign_in(action, str(error))) from None
    except exceptions.BotoCoreError as error:
        # A request that boto3 itself refuses has not reached any network.
        refused_here = isinstance(error, exceptions.ParamValidationError)
        advice = "Repeat" if refused_here else "Check the network, then repeat"
        raise CleanupError(f"{action} could not be called: {error} {advice} the pulumi command.") from None


def _sign_in(action: str, reason: str) -> str:
    return (
        f"{action} needs valid AWS credentials ({reason}). Sign in again (aws sso login, aws configure, or new "
        "AWS_* variables; with --profile where aws:profile is set), then repeat the pulumi command."
    )
