"""AWS as the checks see it: one method per question, answers in the shapes of the AWS API.

Everything here reads. Each real method follows pagination to its end.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from ops.clients.errors import AskError

Object = dict[str, Any]


class Aws(Protocol):
    """What the checks ask of AWS. A missing single thing is None."""

    def account(self) -> str:
        """Give the account id of the credentials."""
        ...

    def peering(self, peering_id: str) -> Object | None:
        """Describe a VPC peering connection."""
        ...

    def route_tables(self, vpc_ids: Sequence[str]) -> list[Object]:
        """Describe all route tables of some VPCs."""
        ...

    def subnets(self, vpc_ids: Sequence[str]) -> list[Object]:
        """Describe all subnets of some VPCs."""
        ...

    def cluster(self, name: str) -> Object | None:
        """Describe an EKS cluster."""
        ...

    def access_entry(self, cluster: str, principal_arn: str) -> Object | None:
        """Describe an access entry of an EKS cluster."""
        ...

    def registrations(self, *, activation_ids: Sequence[str], cluster_arn: str) -> list[Object]:
        """List managed instances (mi-*) of some activations, and all tagged with the cluster's ARN."""
        ...

    def instances(self, instance_ids: Sequence[str]) -> list[Object]:
        """Describe EC2 instances; ids that do not exist are left out."""
        ...

    def security_groups(self, group_ids: Sequence[str]) -> list[Object]:
        """Describe security groups."""
        ...

    def target_health(self, target_group_arn: str) -> list[Object]:
        """Describe the registered targets of a target group and their health."""
        ...


