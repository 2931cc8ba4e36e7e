"""What an EC2 instance type's name says about the machine. Pure."""

import re
from typing import Final, Literal

Architecture = Literal["arm64", "amd64"]

# Family, dot, size: t4g.medium, u-6tb1.56xlarge, m7i-flex.large, c5.metal-24xl.
_TYPE: Final = re.compile(r"(?P<family>[a-z][a-z0-9-]*)\.(?P<size>[a-z0-9-]+)")

# Graviton: the family's digits are followed by g (t4g, c7gn, x2gd, is4gen); a1 was the first of them.
# https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
_GRAVITON: Final = re.compile(r"a1|[a-z]+[0-9]+g[a-z]*")

# 0.5 and 1 GiB of memory. The kubelet, Calico and the system do not fit.
_TOO_SMALL: Final = frozenset({"nano", "micro"})


# Why nothing of a family can be a node. Graviton 1 has ARMv8.0; Amazon Linux 2023 needs ARMv8.2 and panics at boot:
# https://docs.aws.amazon.com/linux/al2023/ug/system-requirements.html. A mac instance is a dedicated host with macOS.
_NO_NODES: Final = (
    (re.compile(r"a1"), "has Graviton 1 processors, on which Amazon Linux 2023 does not boot"),
    (re.compile(r"mac([0-9]+)?(-.*)?"), "is a Mac, for which there is no Linux image"),
)


def not_a_node(instance_type: str) -> str | None:
    """Say why a machine of this type cannot be a node; None when nothing is known against it."""
    family = instance_type.partition(".")[0]
    return next((reason for form, reason in _NO_NODES if form.fullmatch(family)), None)


def is_instance_type(name: str) -> bool:
    """Tell whether a name has the form of an EC2 instance type."""
    return _TYPE.fullmatch(name) is not None


def is_too_small(instance_type: str) -> bool:
    """Tell whether an instance type has too little memory to be a Kubernetes node."""
    return instance_type.partition(".")[2] in _TOO_SMALL


def architecture(instance_type: str) -> Architecture:
    """Tell the processor architecture of an instance type, as nodeadm and Kubernetes name it."""
    return "arm64" if _GRAVITON.fullmatch(instance_type.partition(".")[0]) else "amd64"
