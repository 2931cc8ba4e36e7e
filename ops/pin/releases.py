"""What a release is, read from where its project publishes it, and the settings that pin it."""

import hashlib
import os
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from infra import versions
from k8s import calico_manifest, calico_source
from k8s.calico_structure import differences
from ops.pin import table
from ops.pin.changes import changes, images

_NODEADM = "https://hybrid-assets.eks.amazonaws.com/releases"
_ARCHITECTURES = ("arm64", "amd64")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class PinError(Exception):
    """A release that cannot be pinned. `code`: 1 for what it is, 2 for what could not be read."""

    def __init__(self, text: str, code: int = 2) -> None:
        super().__init__(text)
        self.code = code


def calico(version: str, source: str | None, *, write: bool) -> Iterator[str]:
    """Lines that say what a Calico release is and how to pin it. Errors: PinError."""
    if (
        re.fullmatch(r"\d+\.\d+\.\d+", version) is None
        or version.rpartition(".")[0] not in versions.CALICO_LINES
    ):
        lines = ", ".join(f"{line}.x" for line in versions.CALICO_LINES)
        raise PinError(
            f"{version} is not a release of a known Calico line ({lines}), e.g. ops pin calico 3.32.4"
        )
    release = versions.calico_release(version)
    content = read(source or versions.calico_manifest_url(version))
    digest = hashlib.sha256(content).hexdigest()
    if release.sha256 not in (None, digest):
        raise PinError(
            f"Calico {version}: the manifest read has sha256 {digest}, and infra/versions.py has {release.sha256}. "
            "It was damaged or changed: take it from the Calico project's own address",
            code=1,
        )
    try:
        objects = calico_manifest.parse(content)
    except calico_manifest.CalicoManifestContentError as error:
        raise PinError(str(error), code=1) from None
    different = differences(objects)
    if different:
        raise PinError(
            f"Calico {version} is built in another way than this program can set up: {'; '.join(different)}",
            code=1,
        )
    kinds = Counter(obj["kind"] for obj in objects)
    yield f"Calico {version}, for Kubernetes {', '.join(release.line.kubernetes)}"
    yield f"sha256   {digest} ({len(content)} bytes)"
    yield f"objects  {len(objects)}: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}"
    yield f"images   {', '.join(images(objects))}"
    yield ""
    yield from _compared(version, objects)
    yield ""
    if write:
        yield table.add_calico(version, digest)
    yield "To use it in a stack:"
    yield f"  pulumi config set calicoVersion {version}"
    if release.sha256 is None and not write:
        yield f"  pulumi config set calicoManifestSha256 {digest}"


def _compared(version: str, objects: list[dict]) -> Iterator[str]:
    current = versions.CALICO_DEFAULT
    if version == current:
        yield f"{current} is the default: nothing to compare it with."
        return
    named = os.environ.get("CALICO_MANIFEST")
    for source in dict.fromkeys((named, None)):
        try:
            content = calico_source.fetch(
                source or None, current, versions.CALICO_SHA256[current], Path(".cache")
            )
            break
        except calico_source.CalicoManifestError as error:
            reason = error
    else:
        yield f"Not compared with the default, {current}: {reason}"
        return
    lines = list(changes(calico_manifest.parse(content), objects))
    yield f"What changes from the default, {current}:" if lines else f"The same objects as {current}."
    yield from (f"  {line}" for line in lines)


def nodeadm(version: str, source: str | None, *, write: bool) -> Iterator[str]:
    """Lines that say a nodeadm release's digests and how to pin it. Errors: PinError."""
    if re.fullmatch(r"v\d+\.\d+\.\d+", version) is None:
        raise PinError(
            f"{version} is not a nodeadm release, vX.Y.Z, e.g. ops pin nodeadm {versions.NODEADM_DEFAULT}"
        )
    digests = {}
    for architecture in _ARCHITECTURES:
        url = f"{source or _NODEADM}/{version}/bin/linux/{architecture}/nodeadm.sha256"
        words = read(url).decode("utf-8", "replace").split()
        if not words or re.fullmatch(r"[0-9a-f]{64}", words[0]) is None:
            raise PinError(f"{url} holds no sha256 digest", code=1)
        digests[architecture] = words[0]
    yield f"nodeadm {version}, the digests that AWS publishes"
    yield from (f"{architecture}  {digest}" for architecture, digest in digests.items())
    yield ""
    if write:
        yield table.add_nodeadm(version, digests)
    yield "To use it in a stack (new machines join, then the old ones go):"
    yield f"  pulumi config set nodeadmVersion {version}"
    if not write:
        for architecture, digest in digests.items():
            yield f"  pulumi config set --path nodeadmSha256.{architecture} {digest}"


def read(location: str) -> bytes:
    """The bytes at an https:// address, at an http:// address of this machine, or in a file. Errors: PinError."""
    if "://" not in location:
        try:
            return Path(location).expanduser().read_bytes()
        except OSError as error:
            raise PinError(f"{location} cannot be read: {error.strerror}") from None
    parts = urlsplit(location)
    here = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if parts.scheme != "https" and not here:
        raise PinError(
            f"{location}: a digest is only worth something if what it is of came over https. Name an https:// "
            "address or a file with --from"
        )
    try:
        return calico_source.download(location, opener=urllib.request.build_opener() if here else None)
    except calico_source.CalicoManifestUnavailableError as error:
        raise PinError(
            f"{location} could not be fetched: {error}. Check the network, or fetch it elsewhere and name the file "
            "with --from"
        ) from None
