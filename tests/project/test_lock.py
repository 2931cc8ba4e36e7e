"""The locks: complete, pinned by hash, and installed as they are, whatever an index has since received."""

import base64
import hashlib
import http.server
import importlib.metadata
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements-uv.txt", "requirements.txt", "requirements-dev.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
NEWER = "9999.0"
WHEEL = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def pins(name: str) -> dict[str, Requirement]:
    """Package -> its line of a lock, with its version and marker."""
    lines = re.findall(r"^([a-z0-9].*?) *\\?$", (ROOT / name).read_text(), re.MULTILINE)
    found = [Requirement(line) for line in lines]
    by_name: dict[str, Requirement] = {canonicalize_name(pin.name): pin for pin in found}
    assert len(by_name) == len(found), "a package stands twice in a lock"
    return by_name


def version(pin: Requirement) -> str:
    return str(pin.specifier).removeprefix("==")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_every_package_by_hash_and_names_no_registry(name):
    text = (ROOT / name).read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins(name)) >= 1
    assert all(re.match(r"\S+==\S+ ", block) and "--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert "index-url" not in text


def test_both_locks_pin_the_same_versions():
    user, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: str(dev.get(name)) for name in user} == {name: str(pin) for name, pin in user.items()}


def test_every_place_names_the_same_pythons():
    bound = SpecifierSet(PROJECT["project"]["requires-python"])
    assert [f"3.{minor}" for minor in range(9, 20) if f"3.{minor}" in bound] == list(PYTHONS)
    oldest, newest = PYTHONS[0], PYTHONS[-1]
    assert PROJECT["tool"]["ruff"]["target-version"] == "py" + oldest.replace(".", "")
    assert PROJECT["tool"]["ty"]["environment"]["python-version"] == oldest
    sentence = f"Python {oldest} to {newest}"
    for name in ("Makefile", "README.md", ".ci/run"):
        assert sentence in (ROOT / name).read_text(), name
    assert f"--python-version {oldest} " in (ROOT / "Makefile").read_text()
    matrix = ", ".join(f'"{python}"' for python in PYTHONS)
    assert f"python: [{matrix}]" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def environment(python: str, system: str, machine: str) -> dict[str, str]:
    """What a marker asks, for one supported Python and one kind of machine (PEP 508)."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": {"linux": "Linux", "darwin": "Darwin"}[system],
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": system,
    }


def applies(requirement: Requirement, where: dict[str, str], extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({**where, "extra": extra}) for extra in extras or {""})


def missing(lock: dict[str, Requirement], asked: list[str], where: dict[str, str]) -> list[str]:
    """What `asked` needs, directly or through others and their extras, and the lock does not hold."""
    lost, done = [], set()
    queue = [("this project", Requirement(text)) for text in asked]
    while queue:
        by, needed = queue.pop()
        name, extras = canonicalize_name(needed.name), frozenset(needed.extras)
        if (name, extras) in done:
            continue
        pin = lock.get(name)
        if pin is None or not applies(pin, where, frozenset()) or version(pin) not in needed.specifier:
            lost.append(f"{by} needs {needed}")
            continue
        done.add((name, extras))
        metadata = importlib.metadata.distribution(name)
        assert metadata.version == version(pin), f"{name}: the environment is not the lock's; run: make test"
        if not SpecifierSet(next(iter(metadata.metadata.get_all("Requires-Python") or []), "")).contains(
            where["python_full_version"]
        ):
            lost.append(f"{name} {version(pin)} does not run on Python {where['python_version']}")
        below = [Requirement(text) for text in metadata.requires or []]
        queue += [(name, each) for each in below if applies(each, where, extras | {""})]
    return lost


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("system", "machine"),
    [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"), ("darwin", "arm64")],
)
def test_a_lock_holds_everything_that_its_packages_need(python, system, machine):
    where = environment(python, system, machine)
    user = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["ops"]
    dev = PROJECT["project"]["optional-dependencies"]["dev"]
    assert missing(pins("requirements.txt"), user, where) == []
    assert missing(pins("requirements-dev.txt"), user + dev, where) == []
    assert missing(pins("requirements-uv.txt"), PROJECT["dependency-groups"]["setup"], where) == []


def test_a_package_that_only_an_extra_needs_is_missed():
    where = environment("3.11", "linux", "x86_64")
    lock = pins("requirements.txt")
    assert missing(lock, ["pulumi"], where) == []
    assert "urllib3" in lock
    # PySocks is what urllib3[socks] adds; no lock has it.
    assert missing(lock, ["urllib3[socks]"], where)[0].lower().startswith("urllib3 needs pysocks")


# --- an index that has newer releases of everything -------------------------------------------------


@dataclass
class Index:
    """A package index (PEP 503) on the loopback interface.

    files: package -> file name -> content. asked: the path of each request, and the client that made it.
    """

    url: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, wheel_version: str, metadata: str, extra_files: dict[str, bytes]) -> str:
        """Puts in a wheel and returns its sha256."""
        stem = f"{name.replace('-', '_')}-{wheel_version}"
        contents = {
            **extra_files,
            f"{stem}.dist-info/METADATA": metadata.encode(),
            f"{stem}.dist-info/WHEEL": WHEEL,
        }
        record = "".join(f"{path},{digest(data)},{len(data)}\n" for path, data in contents.items())
        contents[f"{stem}.dist-info/RECORD"] = f"{record}{stem}.dist-info/RECORD,,\n".encode()
        place = self.files.setdefault(name, {})
        wheel = f"{stem}-py3-none-any.whl"
        place[wheel] = zipped(contents)
        return hashlib.sha256(place[wheel]).hexdigest()


def digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def zipped(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in contents.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (stat.S_IFREG | 0o755) << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


@pytest.fixture
def index() -> Iterator[Index]:
    served = Index()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            served.asked.append((self.path, self.headers["User-Agent"].split("/")[0]))
            _, kind, name, *rest = self.path.split("/")
            files = served.files.get(name, {})
            if kind == "simple" and files:
                links = (f'<a href="/files/{name}/{file}">{file}</a>' for file in files)
                self.reply(200, f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode())
            elif kind == "files" and rest and rest[0] in files:
                self.reply(200, files[rest[0]])
            else:
                self.reply(404, b"")

        def reply(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if self.path.startswith("/simple") else "binary")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):  # noqa: A002 - the name of the parent's argument
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        served.url = f"http://127.0.0.1:{server.server_port}/simple/"
        yield served
        server.shutdown()
        thread.join()


@pytest.fixture
def project(tmp_path, index) -> Path:
    """The project's set-up, with locks of the same packages and versions whose files are tiny.

    Each package asks for what the real one asks for; the index has a newer release of each as well, which
    fits as well. setuptools and uv do their real work: the first one's files are real, the second starts the real one.
    """
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    # The release is there.
    (folder / "infra").mkdir()
    shutil.copy(ROOT / "infra" / "versions.py", folder / "infra")
    uv = Path(sys.executable).with_name("uv")
    assert uv.exists(), "the environment is not the lock's; run: make test"
    hashes = {}
    for pin in (pin for name in LOCKS for pin in pins(name).values()):
        if pin.name in hashes or not applies(pin, environment("3.11", "linux", "x86_64"), frozenset()):
            continue
        distribution = importlib.metadata.distribution(pin.name)
        asks = "".join(f"Requires-Dist: {text}\n" for text in distribution.requires or [])
        extras = distribution.metadata.get_all("Provides-Extra") or []
        asks += "".join(f"Provides-Extra: {extra}\n" for extra in extras)
        for each in (NEWER, version(pin)):
            contents = {}
            if pin.name == "uv":
                contents[f"uv-{each}.data/scripts/uv"] = f'#!/bin/sh\nexec "{uv}" "$@"\n'.encode()
            elif pin.name == "setuptools" and each != NEWER:
                contents = {
                    str(file): Path(file.locate()).read_bytes()
                    for file in distribution.files or []
                    if file.suffix != ".pyc"
                    and (
                        file.parts[0] in ("setuptools", "_distutils_hack") or file.name == "entry_points.txt"
                    )
                }
            metadata = f"Metadata-Version: 2.1\nName: {pin.name}\nVersion: {each}\n{asks}"
            hashes[pin.name] = index.add(pin.name, each, metadata, contents)
    for name in LOCKS:
        lines = [f"{pin} --hash=sha256:{hashes.get(pin.name, '0' * 64)}\n" for pin in pins(name).values()]
        (folder / name).write_text("".join(lines))
    return folder


def set_up(project: Path, index: Index, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PIP_", "UV_", "MAKE", "MFLAGS"))
    }
    home = project.parent / "home"
    variables = {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index.url,
        "UV_DEFAULT_INDEX": index.url,
        "UV_NO_CONFIG": "1",
    }
    return subprocess.run(
        ["make", "--no-print-directory", ".venv/.dev", f"PYTHON={sys.executable}"],
        cwd=project,
        env={**kept, **variables, **more},
        check=False,
        capture_output=True,
        text=True,
    )


def old_python(file: Path) -> None:
    """Puts a Python 3.10 there, as far as the Makefile looks at it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.10.13 || exit 1\n')
    file.chmod(0o755)


