"""The kinds of value a setting can have. Each checks one value on its own, without looking at the others."""

import json
import re
from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from infra import addressing, instances, versions

# The error type of everything rejected here; settings.reading renders its context.
REJECTED: Final = "rejected"

# Docker's bridge. A node that has it cannot reach addresses in it.
# https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
DOCKER_BRIDGE: Final = "172.17.0.0/16"

# Addresses that never come from the internet. EKS takes no reserved address in its allow-list.
# https://docs.aws.amazon.com/eks/latest/userguide/config-cluster-endpoint.html
_NOT_PUBLIC: Final = (
    *addressing.PRIVATE,
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
# A site-to-site VPN carries 1446 bytes with AES-GCM and no NAT traversal; 1438, 1422 or 1406 with other ciphers and
# digests. VXLAN takes 50. https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html
POD_MTU_ACROSS_A_VPN: Final = 1356
EXAMPLE_PUBLIC: Final = "203.0.113.0/24"

_NETWORK_FORM: Final = "Write the network and its prefix length"
EXAMPLE_SHA256: Final = "0123456789abcdef" * 4
EXAMPLE_SITE: Final = "10.80.0.0/16"
EXAMPLE_TRANSIT_GATEWAY: Final = "tgw-0123456789abcdef0"
EXAMPLE_VPN_GATEWAY: Final = "vgw-0123456789abcdef0"
EXAMPLE_CERTIFICATE_NAME: Final = "certificate/01234567-89ab-cdef-0123-456789abcdef"
EXAMPLE_CERTIFICATE: Final = f"arn:aws:acm:ap-northeast-1:123456789012:{EXAMPLE_CERTIFICATE_NAME}"
EXAMPLE_HOST: Final = "app.example.com"
EXAMPLE_REGISTRY: Final = "registry.example.internal/mirror"
EXAMPLE_ROLE: Final = "arn:aws:iam::123456789012:role/deployer"
EXAMPLE_VPC: Final = "vpc-0123456789abcdef0"
EXAMPLE_SUBNET: Final = "subnet-0123456789abcdef{number}"
EXAMPLE_EGRESS: Final = "203.0.113.10/32"
EXAMPLE_BOUNDARY: Final = "arn:aws:iam::123456789012:policy/boundary"
EXAMPLE_PROXY: Final = "http://proxy.example.internal:3128"

# A node's name is the value of a label (63 characters), and resources add "-" and eight digits to it.
NODE_NAME_LENGTH: Final = 63 - 9

# CreateNodegroup takes 20 at most.
# https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html
_MOST_INSTANCE_TYPES: Final = 20


def rejected(
    wrong: str, advice: str, *, example: object = None, part: str = "", remove: bool = False
) -> PydanticCustomError:
    """Build the error for a value.

    Args:
        wrong: continues the sentence that starts with the setting and the value seen.
        advice: what is allowed.
        example: a value that would do.
        part: where below the setting to set or remove, e.g. "[1]".
        remove: whether the fix is to remove that part instead of setting it.

    """
    context = {"wrong": wrong, "advice": advice, "example": example, "part": part, "remove": remove}
    return PydanticCustomError(REJECTED, "{wrong}", context)


def _network(text: str, example: str = EXAMPLE_PUBLIC) -> IPv4Network:
    """Read a CIDR in the one form that AWS takes: network address, slash, prefix length."""
    try:
        network = IPv4Network(text, strict=False)
    except ValueError:
        raise rejected("is not an IPv4 CIDR", _NETWORK_FORM, example=example) from None
    if text != str(network):
        if "/" not in text:
            wrong = "has no prefix length"
        elif text.startswith(f"{network.network_address}/"):
            wrong = "is not in the form network/prefix"
        else:
            wrong = "has host bits set"
        raise rejected(wrong, _NETWORK_FORM, example=str(network))
    return network


def network_range(
    *, example: str, largest: int, smallest: int, why: str, within: Collection[str] = addressing.PRIVATE
) -> AfterValidator:
    """Check a private range between two prefix lengths; `why` gives the reason for them."""

    def check(text: str) -> str:
        network = _network(text, example)
        if not largest <= network.prefixlen <= smallest:
            wrong = "is too large" if network.prefixlen < largest else "is too small"
            raise rejected(wrong, f"Choose /{largest} to /{smallest}: {why}", example=example)
        if not addressing.lies_within(text, within):
            raise rejected("is not private", f"Choose a range inside {', '.join(within)}", example=example)
        if addressing.overlap(text, DOCKER_BRIDGE):
            raise rejected(
                f"overlaps {DOCKER_BRIDGE}, the bridge of Docker", "Choose another range", example=example
            )
        return text

    return AfterValidator(check)


def _any_source(text: str) -> str:
    _network(text)
    return text


def _public_source(text: str) -> str:
    _network(text)
    hidden = next((each for each in _NOT_PUBLIC if addressing.overlap(text, each)), None)
    if text != addressing.ANYWHERE and hidden is not None:
        raise rejected(
            f"overlaps {hidden}, which is not public",
            "The API endpoint sees public addresses only",
            example=EXAMPLE_PUBLIC,
        )
    return text


def sized(
    least: int, *, most: int | None = None, what: str, why: str, part: str, example: str
) -> AfterValidator:
    """Check the length of a list; `part` and `example` say what to set where it is too short."""

    def check(values: tuple[object, ...]) -> tuple[object, ...]:
        allowed = (
            f"{least} to {most} are possible ({why})" if most else f"{least} or more are possible ({why})"
        )
        wrong = f"has {len(values)} {what}"
        if len(values) < least:
            raise rejected(wrong, allowed, part=part, example=example)
        if most and len(values) > most:
            raise rejected(wrong, allowed, part=f"[{most}]", remove=True)
        return values

    return AfterValidator(check)


def _port(value: int) -> int:
    if not 1 <= value <= 65535:
        raise rejected("is not a port from 1 to 65535", "Set one", example="9443")
    return value


def one_of(
    allowed: Collection[str], *, example: str, absent: Mapping[str, str] = MappingProxyType({})
) -> AfterValidator:
    """Check that a text is one of a closed set; `absent` says why some are not in it, by how they begin."""

    def check(text: str) -> str:
        if text not in allowed:
            why = next((f" ({note})" for start, note in absent.items() if text.lower().startswith(start)), "")
            raise rejected(f"is not one of {', '.join(allowed)}{why}", "Choose one of them", example=example)
        return text

    return AfterValidator(check)


def matching(pattern: str, *, what: str, example: str) -> AfterValidator:
    """Check that a text has a form; `what` names the form."""
    form = re.compile(pattern)

    def check(text: str) -> str:
        if text is not None and form.fullmatch(text) is None:
            raise rejected(f"is not {what}", "Set one", example=example)
        return text

    return AfterValidator(check)


def nodeadm_release(version: str) -> tuple[int, ...]:
    """Read `v1.0.20` as (1, 0, 20), for comparing."""
    return tuple(int(number) for number in version.removeprefix("v").split("."))


def seconds(duration: str) -> int:
    """Read `1h30m` as 5400."""
    return sum(
        int(number) * {"h": 3600, "m": 60, "s": 1}[unit]
        for number, unit in re.findall(r"(\d+)([hms])", duration)
    )


def _session_duration(text: str) -> str:
    if re.fullmatch(r"(?=.)(\d{1,2}h)?(\d{1,3}m)?(\d{1,5}s)?", text) is None:
        raise rejected("is not a duration such as 1h or 30m", "Set one", example="1h")
    if not 15 * 60 <= seconds(text) <= 12 * 60 * 60:
        raise rejected("is not between 15m and 12h", "AWS gives a role for no other time", example="1h")
    return text


def _calico_version(text: str) -> str:
    release = re.fullmatch(r"(\d+\.\d+)\.\d+", text)
    if release is None or release[1] not in versions.CALICO_LINES:
        lines = ", ".join(f"{line}.x" for line in versions.CALICO_LINES)
        raise rejected(
            f"is not a release of {lines}",
            f"Their digests are known for {', '.join(versions.CALICO_SHA256)}; choose one of these",
            example=versions.CALICO_DEFAULT,
        )
    return text


def _nodeadm_version(text: str) -> str:
    if text == "latest":
        return text
    if re.fullmatch(r"v\d+\.\d+\.\d+", text) is None:
        raise rejected(
            "is not a nodeadm release", "Write vX.Y.Z, or latest", example=versions.NODEADM_DEFAULT
        )
    if nodeadm_release(text) < nodeadm_release(versions.NODEADM_FLOOR):
        raise rejected(
            f"is below {versions.NODEADM_FLOOR}",
            "Older releases carry an SSM signing key that expired on 2026-07-15; choose a newer one",
            example=versions.NODEADM_DEFAULT,
        )
    return text


def _instance_type(text: str) -> str:
    if not instances.is_instance_type(text):
        raise rejected("is not an EC2 instance type", "Write family.size", example="t4g.medium")
    if instances.is_too_small(text):
        raise rejected("is too small for a node", "Choose 2 GiB of memory or more", example="t4g.medium")
    if reason := instances.not_a_node(text):
        raise rejected(reason, "Choose another type", example="t4g.medium")
    return text


def _instance_types(value: object) -> object:
    """Split `t4g.medium,t4g.large`: a spot group finds more capacity with several types."""
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "not a text")
    types = tuple(dict.fromkeys(_instance_type(each.strip()) for each in value.split(",")))
    if len(types) > _MOST_INSTANCE_TYPES:
        raise rejected(
            f"names {len(types)} types", f"Name {_MOST_INSTANCE_TYPES} at most", example=",".join(types[:2])
        )
    first = instances.architecture(types[0])
    same = [each for each in types if instances.architecture(each) == first]
    if len(same) < len(types):
        raise rejected(
            "mixes arm64 and amd64",
            "A node group has one AMI, so name types of one architecture",
            example=",".join(same),
        )
    return types


