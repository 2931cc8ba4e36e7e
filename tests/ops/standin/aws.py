"""AWS where every command asks it, answered from a table; what botocore's models refuse is refused here too."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator

from ops.clients.aws import AwsClient

Object = dict[str, Any]
# The items of a listing, of which a request gets those that its filters want; a whole response; an error, or the code
# of one; or a function that makes one of these of the request.
Answer = Any
Table = Mapping[str, Answer]

_SESSION = botocore.session.get_session()
# Filters that are not called as what they look at.
_FILTERED = {"instance-state-name": ("State", "Name"), "ActivationIds": ("ActivationId",)}
# What lists the things of a stack in an account that has none.
NOTHING: Table = {
    **{
        f"ec2 describe_{kind}": []
        for kind in (
            "addresses",
            "instances",
            "internet_gateways",
            "launch_templates",
            "nat_gateways",
            "route_tables",
            "security_group_rules",
            "security_groups",
            "subnets",
            "transit_gateway_vpc_attachments",
            "vpc_endpoints",
            "vpc_peering_connections",
            "vpcs",
        )
    },
    "eks describe_cluster": "ResourceNotFoundException",
    "elbv2 describe_load_balancers": [],
    "elbv2 describe_target_groups": [],
    "iam list_open_id_connect_providers": {"OpenIDConnectProviderList": []},
    "iam list_roles": [],
    "logs describe_log_groups": [],
    "ssm describe_activations": [],
}


class AnsweringAws(AwsClient):
    """`answers`: `service operation` -> what comes back. `asked` has the names of all questions, in order."""

    def __init__(self, answers: Table, *, ends: datetime | None = None) -> None:
        self._answers, self._ends = answers, ends
        self.asked: list[str] = []

    def table(self) -> Table:
        """Give the answers as they are at the moment of the question."""
        return self._answers

    def client(self, service: str) -> Any:
        """Give what stands for the client of a service."""
        return _Client(self, service)

    def expires_at(self) -> datetime | None:
        """Give the moment when the credentials end."""
        return self._ends


@dataclass
class _Client:
    aws: AnsweringAws
    service: str

    def __getattr__(self, operation: str) -> Callable[..., Object]:
        return functools.partial(self._respond, operation)

    def get_paginator(self, operation: str) -> Any:
        """Give the pages of a listing: one, which is asked for when it is read."""
        _pager(self.service, operation)
        return SimpleNamespace(paginate=functools.partial(self._pages, operation))

    def _pages(self, operation: str, **request: Any) -> Iterator[Object]:
        yield self._respond(operation, **request)

    def _respond(self, operation: str, **request: Any) -> Object:
        name, model = f"{self.service} {operation}", _model(self.service, operation)
        self.aws.asked.append(name)
        _check(name, request, model.input_shape, whole=True)
        answer = self.aws.table()[name]
        answer = answer(request) if callable(answer) else answer
        assert answer is not None, f"{name}: what is missing has an error code, such as NoSuchEntity"
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer, "Message": f"{answer}!"}}, model.name)
        if isinstance(answer, list):
            member = _items(model)
            shape = model.output_shape.members[member].member
            for wanted in request.get("Filters", request.get("Filter", [])):
                answer = list(_wanted(answer, wanted, shape))
            answer = {member: list(_shown(answer, shape))}
        body = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
        _check(name, body, model.output_shape, whole=False)
        return answer


@functools.cache
def _operations(service: str) -> dict[str, OperationModel]:
    model = _SESSION.get_service_model(service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


def _model(service: str, operation: str) -> OperationModel:
    return _operations(service)[operation]


@functools.cache
def _pager(service: str, operation: str) -> Mapping[str, Any]:
    """Give how botocore turns the pages; ValueError where it knows none."""
    return _SESSION.get_paginator_model(service).get_paginator(_model(service, operation).name)


def _items(model: OperationModel) -> str:
    """Give the member of a response that holds the items of a listing: the only list."""
    (member,) = (name for name, shape in model.output_shape.members.items() if shape.type_name == "list")
    return member


def _check(name: str, value: Object, shape: Shape, *, whole: bool) -> None:
    report = ParamValidator().validate(value, shape)
    # A test says no more of an answer than it needs.
    errors = [error for error in report._errors if whole or error[0] != "missing required field"]
    assert not errors, f"{name}: {report.generate_report()}"


def _wanted(items: list[Object], wanted: Object, shape: Any) -> Iterator[Object]:
    """Give the items that a filter of EC2 or Systems Manager lets through, with the limits of these."""
    assert 0 < len(wanted["Values"]) <= (200 if "Name" in wanted else 100), wanted
    for item in items:
        if "Instances" in item:
            instances = list(_wanted(item["Instances"], wanted, shape.members["Instances"].member))
            if instances:
                yield {**item, "Instances": instances}
        elif set(wanted["Values"]) & set(_values(item, wanted.get("Name") or wanted["Key"], shape)):
            yield item


def _shown(items: list[Any], shape: Any) -> Iterator[Any]:
    """Leave out tags where AWS filters by them, or tells them when asked for, and does not show them."""
    for item in items:
        hidden = {"Tags"} - set(shape.members) if isinstance(item, dict) else set()
        yield {key: value for key, value in item.items() if key not in hidden} if hidden else item


def _values(item: Object, name: str, shape: Any) -> list[Any]:
    """Give what a filter of this name looks at; KeyError where there is no such filter."""
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags") or item.get("TagSet") or ()}
    if name == "tag-key":
        return list(tags)
    if name.startswith("tag:"):
        return [tags[key]] if (key := name.removeprefix("tag:")) in tags else []
    value: Any = item
    for member in _FILTERED.get(name, ("".join(word.title() for word in name.split("-")),)):
        shape = shape.members[member]
        value = (value or {}).get(member)
    return [value]
