"""The operating systems that a hybrid node may run: a row for each. Pure.

What else a new one needs: its lines in userdata/join.sh, where it installs packages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal


@dataclass(frozen=True, kw_only=True)
class System:
    """`images` are the public SSM parameters that hold the newest image of an architecture.

    `root_device` is the device name that those images boot from, `os_release` ID and VERSION_ID of
    /etc/os-release, `packages` the package manager that nodeadm runs.
    """

    images: Mapping[str, str]
    root_device: str
    os_release: str
    packages: Literal["apt", "dnf"]

    @property
    def plain_http(self) -> bool:
        """Whether packages come over port 80: Ubuntu's mirrors for EC2 answer nothing else (packages are signed)."""
        return self.packages == "apt"


def _ubuntu(version: str, volume: str) -> System:
    # https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
    image = f"/aws/service/canonical/ubuntu/server/{version}/stable/current/{{}}/hvm/ebs-{volume}/ami-id"
    return System(
        images={name: image.format(name) for name in ("arm64", "amd64")},
        root_device="/dev/sda1",
        os_release=f"ubuntu {version}",
        packages="apt",
    )


SYSTEMS: Final[Mapping[str, System]] = MappingProxyType(
    {
        "ubuntu-24.04": _ubuntu("24.04", "gp3"),
        # It has no gp3 variant.
        "ubuntu-22.04": _ubuntu("22.04", "gp2"),
        # https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
        "al2023": System(
            images={
                "arm64": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
                "amd64": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
            },
            root_device="/dev/xvda",
            os_release="amzn 2023",
            packages="dnf",
        ),
    }
)
DEFAULT_SYSTEM: Final = "ubuntu-24.04"