def _address(text: str) -> str:
    try:
        address = IPv4Address(text)
    except ValueError:
        raise rejected(
            "is not an IPv4 address", "Write the address of the machine", example="10.80.0.{number}"
        ) from None
    if not addressing.lies_within(f"{address}/32", addressing.PRIVATE):
        raise rejected(
            "is not private",
            f"Write an address inside {', '.join(addressing.PRIVATE)}",
            example="10.80.0.{number}",
        )
    return text


# Who may set a label below a name of Kubernetes' is the API server's to say, and a kubelet with a label that it may not
# set does not start. https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
_RESERVED = ("kubernetes.io", "k8s.io", "eks.amazonaws.com", "projectcalico.org", "eks-hybrid-calico")
_LABEL_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_LABEL_KEY = re.compile(rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_LABEL_NAME}")
_LABEL_VALUE = re.compile(rf"({_LABEL_NAME})?")
# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html: 50 on one resource; ours are
# fewer than ten (tests/infra/test_contracts.py).
_MOST_TAGS = 40
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
EXAMPLE_TAINT: Final = "dedicated=batch:NoSchedule"


def _label_key(key: str, **fix: Any) -> None:
    if _LABEL_KEY.fullmatch(key) is None:
        raise rejected(
            f"has the key {key}, which is no label's", "Write letters, digits, - _ and . (63 at most)", **fix
        )
    prefix = key.rpartition("/")[0]
    reserved = next((name for name in _RESERVED if prefix == name or prefix.endswith(f".{name}")), None)
    if reserved:
        raise rejected(
            f"has the key {key}, and {reserved} is reserved", "Write a key of your own, such as rack", **fix
        )


