"""A real Kubernetes without machines: etcd, kube-apiserver, controllers, scheduler, and kwok for the kubelets.

    with ControlPlane.start(folder) as cluster:      # folder: an empty one, for data, logs and kubeconfigs
        cluster.api.apply(some_object)               # see api.py
        cluster.api.create(machines.hybrid_node("mi-1", activation_id="..."))   # see machines.py
        cluster.kubeconfig_file, cluster.kubeconfig()                           # for everything else

The binaries must be on the PATH: `PATH="$(.ci/install-kubernetes):$PATH"`. By hand, with `kubectl` or anything else:

    PATH="$(.ci/install-kubernetes):$PATH" python -m tests.cluster.control_plane

prints the path of a kubeconfig and runs until Ctrl-C.

In a test take the fixture `cluster` of conftest.py. Everything is on loopback, on free ports, in one folder; the
processes end with the block, and with this process however it ends. Real is every decision: what the API server
accepts, defaults and refuses, where the scheduler puts a pod, what the controllers make of it. Played by kwok is what a
machine does: a Node that has the annotation of machines.py is Ready and has a lease, a pod that is bound to it runs and
is ready at once. Pulled is no image, probed is no container, routed is no packet.
"""

import contextlib
import ctypes
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from tests.cluster import kubelet
from tests.cluster.api import Api
from tests.cluster.sign_in import TokenReviews

BINARIES: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
START_S: Final = 120.0
STOP_S: Final = 10.0
SERVICE_CIDR: Final = "172.16.0.0/16"
ISSUER: Final = "https://kubernetes.default.svc"
_LOCAL: Final = "127.0.0.1"
_KILL_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG of prctl(2)
# name: (bearer token, groups). `admin` is what EKS makes of whoever created the cluster.
_USERS: Final = {
    "admin": ("admin-token", "system:masters"),
    "reader": ("reader-token", "readers"),
    "nobody": ("nobody-token", "nobodies"),
    "system:kube-controller-manager": ("controllers-token", ""),
    "system:kube-scheduler": ("scheduler-token", ""),
}


def missing_binaries() -> list[str]:
    """Name what is not on the PATH."""
    return [name for name in BINARIES if shutil.which(name) is None]


