"""AWS as the commands see it: one method per question, answers in the shapes of the AWS API.

Everything here reads, and follows pagination to its end. A missing single thing is None.
"""

import itertools
import os
import threading
from collections.abc import Iterable, Sequence
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

        Raises:
            AskError: no credentials, no permission, no answer.

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


class Aws(AwsClient):
    """What is asked of a stack that is up, or was to be."""

    def peering(self, peering_id: str) -> Object | None:
        """Describe a VPC peering connection."""
        missing = ("InvalidVpcPeeringConnectionID.NotFound",)
        answer = self.ask(
            "ec2", "describe_vpc_peering_connections", missing=missing, VpcPeeringConnectionIds=[peering_id]
        )
        return next(iter(answer["VpcPeeringConnections"]), None) if answer else None

    def transit_attachments(self, gateway_id: str, vpc_id: str) -> list[Object]:
        """Describe the attachments of a VPC to a transit gateway, those of the recent past too."""
        wanted = [_values("transit-gateway-id", [gateway_id]), _values("vpc-id", [vpc_id])]
        return self.pages(
            "ec2",
            "describe_transit_gateway_vpc_attachments",
            "TransitGatewayVpcAttachments",
            Filters=wanted,
        )

    def vpn_gateway(self, gateway_id: str) -> Object | None:
        """Describe a virtual private gateway."""
        missing = ("InvalidVpnGatewayID.NotFound",)
        answer = self.ask("ec2", "describe_vpn_gateways", missing=missing, VpnGatewayIds=[gateway_id])
        return next(iter(answer["VpnGateways"]), None) if answer else None

    def route_tables(self, vpc_ids: Sequence[str]) -> list[Object]:
        """Describe all route tables of some VPCs."""
        return self.pages("ec2", "describe_route_tables", "RouteTables", Filters=[_values("vpc-id", vpc_ids)])

    def subnets(self, vpc_ids: Sequence[str]) -> list[Object]:
        """Describe all subnets of some VPCs."""
        return self.pages("ec2", "describe_subnets", "Subnets", Filters=[_values("vpc-id", vpc_ids)])

    def security_groups(self, group_ids: Sequence[str]) -> list[Object]:
        """Describe security groups; ids that do not exist are left out."""
        if not group_ids:
            return []
        wanted = _values("group-id", group_ids)
        return self.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=[wanted])

    def instances(self, instance_ids: Sequence[str]) -> list[Object]:
        """Describe EC2 instances; ids that do not exist are left out."""
        # By filter and not by InstanceIds: an unknown id would make the whole call an error.
        return self._instances(_values("instance-id", instance_ids)) if instance_ids else []

    def tagged_instances(self, key: str, value: str) -> list[Object]:
        """Describe the EC2 instances with a tag, terminated ones too, for the hour that EC2 remembers them."""
        return self._instances(_values(f"tag:{key}", [value]))

    def _instances(self, wanted: Object) -> list[Object]:
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

    def access_entry(self, cluster: str, principal_arn: str) -> Object | None:
        """Describe an access entry of an EKS cluster."""
        return self._part_of(cluster, "access_entry", "accessEntry", principalArn=principal_arn)

    def access_entries(self, cluster: str) -> list[Object]:
        """Describe all access entries of an EKS cluster."""
        names = self.pages("eks", "list_access_entries", "accessEntries", clusterName=cluster)
        return [entry for name in names if (entry := self.access_entry(cluster, name))]

    def node_groups(self, cluster: str) -> list[Object]:
        """Describe all node groups of an EKS cluster."""
        names = self.pages("eks", "list_nodegroups", "nodegroups", clusterName=cluster)
        found = (self._part_of(cluster, "nodegroup", "nodegroup", nodegroupName=name) for name in names)
        return [group for group in found if group]

    def add_ons(self, cluster: str) -> list[Object]:
        """Describe all add-ons of an EKS cluster."""
        names = self.pages("eks", "list_addons", "addons", clusterName=cluster)
        found = (self._part_of(cluster, "addon", "addon", addonName=name) for name in names)
        return [add_on for add_on in found if add_on]

    def _part_of(self, cluster: str, kind: str, key: str, **name: str) -> Object | None:
        answer = self.ask("eks", f"describe_{kind}", missing=_NO_RESOURCE, clusterName=cluster, **name)
        return answer[key] if answer else None

    def activations(self) -> list[Object]:
        """Describe all SSM activations of the region. They never hold their code."""
        return self.pages("ssm", "describe_activations", "ActivationList")

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

    def tagged_target_groups(self, key: str, value: str) -> list[Object]:
        """Describe the target groups with a tag."""
        # Not by the Resource Groups Tagging API, which lags behind by minutes: the stack may have failed just now.
        groups = {
            one["TargetGroupArn"]: one
            for one in self.pages("elbv2", "describe_target_groups", "TargetGroups")
        }
        arns = list(groups)
        wanted: set[str] = set()
        # DescribeTags takes at most 20 ARNs. A group that is deleted meanwhile makes the answer None.
        for start in range(0, len(arns), 20):
            answer = self.ask(
                "elbv2", "describe_tags", missing=_NO_GROUP, ResourceArns=arns[start : start + 20]
            )
            for item in answer["TagDescriptions"] if answer else []:
                if {"Key": key, "Value": value} in item.get("Tags", []):
                    wanted.add(item["ResourceArn"])
        return [group for arn, group in groups.items() if arn in wanted]

    def target_health(self, target_group_arn: str) -> list[Object]:
        """Describe the registered targets of a target group and their health."""
        answer = self.ask(
            "elbv2", "describe_target_health", missing=_NO_GROUP, TargetGroupArn=target_group_arn
        )
        return answer["TargetHealthDescriptions"] if answer else []


def _values(name: str, values: Sequence[str]) -> Object:
    return {"Name": name, "Values": list(values)}


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