def _labels(labels: dict[str, str]) -> dict[str, str]:
    for key, value in labels.items():
        _label_key(key, part=f'["{key}"]', remove=True)
        if _LABEL_VALUE.fullmatch(value) is None:
            raise rejected(
                f"has {key}={value}, which is no value of a label",
                "Write letters, digits, - _ and . (63 at most)",
                part=f'["{key}"]',
                example="r1",
            )
    return labels


def _taint(text: str) -> str:
    match = re.fullmatch(r"([^=:]+)(?:=([^=:]*))?:(\w+)", text)
    if match is None or match[3] not in EFFECTS or _LABEL_VALUE.fullmatch(match[2] or "") is None:
        raise rejected(
            "is not a taint",
            f"Write KEY=VALUE:EFFECT or KEY:EFFECT, with {', '.join(EFFECTS)}",
            example=EXAMPLE_TAINT,
        )
    _label_key(match[1], example=EXAMPLE_TAINT)
    return text


def _tags(tags: dict[str, str]) -> dict[str, str]:
    seen: dict[str, str] = {}
    for key in tags:
        part = f'["{key}"]'
        if key.lower().startswith("aws:"):
            raise rejected(
                f"has the key {key}, and aws: is reserved for AWS", "Remove it", part=part, remove=True
            )
        if first := seen.get(key.lower()):
            wrong = f"has {first} and {key}, which are one key for IAM: it does not tell small letters from capitals"
            raise rejected(wrong, "Remove one of them", part=part, remove=True)
        seen[key.lower()] = key
        if len(seen) > _MOST_TAGS:
            wrong = f"has {len(tags)} tags"
            advice = f"{_MOST_TAGS} are possible: AWS takes 50 on one resource, and this program's own come to them"
            raise rejected(wrong, advice, part=part, remove=True)
    return tags


