"""AWS as the commands see it: what they ask of it, what more than one of them asks, and its errors in our words.

Everything here reads, and follows pagination to its end. Answers have the shapes of the AWS API; a missing single thing
is None.
"""

import itertools
import os
import threading
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from infra import credentials
from infra.names import CLUSTER_ARN_TAG
from ops.clients.errors import AskError, AwsRefusalError, NotAllowedError

Object = dict[str, Any]

# GetConsoleOutput keeps the last 64 KB; Latest is for Nitro machines only, others answer with this code.
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
_NO_LATEST = ("UnsupportedOperation", "InvalidParameterCombination", "InvalidParameterValue")
_NO_INSTANCE = ("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")
# The last one: what answers is not AWS, but for instance a proxy with a page of its own.
_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure")
_NO_RESOURCE = ("ResourceNotFoundException",)
# Services that answer in one region for all.
_ONE_REGION = {"freetier": "us-east-1"}
_NO_GROUP = ("TargetGroupNotFound",)
# What an EKS cluster has: how the kind is listed, the keys of both answers, and what names one of it.
IN_CLUSTER = {
    "nodegroup": ("list_nodegroups", "nodegroups", "nodegroup", "nodegroupName"),
    "addon": ("list_addons", "addons", "addon", "addonName"),
    "access-entry": ("list_access_entries", "accessEntries", "accessEntry", "principalArn"),
}


class AwsClient:
    """boto3 clients with our time-outs, and its errors in our words. `roles` are the stack's, taken at once."""

    def __init__(
        self,
        *,
        region: str,
        profile: str | None,
        timeout_s: float,
        retries: int,
        roles: Sequence[credentials.Role] = (),
    ) -> None:
        try:
            identity = credentials.Identity(region=region, profile=profile, roles=tuple(roles))
            self._session = credentials.session(identity)
        except (ClientError, BotoCoreError) as error:
            if not isinstance(error, ProfileNotFound):
                raise _explained("sts assume_role", error) from None
            raise AskError(f"AWS: {error}", code="profile-missing") from None
        self._config = Config(
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            retries={"mode": "standard", "total_max_attempts": retries + 1},
            # botocore warns of connections beyond its pool; the checks share one client per service.
            max_pool_connections=50,
        )
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        """Give the client of a service, made when it is first wanted: reading a service's model takes a while."""
        # A session makes clients on one thread at a time only; the clients themselves may be shared.
        with self._lock:
            if service not in self._clients:
                region = _ONE_REGION.get(service)
                self._clients[service] = self._session.client(
                    service, region_name=region, config=self._config
                )
            return self._clients[service]

    def ask(self, service: str, operation: str, *, missing: Iterable[str] = (), **arguments: object) -> Any:
        """Call an operation; None when AWS answers with one of the error codes in `missing`.

        Errors: AskError (no credentials, no permission, no answer).
        """
        try:
            return getattr(self.client(service), operation)(**arguments)
        except _ERRORS as error:
            if isinstance(error, ClientError) and _code(error) in set(missing):
                return None
            raise _explained(f"{service} {operation}", error) from None

    def pages(self, service: str, operation: str, key: str, **arguments: object) -> list[Any]:
        """Call a paginated operation to its end and join the lists under `key`."""
        pages = self.client(service).get_paginator(operation).paginate(**arguments)
        try:
            return list(itertools.chain.from_iterable(page.get(key) or [] for page in pages))
        except _ERRORS as error:
            raise _explained(f"{service} {operation}", error) from None

    def expires_at(self) -> datetime | None:
        """Give the moment when the credentials end; None when they do not, or do not say."""
        credentials = self._session.get_credentials()
        # What botocore renews by itself (an SSO session, a role of a profile) still ends with what it renews from.
        ends = getattr(credentials, "_expiry_time", None)
        said = os.environ.get("AWS_CREDENTIAL_EXPIRATION") if ends is None else None
        try:
            return datetime.fromisoformat(said) if said else ends
        except ValueError:
            return None

    def account(self) -> str:
        """Give the account id of the credentials."""
        return str(self.ask("sts", "get_caller_identity")["Account"])

    def instances(self, instance_ids: Sequence[str]) -> list[Object]:
        """Describe EC2 instances; ids that do not exist are left out."""
        # By filter and not by InstanceIds: an unknown id would make the whole call an error.
        return self._instances("instance-id", instance_ids) if instance_ids else []

    def tagged_instances(self, key: str, value: str) -> list[Object]:
        """Describe the EC2 instances with a tag, terminated ones too, for the hour that EC2 remembers them."""
        return self._instances(f"tag:{key}", [value])

    def _instances(self, key: str, values: Sequence[str]) -> list[Object]:
        wanted = {"Name": key, "Values": list(values)}
        found = self.pages("ec2", "describe_instances", "Reservations", Filters=[wanted])
        return [instance for reservation in found for instance in reservation.get("Instances") or []]

    def console(self, instance_id: str) -> Object | None:
        """Get the console output: Output (text, which botocore decodes from base64) and Timestamp."""
        # An instance type without Latest has what it said while booting.
        missing = (*_NO_LATEST, *_NO_INSTANCE)
        newest = self.ask("ec2", "get_console_output", missing=missing, InstanceId=instance_id, Latest=True)
        if newest is not None:
            return newest
        return self.ask("ec2", "get_console_output", missing=_NO_INSTANCE, InstanceId=instance_id)

    def cluster(self, name: str) -> Object | None:
        """Describe an EKS cluster."""
        answer = self.ask("eks", "describe_cluster", missing=_NO_RESOURCE, name=name)
        return answer["cluster"] if answer else None

    def in_cluster(self, cluster: str, kind: str) -> list[Object]:
        """Describe all that an EKS cluster has of a kind, a key of `IN_CLUSTER`."""
        listing, names, one, parameter = IN_CLUSTER[kind]
        describing = f"describe_{kind.replace('-', '_')}"
        answers = (
            self.ask("eks", describing, missing=_NO_RESOURCE, clusterName=cluster, **{parameter: name})
            for name in self.pages("eks", listing, names, clusterName=cluster)
        )
        return [answer[one] for answer in answers if answer]

    def registered(self, activation_ids: Sequence[str]) -> list[Object]:
        """List the managed instances (mi-*) that registered with some activations."""
        # SSM takes at most 100 values in a filter.
        parts = [activation_ids[start : start + 100] for start in range(0, len(activation_ids), 100)]
        return [item for part in parts for item in self._registered("ActivationIds", part)]

    def registrations(self, *, activation_ids: Sequence[str], cluster_arn: str) -> list[Object]:
        """List managed instances (mi-*) of some activations, and all tagged with the cluster's ARN."""
        found = [*self._registered(f"tag:{CLUSTER_ARN_TAG}", [cluster_arn]), *self.registered(activation_ids)]
        return list({item["InstanceId"]: item for item in found}.values())

    def _registered(self, key: str, values: Sequence[str]) -> list[Object]:
        wanted = {"Key": key, "Values": list(values)}
        return self.pages("ssm", "describe_instance_information", "InstanceInformationList", Filters=[wanted])

    def target_health(self, target_group_arn: str) -> list[Object]:
        """Describe the registered targets of a target group and their health."""
        answer = self.ask(
            "elbv2", "describe_target_health", missing=_NO_GROUP, TargetGroupArn=target_group_arn
        )
        return answer["TargetHealthDescriptions"] if answer else []