def test_an_old_python_is_refused_with_the_way_out(tmp_path):
    for name in ("Makefile", *LOCKS, "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    old_python(tmp_path / "python3")
    command = ["make", "--no-print-directory", "plan", f"PYTHON={tmp_path / 'python3'}"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Python 3.11 to 3.14 is needed" in done.stderr
    assert "is Python 3.10.13. Name another: make PYTHON=python3.12" in done.stderr


def test_an_environment_of_an_old_python_is_refused_with_the_way_out(tmp_path):
    for name in ("Makefile", *LOCKS, "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    old_python(tmp_path / ".venv" / "bin" / "python")
    done = subprocess.run(
        ["make", "--no-print-directory", "plan"], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert ".venv was made with Python 3.10.13" in done.stderr
    assert "make clean" in done.stderr


def installed(project: Path) -> dict[str, str]:
    code = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    done = subprocess.run(
        [project / ".venv" / "bin" / "python", "-c", code], check=True, capture_output=True, text=True
    )
    return {canonicalize_name(name): found for name, found in json.loads(done.stdout).items()}


def locked() -> dict[str, str]:
    here = environment("{}.{}".format(*sys.version_info[:2]), sys.platform, os.uname().machine)
    every = {name: pin for lock in LOCKS for name, pin in pins(lock).items()}
    return {name: version(pin) for name, pin in every.items() if applies(pin, here, frozenset())}


@pytest.mark.parametrize("installer", ["uv", "pip, where uv cannot"])
def test_an_index_with_newer_releases_of_everything_changes_nothing(project, index, installer):
    # uv reaches no index here, as behind a mirror that only pip's settings name.
    more = (
        {}
        if installer == "uv"
        else {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple/", "UV_HTTP_RETRIES": "0"}
    )
    done = set_up(project, index, **more)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    said = [line for line in done.stderr.splitlines() if "Installing the " not in line]
    assert said == (
        [] if installer == "uv" else ["uv could not install them; pip does, which takes some minutes ..."]
    )
    found = installed(project)
    assert {name: found.get(name) for name in locked()} == locked()
    assert [path for path, _ in index.asked if NEWER in path] == []
    clients = {client for path, client in index.asked if path == "/simple/boto3/"}
    assert clients == {installer.split(",")[0]}


def test_a_file_that_is_not_the_locked_one_is_refused(project, index):
    lock = project / "requirements.txt"
    lock.write_text(re.sub(r"(?m)^(six==.*sha256:)\w+", r"\g<1>" + "0" * 64, lock.read_text()))
    done = set_up(project, index)
    assert done.returncode != 0
    assert "HASHES" in done.stderr
    assert "six" in done.stderr
    assert not (project / ".venv" / ".runtime").exists()