@dataclass(kw_only=True)
class ControlPlane:
    """A running control plane; `api` speaks to it as its administrator."""

    folder: Path
    ports: dict[str, int]
    api: Api = field(init=False)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _tokens: TokenReviews = field(default_factory=TokenReviews)

    @classmethod
    @contextlib.contextmanager
    def start(cls, folder: Path) -> Generator[Self]:
        """Start it in an empty folder, ready to take objects.

        Raises:
            RuntimeError: a part ended or did not answer in time; the text has the end of its log.

        """
        folder.mkdir(parents=True, exist_ok=True)
        plane = cls(folder=folder, ports=_free_ports("etcd", "etcd-peer", "api", "kubelet"))
        try:
            plane._prepare()
            plane._run("etcd", *plane._etcd_flags())
            plane.start_api_server()
            plane._run("kube-controller-manager", *plane._controller_flags())
            plane._run("kube-scheduler", *plane._client_flags("system:kube-scheduler"))
            plane._run("kwok", *plane._kwok_flags())
            plane._wait("kube-controller-manager", plane._has_service_accounts)
            yield plane
        finally:
            for name in reversed(list(plane._processes)):
                plane._stop(name)
            plane._tokens.close()

    @property
    def url(self) -> str:
        """Where the API server listens."""
        return f"https://{_LOCAL}:{self.ports['api']}"

    @property
    def authority(self) -> str:
        """The certificate that signs the API server's, as PEM."""
        return (self.folder / "serving" / "apiserver.crt").read_text(encoding="utf-8")

    @property
    def kubeconfig_file(self) -> Path:
        """A kubeconfig of the administrator."""
        return self.folder / "admin.kubeconfig"

    def kubeconfig(self, user: str = "admin") -> dict[str, Any]:
        """Return the kubeconfig of a user: `admin`, `reader` (no rights until a test binds some), `nobody`."""
        cluster = {
            "server": self.url,
            "certificate-authority-data": b64encode(self.authority.encode()).decode(),
        }
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "kubernetes", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": _USERS[user][0]}}],
            "contexts": [{"name": user, "context": {"cluster": "kubernetes", "user": user}}],
            "current-context": user,
        }

    def stop_api_server(self) -> None:
        """Stop the API server; etcd, with all that it knows, and the others go on."""
        self._stop("kube-apiserver")

    def start_api_server(self) -> None:
        """Start it, for the first time or again: same address, same certificate."""
        self._run("kube-apiserver", *self._api_server_flags())
        self._wait("kube-apiserver", (self.folder / "serving" / "apiserver.crt").is_file)
        self.api = Api(self.url, self.authority, token=_USERS["admin"][0])
        self._wait("kube-apiserver", self.api.is_ready)
        for user in _USERS:
            file = self.folder / f"{user.removeprefix('system:')}.kubeconfig"
            file.write_text(json.dumps(self.kubeconfig(user)), encoding="utf-8")

    def log(self, name: str, lines: int = 15) -> str:
        """Return the end of a part's log."""
        return "\n".join((self.folder / f"{name}.log").read_text(encoding="utf-8").splitlines()[-lines:])

    # --- how each part is started ----------------------------------------------------------------

    def _prepare(self) -> None:
        key = self.folder / "service-accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        rows = [f'{token},{user},{user},"{groups}"' for user, (token, groups) in _USERS.items()]
        (self.folder / "tokens.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        (self.folder / "webhook.json").write_text(json.dumps(self._tokens.configuration()), encoding="utf-8")
        kubelet.write_configuration(self.folder)

    def _etcd_flags(self) -> list[str]:
        client, peer = (f"http://{_LOCAL}:{self.ports[name]}" for name in ("etcd", "etcd-peer"))
        return [
            f"--data-dir={self.folder / 'etcd'}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        ]

    def _api_server_flags(self) -> list[str]:
        key = self.folder / "service-accounts.key"
        return [
            f"--etcd-servers=http://{_LOCAL}:{self.ports['etcd']}",
            f"--bind-address={_LOCAL}",
            f"--advertise-address={_LOCAL}",
            f"--secure-port={self.ports['api']}",
            f"--cert-dir={self.folder / 'serving'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            f"--authentication-token-webhook-config-file={self.folder / 'webhook.json'}",
            "--authentication-token-webhook-version=v1",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",
            "--enable-admission-plugins=NodeRestriction",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            # kwok answers for all nodes, under an address that no node would use among its own kind.
            "--kubelet-preferred-address-types=ExternalIP",
            # The kubernetes Service points at this server, whose address is a loopback one.
            "--endpoint-reconciler-type=none",
        ]

    def _controller_flags(self) -> list[str]:
        return [
            *self._client_flags("system:kube-controller-manager"),
            f"--service-account-private-key-file={self.folder / 'service-accounts.key'}",
            f"--root-ca-file={self.folder / 'serving' / 'apiserver.crt'}",
            "--use-service-account-credentials=true",
        ]

    def _client_flags(self, user: str) -> list[str]:
        file = self.folder / f"{user.removeprefix('system:')}.kubeconfig"
        return [f"--kubeconfig={file}", "--leader-elect=false", "--secure-port=0"]

    def _kwok_flags(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig_file}",
            f"--config={self.folder / kubelet.CONFIGURATION}",
            f"--manage-nodes-with-annotation-selector={kubelet.PLAYED}=fake",
            "--node-lease-duration-seconds=40",
            f"--node-ip={_LOCAL}",
            f"--node-port={self.ports['kubelet']}",
            f"--server-address={_LOCAL}:{self.ports['kubelet']}",
            f"--tls-cert-file={self.folder / 'serving' / 'apiserver.crt'}",
            f"--tls-private-key-file={self.folder / 'serving' / 'apiserver.key'}",
        ]

    # --- processes -------------------------------------------------------------------------------

    def _run(self, name: str, *flags: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [name, *flags],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def _stop(self, name: str) -> None:
        process = self._processes.pop(name)
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait(self, name: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_S
        while not is_ready():
            code = self._processes[name].poll()
            if code is not None or time.monotonic() > deadline:
                state = "did not get ready" if code is None else f"ended with {code}"
                raise RuntimeError(f"{name} {state}:\n{self.log(name)}")
            time.sleep(0.1)

    def _has_service_accounts(self) -> bool:
        # Without this one no pod of a namespace is accepted.
        return self.api.find("v1", "ServiceAccount", "default", namespace="default") is not None


def _end_with_parent() -> None:
    """Ask the kernel to end this process when the tests end, however they end. Runs in the child."""
    ctypes.CDLL(None).prctl(_KILL_WITH_PARENT, signal.SIGKILL)


def _free_ports(*names: str) -> dict[str, int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for each in sockets:
            each.bind((_LOCAL, 0))
        return {name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)}


def main() -> None:
    """Run a control plane until Ctrl-C."""
    if missing := missing_binaries():
        sys.exit(f'Not on the PATH: {", ".join(missing)}. Run: PATH="$(.ci/install-kubernetes):$PATH" ...')
    with tempfile.TemporaryDirectory() as folder, ControlPlane.start(Path(folder) / "it") as cluster:
        sys.stdout.write(f"export KUBECONFIG={cluster.kubeconfig_file}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
