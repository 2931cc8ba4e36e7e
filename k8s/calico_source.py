"""Where Calico's manifest comes from: a release's URL or one's own, or a file; verified, and cached by digest.

Pure: no pulumi package is imported and no environment variable is read. The bytes are the Calico project's own
`calico-vxlan.yaml`; nothing of it is kept in this repository, and no byte is used whose sha256 is not the
expected one.
"""

import contextlib
import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

from infra import versions

TIMEOUT_S: Final = 30
# The released manifests have about 350 kB. What is far larger is not one of them.
MAX_BYTES: Final = 5 * 1024 * 1024


class CalicoManifestError(Exception):
    """The Calico manifest cannot be used. The message says why and what to do."""


class CalicoManifestUnavailableError(CalicoManifestError):
    """The manifest could not be downloaded: no network, no such page, a broken transfer."""


class CalicoManifestFileError(CalicoManifestError):
    """The manifest was given as a file, and that file cannot be read."""


class CalicoManifestDigestError(CalicoManifestError):
    """The manifest's sha256 is not the expected one."""


def _https_only() -> urllib.request.OpenerDirector:
    """Build an opener that speaks https alone, so that a redirect cannot leave it either."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def download(
    url: str,
    *,
    opener: urllib.request.OpenerDirector | None = None,
    timeout_s: float = TIMEOUT_S,
    max_bytes: int = MAX_BYTES,
) -> bytes:
    """Return the body behind `url`, at most `max_bytes` long; `timeout_s` bounds each wait for the network.

    Raises CalicoManifestUnavailableError.
    """
    try:
        with (opener or _https_only()).open(url, timeout=timeout_s) as response:
            body = response.read(max_bytes + 1)
            announced = int(response.headers.get("Content-Length") or len(body))
    except urllib.error.HTTPError as error:
        # An HTTPError is an open response; left open it warns about itself when it is collected.
        error.close()
        raise CalicoManifestUnavailableError(f"the server answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise CalicoManifestUnavailableError(f"{reason}") from error
    if len(body) > max_bytes:
        raise CalicoManifestUnavailableError(
            f"more than {max_bytes} bytes came, which no Calico manifest has"
        )
    if len(body) < announced:
        raise CalicoManifestUnavailableError(f"the transfer broke off after {len(body)} of {announced} bytes")
    return body


def fetch(
    source: str | None,
    version: str,
    sha256: str | None,
    cache_dir: Path,
    *,
    download: Callable[[str], bytes] = download,
) -> bytes:
    """Return the manifest's bytes, whose sha256 is the expected one.

    A file is read where it lies. A URL is downloaded once and then taken from `cache_dir`, where a file is named
    after its digest and checked again at each use. Raises CalicoManifestError.
    """
    digest = sha256 or versions.CALICO_SHA256.get(version)
    if digest is None:
        raise CalicoManifestError(
            f"calicoVersion {version} has no known digest. Allowed without calicoManifestSha256: "
            f"{', '.join(versions.CALICO_SHA256)}. pulumi config set calicoVersion {versions.CALICO_DEFAULT}"
        )
    expected = digest.lower()
    location = source or versions.calico_manifest_url(version)
    own = "calicoManifest" if source else "calicoManifestSha256" if sha256 else ""
    scheme = urllib.parse.urlsplit(location).scheme if "://" in location else ""
    if not scheme:
        return _verified(_read_file(Path(location)), expected, version, location, own=own)
    if scheme != "https":
        raise CalicoManifestError(
            f"calicoManifest {location} is a {scheme} address. Allowed: an https:// URL or the "
            "path of a file. pulumi config set calicoManifest <https URL or path>"
        )

    cached = cache_dir / f"calico-{expected}.yaml"
    with contextlib.suppress(OSError):
        content = cached.read_bytes()
        if _sha256(content) == expected:
            return content
    try:
        content = download(location)
    except CalicoManifestUnavailableError as error:
        raise CalicoManifestUnavailableError(
            f"Calico {version}: {location} could not be fetched: {error}. Check the network and try again, or "
            f"download the file elsewhere (its sha256 must be {expected}) and run: "
            "pulumi config set calicoManifest <path>"
        ) from error
    content = _verified(content, expected, version, location, own=own)
    # The cache only saves time: in a read-only checkout the program works without it.
    with contextlib.suppress(OSError):
        _write_atomically(cached, content)
    return content


def _read_file(path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise CalicoManifestFileError(
            f"The Calico manifest {path} cannot be read: {error.strerror}. Name another file (CALICO_MANIFEST, or "
            "pulumi config set calicoManifest <path>), or take the released one: pulumi config rm calicoManifest"
        ) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _verified(content: bytes, expected: str, version: str, location: str, *, own: str) -> bytes:
    seen = _sha256(content)
    if seen == expected:
        return content
    if own:
        advice = (
            "If this is the file you mean and you trust it: "
            f"pulumi config set calicoManifestSha256 {seen}. If not: pulumi config rm {own}"
        )
    else:
        advice = "It was damaged or changed on the way: try again, from another network if need be"
    raise CalicoManifestDigestError(
        f"Calico {version}: {location} ({len(content)} bytes) has sha256 {seen}, expected {expected}. {advice}"
    )


def _write_atomically(path: Path, content: bytes) -> None:
    """Write so that another run, at the same time or after a crash, never reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
