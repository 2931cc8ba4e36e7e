"""The AWS provider's own settings, `aws:*`: which there are, and of which shape.

The provider ignores a name that it does not have, and says of a wrong shape what no reader understands, after the
first resources are made. The names and shapes are those of the pinned pulumi_aws; a test compares.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from settings.credentials import UNSUPPORTED
from settings.problems import Problem, remove_command, set_command

_NAMES: Final[Mapping[str, str]] = {
    "text": "accessKey customCaBundle ec2MetadataServiceEndpoint ec2MetadataServiceEndpointMode httpProxy httpsProxy"
    " noProxy profile region retryMode s3UsEast1RegionalEndpoint secretKey stsRegion tagPolicyCompliance token",
    "list": "allowedAccountIds assumeRoles endpoints forbiddenAccountIds sharedConfigFiles sharedCredentialsFiles"
    " userAgents",
    "map": "assumeRoleWithWebIdentity defaultTags ignoreTags",
    "number": "maxRetries tokenBucketRateLimiterCapacity",
    "true or false": "insecure s3UsePathStyle skipCredentialsValidation skipMetadataApiCheck skipRegionValidation"
    " skipRequestingAccountId useDualstackEndpoint useFipsEndpoint",
}
SHAPES: Final[Mapping[str, str]] = {
    f"aws:{name}": shape for shape, names in _NAMES.items() for name in names.split()
}
_EXAMPLES: Final[Mapping[str, tuple[str, object]]] = {
    "text": ("", "VALUE"),
    "list": ("[0]", "VALUE"),
    "map": (".keys[0]", "VALUE"),
    "number": ("", 5),
    "true or false": ("", "true"),
}


def wrong_keys(raw: Mapping[str, str], read: frozenset[str]) -> Iterator[str]:
    """Say of each `aws:` setting that the provider does not have it, or not in this shape.

    Args:
        raw: values by full name; lists and maps as JSON.
        read: those that this program reads and checks itself.

    """
    for key, value in raw.items():
        if not key.startswith("aws:") or not value or key in read or key in UNSUPPORTED:
            continue
        shape = SHAPES.get(key)
        if shape is None:
            yield _unknown(key)
        elif not _has(shape, value):
            part, example = _EXAMPLES[shape]
            command = set_command(key + part, example)
            if part:
                # A path below a value of another shape cannot be set.
                command = f"{remove_command(key)} && {command}"
            wrong = f"is not {shape}" if shape == "true or false" else f"is not a {shape}"
            yield str(Problem(path=key, seen=value, wrong=wrong, advice="Set one", command=command))


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(
        key.casefold(), {name.casefold(): name for name in SHAPES}, n=1, cutoff=0.75
    )
    meant = "".join(f" Do you mean {name}?" for name in SHAPES if name.casefold() in near)
    return (
        f"{key} is not a setting of the AWS provider, which would ignore it.{meant} Remove it, e.g."
        f" {remove_command(key)}. Valid are {', '.join(sorted(SHAPES))}"
    )


def _has(shape: str, value: str) -> bool:
    try:
        parsed: Any = json.loads(value)
    except ValueError:
        parsed = value
    if shape == "text":
        return not isinstance(parsed, list | dict)
    kinds = {"list": list, "map": dict, "true or false": bool, "number": int}
    return isinstance(parsed, kinds[shape]) and (shape != "number" or not isinstance(parsed, bool))