def used_by(subnets: Collection[str], tables: Sequence[Object]) -> list[str]:
    """Give the ids of the route tables that subnets use: the one that each has chosen, else the main one of the VPC."""
    associations = {table["RouteTableId"]: table.get("Associations") or () for table in tables}
    chosen = {each.get("SubnetId") for users in associations.values() for each in users}
    by_main = not chosen.issuperset(subnets)
    return [
        ident
        for ident, users in associations.items()
        if any(each.get("SubnetId") in subnets or (by_main and each.get("Main")) for each in users)
    ]


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _explained(call: str, error: Exception) -> AskError:
    """Name the cause of a refusal of AWS, or of no answer."""
    seen = f"{call}: {error}"
    refusal = _code(error) if isinstance(error, ClientError) else ""
    if refusal in _DENIED:
        return NotAllowedError(seen, code="aws-denied", CALL=call)
    if "ExpiredToken" in refusal:
        code = "credentials-expired"
    elif "Token" in refusal or "Credential" in refusal or refusal == "SignatureDoesNotMatch":
        code = "credentials-refused"
    elif isinstance(error, ClientError):
        return AwsRefusalError(seen, code="aws-refused", refusal=refusal)
    elif isinstance(error, (SSOError, TokenRetrievalError)):
        code = "sso-session-over"
    elif isinstance(error, NoCredentialsError) or "credential" in str(error).lower():
        code = "credentials-missing"
    else:
        code = "aws-unreachable"
    return AskError(seen, code=code)
