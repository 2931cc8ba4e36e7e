import hashlib
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from infra import versions
from k8s import calico_source
from k8s.calico_source import (
    CalicoManifestDigestError,
    CalicoManifestError,
    CalicoManifestFileError,
    CalicoManifestUnavailableError,
)

VERSION = versions.CALICO_DEFAULT
RELEASE = versions.calico_release(VERSION)
CONTENT = b"kind: ConfigMap\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
URL = "https://mirror.example.com/calico-vxlan.yaml"


@pytest.fixture
def plain_http():
    """Opens http as well, and never through a proxy: the local server has no certificate."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Network:
    """Stands for the network: hands out `content`, or fails, and counts."""

    def __init__(self, content=CONTENT, failure=None):
        self.content, self.failure, self.urls = content, failure, []

    def __call__(self, url):
        self.urls.append(url)
        if self.failure:
            raise CalicoManifestUnavailableError(self.failure)
        return self.content


def fetch(source, network, cache, *, sha256=DIGEST, version=VERSION):
    return calico_source.fetch(source, version, sha256, cache, download=network)


# Downloads.


def test_a_download_returns_the_body(site, plain_http):
    site.serve(CONTENT)
    assert calico_source.download(site.url, opener=plain_http) == CONTENT
    assert site.requests == ["/calico-vxlan.yaml"]


def test_the_default_opener_speaks_nothing_but_https(site, tmp_path):
    site.serve(CONTENT)
    file = tmp_path / "manifest.yaml"
    file.write_bytes(CONTENT)
    for url in (site.url, file.as_uri(), "ftp://127.0.0.1/manifest.yaml"):
        with pytest.raises(CalicoManifestUnavailableError, match="unknown url type"):
            calico_source.download(url)
    assert site.requests == []


@pytest.mark.parametrize(("status", "reason"), [(404, "404 Not Found"), (503, "503 Service Unavailable")])
def test_an_http_error_says_what_the_server_answered(site, plain_http, status, reason):
    site.serve(b"sorry", status=status)
    with pytest.raises(CalicoManifestUnavailableError, match=reason) as caught:
        calico_source.download(site.url, opener=plain_http)
    assert isinstance(caught.value.__cause__, urllib.error.HTTPError)
    assert caught.value.__cause__.closed


def test_a_transfer_that_breaks_off_is_noticed(site, plain_http):
    site.serve(CONTENT, announced=len(CONTENT) + 5)
    with pytest.raises(CalicoManifestUnavailableError, match="broke off after 16 of 21 bytes"):
        calico_source.download(site.url, opener=plain_http)


def test_a_download_stops_at_the_size_limit(site, plain_http):
    site.serve(b"x" * 101)
    with pytest.raises(CalicoManifestUnavailableError, match="more than 100 bytes"):
        calico_source.download(site.url, opener=plain_http, max_bytes=100)
    site.serve(b"x" * 100)
    assert len(calico_source.download(site.url, opener=plain_http, max_bytes=100)) == 100


def test_a_server_that_does_not_answer_runs_into_the_time_out(site, plain_http):
    site.answer = lambda _handler: site.leave.wait(600)
    with pytest.raises(CalicoManifestUnavailableError, match="timed out"):
        calico_source.download(site.url, opener=plain_http, timeout_s=0.2)


def test_no_network_is_an_error_with_its_reason(plain_http):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(CalicoManifestUnavailableError, match="refused"):
            calico_source.download(url, opener=plain_http)


def test_an_answer_that_is_not_http_is_an_error(site, plain_http):
    site.answer = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
    with pytest.raises(CalicoManifestUnavailableError, match=r"SSH-2\.0"):
        calico_source.download(site.url, opener=plain_http)


# Sources.


def test_without_a_source_the_release_is_fetched_from_its_own_url(tmp_path):
    network = Network(b"not the release")
    with pytest.raises(CalicoManifestDigestError, match=f"expected {RELEASE.sha256}.*try again"):
        fetch(None, network, tmp_path, sha256=None)
    assert network.urls == [versions.calico_manifest_url(VERSION)]


def test_a_source_of_ones_own_is_fetched_and_checked_against_its_digest(tmp_path):
    network = Network()
    assert fetch(URL, network, tmp_path, sha256=DIGEST.upper()) == CONTENT
    assert network.urls == [URL]


def test_a_source_of_ones_own_without_a_digest_must_be_the_released_file(tmp_path):
    with pytest.raises(CalicoManifestDigestError, match=f"sha256 {DIGEST}, expected {RELEASE.sha256}"):
        fetch(URL, Network(), tmp_path, sha256=None)


def test_a_wrong_digest_names_both_and_how_to_trust_the_file_and_leaves_no_trace(tmp_path):
    with pytest.raises(CalicoManifestDigestError) as caught:
        fetch(URL, Network(b"other"), tmp_path)
    other = hashlib.sha256(b"other").hexdigest()
    for part in (URL, DIGEST, "5 bytes", f"pulumi config set calicoManifestSha256 {other}"):
        assert part in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_fails_says_which_what_and_the_way_round(tmp_path):
    with pytest.raises(CalicoManifestUnavailableError) as caught:
        fetch(URL, Network(failure="no route to host"), tmp_path)
    for part in (
        f"Calico {VERSION}",
        URL,
        "no route to host",
        DIGEST,
        "pulumi config set calicoManifest <path>",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize("url", ["http://mirror.example.com/a.yaml", "file:///a.yaml", "s3://bucket/a.yaml"])
def test_an_address_that_is_not_https_is_refused_before_anything_is_fetched(tmp_path, url):
    network = Network()
    with pytest.raises(CalicoManifestError, match="Allowed: an https:// URL or the path of a file"):
        fetch(url, network, tmp_path)
    assert network.urls == []


def test_an_unknown_version_is_refused_with_those_that_are_known(tmp_path):
    with pytest.raises(CalicoManifestError, match=r"calicoVersion 3\.1\.0 has no known digest.*3\.32\.1"):
        calico_source.fetch(None, "3.1.0", None, tmp_path, download=Network())


# Files.


def test_a_file_is_read_where_it_lies(tmp_path):
    file, cache, network = tmp_path / "manifest.yaml", tmp_path / "cache", Network()
    file.write_bytes(CONTENT)
    assert fetch(str(file), network, cache) == CONTENT
    assert network.urls == []
    assert not cache.exists()


def test_a_file_in_the_home_folder_can_be_given_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "manifest.yaml").write_bytes(CONTENT)
    assert fetch("~/manifest.yaml", Network(), tmp_path) == CONTENT


def test_a_file_with_another_digest_is_refused(tmp_path):
    file = tmp_path / "manifest.yaml"
    file.write_bytes(CONTENT[:-1])
    with pytest.raises(CalicoManifestDigestError, match=f"expected {DIGEST}"):
        fetch(str(file), Network(), tmp_path)


def test_a_missing_file_is_not_taken_for_a_missing_network(tmp_path):
    with pytest.raises(CalicoManifestFileError, match=r"absent\.yaml cannot be read: No such file") as caught:
        fetch(str(tmp_path / "absent.yaml"), Network(), tmp_path)
    assert not isinstance(caught.value, CalicoManifestUnavailableError)
    with pytest.raises(CalicoManifestFileError, match="Is a directory"):
        fetch(str(tmp_path), Network(), tmp_path)


# The cache.


def test_what_was_fetched_once_is_not_fetched_again(tmp_path):
    cache = tmp_path / "new" / "cache"
    fetch(URL, Network(), cache)
    unreachable = Network(failure="no network")
    assert fetch(URL, unreachable, cache) == CONTENT
    assert unreachable.urls == []
    assert [file.name for file in cache.iterdir()] == [f"calico-{DIGEST}.yaml"]


def test_the_cache_of_one_digest_does_not_serve_another(tmp_path):
    fetch(URL, Network(), tmp_path)
    other = hashlib.sha256(b"other").hexdigest()
    assert fetch(URL, Network(b"other"), tmp_path, sha256=other) == b"other"


def test_a_damaged_cache_entry_is_fetched_anew_and_mended(tmp_path):
    fetch(URL, Network(), tmp_path)
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(CONTENT[:4])
    network = Network()
    assert fetch(URL, network, tmp_path) == CONTENT
    assert network.urls == [URL]
    assert entry.read_bytes() == CONTENT


def test_a_cache_that_cannot_be_written_costs_only_the_time(tmp_path):
    occupied = tmp_path / "a file, no folder"
    occupied.touch()
    assert fetch(URL, Network(), occupied) == CONTENT
    assert occupied.read_bytes() == b""


def test_a_cache_entry_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    seen = []

    def crash(self, target):
        seen.append((self.parent, self.read_bytes(), Path(target).exists()))
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", crash)
    assert fetch(URL, Network(), tmp_path) == CONTENT
    assert seen == [(tmp_path, CONTENT, False)]
    assert list(tmp_path.iterdir()) == []
