"""Whether the account, its organization and these credentials let the program's machines be started."""

import json
from collections.abc import Mapping
from typing import Any, Final

from infra.systems import SYSTEMS
from ops.checks.model import Findings, Outcome, listed, skipped
from ops.clients.errors import AskError, AwsRefusalError
from ops.program.recorder import Recording
from ops.ready.checks.machines import is_arm64
from ops.ready.context import Context, asked

_ALLOWED: Final = "DryRunOperation"
# Without a default VPC a dry run cannot be put, which says nothing about a policy.
_NO_PLACE: Final = ("MissingInput", "VPCIdNotSpecified", "InvalidSubnetID.NotFound")


@asked("account.dry-run", "instances may be started")
def dry_run(context: Context, findings: Findings) -> str | Outcome:
    allowed: list[str] = []
    default_tags = json.loads(context.evaluated.config.values.get("aws:defaultTags") or "{}").get("tags")
    for kind, request in run_requests(context.evaluated.recording, default_tags or {}).items():
        type_ = request["InstanceType"]
        image = _image_for(context, type_)
        if image is None:
            return skipped("not known: a dry run is not possible here (no image)")
        refusal = _try_to_run(context, request, *image)
        if refusal is None:
            allowed.append(f"{kind} {type_}")
        elif refusal in _NO_PLACE:
            return skipped(f"not known: a dry run is not possible here ({refusal})")
        else:
            findings.fail(
                f"a {kind} {type_} may not be started: {refusal}",
                why="the account, a policy of the organization, or these credentials refuse it",
                fix="ask who manages the account; aws sts decode-authorization-message shows a policy's reason. If"
                " it allows the same in the stack's own subnets: make up READY='--skip account.dry-run'",
            )
    return f"a dry run was allowed: {listed(allowed)}"


def run_requests(recording: Recording, default_tags: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Write the RunInstances requests of the first hybrid and of the first managed machine, by kind, without an image.

    Policies of organizations look at what a request carries (IMDSv2, encryption, tags), so each carries what AWS is
    sent for that machine: the provider tags an instance and its volumes in the request, and has no way to tag its
    network interface there; a launch template's request names every kind that it tags.
    """
    requests: dict[str, dict[str, Any]] = {}
    for instance in recording.of_type("aws:ec2/instance:Instance")[:1]:
        inputs = instance.inputs
        requests["hybrid"] = _request(
            inputs["instanceType"],
            inputs["metadataOptions"],
            inputs["rootBlockDevice"],
            {
                "instance": {**default_tags, **inputs["tags"]},
                "volume": {**default_tags, **inputs["volumeTags"]},
            },
        )
    templates = {each.id: each for each in recording.of_type("aws:ec2/launchTemplate:LaunchTemplate")}
    for group in recording.of_type("aws:eks/nodeGroup:NodeGroup")[:1]:
        template = templates[group.inputs["launchTemplate"]["id"]]
        requests["managed"] = _request(
            group.inputs["instanceTypes"][0],
            template.inputs["metadataOptions"],
            template.inputs["blockDeviceMappings"][0]["ebs"],
            {each["resourceType"]: each["tags"] for each in template.inputs["tagSpecifications"]},
        )
    return requests


def _request(
    type_: str, metadata: Mapping[str, Any], disk: Mapping[str, Any], tags: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    return {
        "InstanceType": type_,
        "MinCount": 1,
        "MaxCount": 1,
        "DryRun": True,
        "MetadataOptions": {
            "HttpEndpoint": metadata["httpEndpoint"],
            "HttpTokens": metadata["httpTokens"],
            "HttpPutResponseHopLimit": metadata["httpPutResponseHopLimit"],
        },
        "BlockDeviceMappings": [
            {
                "Ebs": {
                    # A launch template has its flags as words.
                    "Encrypted": disk["encrypted"] in (True, "true"),
                    "DeleteOnTermination": disk["deleteOnTermination"] in (True, "true"),
                    "VolumeType": disk["volumeType"],
                    "VolumeSize": disk["volumeSize"],
                }
            }
        ],
        "TagSpecifications": [
            {
                "ResourceType": kind,
                "Tags": [{"Key": key, "Value": value} for key, value in sorted(pairs.items())],
            }
            for kind, pairs in tags.items()
        ],
    }


def _image_for(context: Context, type_: str) -> tuple[str, str] | None:
    """Give the id of an image that the type can run, and its root device."""
    architecture = "arm64" if is_arm64(type_) else "amd64"
    for system in SYSTEMS.values():
        name = system.images[architecture]
        if name not in context.wanted.images:
            continue
        found = context.ask("ssm", "get_parameter", missing=("ParameterNotFound",), Name=name)
        return (found["Parameter"]["Value"], system.root_device) if found else None
    return None


def _try_to_run(context: Context, request: dict[str, Any], image: str, root_device: str) -> str | None:
    """Ask for a machine without getting one. None: it would be allowed; else AWS's code or sentence."""
    arguments: dict[str, Any] = {
        **request,
        "ImageId": image,
        "BlockDeviceMappings": [{**request["BlockDeviceMappings"][0], "DeviceName": root_device}],
    }
    try:
        context.aws.ask("ec2", "run_instances", **arguments)
    except AskError as error:
        refusal = error.refusal if isinstance(error, AwsRefusalError) else ""
        if refusal == _ALLOWED:
            return None
        return refusal if refusal in _NO_PLACE else error.seen
    return None