def _no_proxy(text: str) -> str:
    """Check what goes into NO_PROXY of files that a shell reads."""
    if re.fullmatch(r"[A-Za-z0-9.*/_-]+(,[A-Za-z0-9.*/_-]+)*", text) is None:
        raise rejected(
            "is not a list of hosts, domains and ranges",
            "Separate them by commas, without spaces",
            example=".example.internal",
        )
    return text


def _pod_mtu(value: int) -> int:
    # 1280 is the least that IPv6 takes and what every network carries; VXLAN takes 50 of EC2's 9001.
    if value != 0 and not 1280 <= value <= 8951:
        raise rejected(
            "is not an MTU that pods can have",
            "0 is automatic, 1280 to 8951 bytes are possible; across a "
            f"site-to-site VPN {POD_MTU_ACROSS_A_VPN} fits",
            example=POD_MTU_ACROSS_A_VPN,
        )
    return value


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise rejected(f"has {value} twice", "Remove one of them", part=f"[{index}]", remove=True)
    return values


def _from_json(value: Any) -> object:
    """Read a list or a map. Pulumi passes them as JSON; what is not JSON is rejected later, by its type."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def _no_boolean(value: object) -> object:
    # `pulumi config set --path managedNodes.min true` stores a boolean, and Python takes True for 1.
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "not a number")
    return value


def _empty_is_none(value: object) -> object:
    # The schema in Pulumi.yaml gives an optional text the default "": a setting without default is required.
    return None if value == "" else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


structured = BeforeValidator(_from_json)
unique = AfterValidator(_unique)
optional = BeforeValidator(_empty_is_none)

Whole = Annotated[int, BeforeValidator(_no_boolean)]
PodMtu = Annotated[int, BeforeValidator(_no_boolean), AfterValidator(_pod_mtu)]
Address = Annotated[str, AfterValidator(_address)]
NoProxy = Annotated[str, AfterValidator(_no_proxy)]
Labels = Annotated[dict[str, str], AfterValidator(_labels)]
Taint = Annotated[str, AfterValidator(_taint)]
Tags = Annotated[dict[str, str], AfterValidator(_tags)]
Zone = Annotated[
    str,
    matching(
        _LABEL_NAME, what="the name of a zone (letters, digits, - _ and ., 63 at most)", example="onprem"
    ),
]
AnySource = Annotated[str, AfterValidator(_any_source)]
PublicSource = Annotated[str, AfterValidator(_public_source)]
CalicoVersion = Annotated[str, AfterValidator(_calico_version)]
NodeadmVersion = Annotated[str, AfterValidator(_nodeadm_version)]
SessionDuration = Annotated[str, AfterValidator(_session_duration)]
InstanceType = Annotated[str, AfterValidator(_instance_type)]
InstanceTypes = Annotated[tuple[str, ...], BeforeValidator(_instance_types)]
Sha256 = Annotated[
    str,
    matching(r"[0-9a-f]{64}", what="a SHA-256 digest of 64 hex digits", example=EXAMPLE_SHA256),
    BeforeValidator(_lower),
]
Port = Annotated[Whole, AfterValidator(_port)]