class AwsClient:
    """boto3 clients with our time-outs, and its errors in our words. Base of all real AWS classes."""

    def __init__(self, *, region: str, profile: str | None, timeout_s: float, retries: int) -> None:
        try:
            self._session = boto3.Session(profile_name=profile, region_name=region)
        except BotoCoreError as error:
            raise AskError(
                f"AWS: {error}",
                why="this machine's AWS configuration has no such profile (from --profile, aws:profile or AWS_PROFILE)",
                fix="ops verify --profile NAME, or aws configure --profile NAME",
            ) from None
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
                self._clients[service] = self._session.client(service, config=self._config)
            return self._clients[service]

    def ask(self, service: str, operation: str, *, missing: Iterable[str] = (), **arguments: object) -> Any:
        """Call an operation; None when AWS answers with one of the error codes in `missing`.

        Raises:
            AskError: no credentials, no permission, no answer.

        """
        try:
            return getattr(self.client(service), operation)(**arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in set(missing):
                return None
            raise _refused(f"{service} {operation}", code, str(error)) from None
        except BotoCoreError as error:
            raise _no_answer(f"{service} {operation}", error) from None

    def pages(self, service: str, operation: str, key: str, **arguments: object) -> list[Any]:
        """Call a paginated operation to its end and join the lists under `key`."""
        paginator = self.client(service).get_paginator(operation)
        try:
            return list(
                itertools.chain.from_iterable(page.get(key) or [] for page in paginator.paginate(**arguments))
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise _refused(f"{service} {operation}", code, str(error)) from None
        except BotoCoreError as error:
            raise _no_answer(f"{service} {operation}", error) from None


class RealAws(AwsClient):
    """`Aws` by boto3."""

    def account(self) -> str:
        """See `Aws`."""
        return str(self.ask("sts", "get_caller_identity")["Account"])

    def peering(self, peering_id: str) -> Object | None:
        """See `Aws`."""
        missing = ("InvalidVpcPeeringConnectionID.NotFound",)
        answer = self.ask(
            "ec2", "describe_vpc_peering_connections", missing=missing, VpcPeeringConnectionIds=[peering_id]
        )
        return next(iter(answer["VpcPeeringConnections"]), None) if answer else None

    def route_tables(self, vpc_ids: Sequence[str]) -> list[Object]:
        """See `Aws`."""
        return self.pages("ec2", "describe_route_tables", "RouteTables", Filters=[_values("vpc-id", vpc_ids)])

    def subnets(self, vpc_ids: Sequence[str]) -> list[Object]:
        """See `Aws`."""
        return self.pages("ec2", "describe_subnets", "Subnets", Filters=[_values("vpc-id", vpc_ids)])

    def cluster(self, name: str) -> Object | None:
        """See `Aws`."""
        answer = self.ask("eks", "describe_cluster", missing=("ResourceNotFoundException",), name=name)
        return answer["cluster"] if answer else None

    def access_entry(self, cluster: str, principal_arn: str) -> Object | None:
        """See `Aws`."""
        missing = ("ResourceNotFoundException",)
        answer = self.ask(
            "eks", "describe_access_entry", missing=missing, clusterName=cluster, principalArn=principal_arn
        )
        return answer["accessEntry"] if answer else None

    def registrations(self, *, activation_ids: Sequence[str], cluster_arn: str) -> list[Object]:
        """See `Aws`."""
        filters = [{"Key": "tag:EKSClusterARN", "Values": [cluster_arn]}]
        # SSM takes at most 100 values in a filter.
        for start in range(0, len(activation_ids), 100):
            filters.append({"Key": "ActivationIds", "Values": list(activation_ids[start : start + 100])})
        found = [
            item
            for one in filters
            for item in self.pages(
                "ssm", "describe_instance_information", "InstanceInformationList", Filters=[one]
            )
        ]
        return list({item["InstanceId"]: item for item in found}.values())

    def instances(self, instance_ids: Sequence[str]) -> list[Object]:
        """See `Aws`."""
        if not instance_ids:
            return []
        # By filter and not by InstanceIds: an unknown id would make the whole call an error.
        found = self.pages(
            "ec2", "describe_instances", "Reservations", Filters=[_values("instance-id", instance_ids)]
        )
        return [instance for reservation in found for instance in reservation["Instances"]]

    def security_groups(self, group_ids: Sequence[str]) -> list[Object]:
        """See `Aws`."""
        if not group_ids:
            return []
        return self.pages(
            "ec2", "describe_security_groups", "SecurityGroups", Filters=[_values("group-id", group_ids)]
        )

    def target_health(self, target_group_arn: str) -> list[Object]:
        """See `Aws`."""
        missing = ("TargetGroupNotFound",)
        answer = self.ask("elbv2", "describe_target_health", missing=missing, TargetGroupArn=target_group_arn)
        return answer["TargetHealthDescriptions"] if answer else []


def _values(name: str, values: Sequence[str]) -> Object:
    return {"Name": name, "Values": list(values)}


def _refused(call: str, code: str, message: str) -> AskError:
    if code in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure"):
        return AskError(
            f"{call}: {message}",
            why="these credentials may not ask this",
            fix=f"allow {call} (the AWS policy ReadOnlyAccess is enough for all of ops verify)",
        )
    if "Token" in code or "Credential" in code or code in ("InvalidClientTokenId", "SignatureDoesNotMatch"):
        return AskError(
            f"{call}: {message}",
            why="the AWS credentials have expired or are not valid",
            fix="sign in again (aws sso login), then aws sts get-caller-identity",
        )
    return AskError(f"{call}: {message}", why="AWS refused the request", fix="see the message of AWS")


def _no_answer(call: str, error: BotoCoreError) -> AskError:
    if isinstance(error, NoCredentialsError) or "credential" in str(error).lower():
        return AskError(
            f"{call}: {error}",
            why="no AWS credentials were found on this machine",
            fix="aws configure sso, or export AWS_PROFILE=NAME; then aws sts get-caller-identity",
        )
    return AskError(
        f"{call}: {error}",
        why="AWS cannot be reached from here, or not in this region",
        fix="check the network and the region, or raise --timeout and --retry",
    )
