"""Starts the stand-ins by forking one process that has read the SDKs already.

The engine starts four stand-ins in each command. One that starts by itself spends most of its processor time on
imports: of pulumi, and of the classes of its resources. Each is a process of its own as before: `start.py` is what the
engine starts and ends, a fork of this one does the work.
"""

import atexit
import importlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType

from tests.engine.standin import provider

START = Path(__file__).with_name("start.py")
# A package and a folder; the name of a module.
_MESSAGE_BYTES = 4096


@cache
def address() -> str:
    """Return the socket of a process that starts stand-ins, started when first asked for; it ends with this one."""
    path = str(Path(mkdtemp(prefix="standin-")) / "socket")
    command = [sys.executable, "-m", "tests.engine.standin.warm", path]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    atexit.register(_end, process)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return path


def _end(process: subprocess.Popen[bytes]) -> None:
    with process:
        pass  # closes its standard input, and waits


def main(path: str) -> None:
    """Fork a stand-in for each connection to `path`, until the standard input ends."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    # Of forks that end: modules that they have imported. The next ones find them.
    imported, report = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    report.setblocking(False)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    events = selectors.DefaultSelector()
    for file in (listener, imported, sys.stdin):
        events.register(file, selectors.EVENT_READ)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        readable = {key.fileobj for key, _ in events.select()}
        if sys.stdin in readable:
            return
        if imported in readable:
            _read(imported.recv(_MESSAGE_BYTES).decode())
        if listener in readable:
            connection, _ = listener.accept()
            if os.fork() == 0:
                _stand_in(connection, report)
            connection.close()


def _read(name: str) -> None:
    """Import a module whole: one that pulumi loads lazily (pulumi/_utils.py) is read when it is asked for something.

    A module within it that is imported before that takes names away from it.
    """
    getattr(importlib.import_module(name), "__all__", None)


def _whole() -> set[str]:
    """Return the names of the SDKs' modules that are read, without the lazy ones that nobody has asked yet."""
    modules = list(sys.modules.items())
    return {name for name, module in modules if name.startswith("pulumi_") and type(module) is ModuleType}


def _stand_in(connection: socket.socket, report: socket.socket) -> None:
    request, descriptors, *_ = socket.recv_fds(connection, _MESSAGE_BYTES, 2)
    for number, descriptor in enumerate(descriptors, 1):
        os.dup2(descriptor, number)
    package, os.environ["STANDIN_FOLDER"] = request.decode().split("\n")
    threading.Thread(target=_end_with, args=(connection, report, _whole()), daemon=True).start()
    provider.serve(package)
    os._exit(0)


def _end_with(connection: socket.socket, report: socket.socket, known: set[str]) -> None:
    connection.recv(1)
    for name in sorted(_whole() - known):
        try:
            report.send(name.encode())
        except BlockingIOError:
            break
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
