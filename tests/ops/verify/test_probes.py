"""The probe scripts run under a real sh, with stand-ins for ping, curl and ip on its PATH."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.verify import parsers, probes

Run = Callable[..., str]


@pytest.fixture
def sh(tmp_path: Path) -> Run:
    """Run an exec command with a tool of the given name and body first on the PATH."""

    def run(tool: str, body: str, command: list[str]) -> str:
        (tmp_path / tool).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / tool).chmod(0o755)
        path = f"{tmp_path}:{os.environ['PATH']}"
        return subprocess.run(
            command, capture_output=True, text=True, env={"PATH": path, "LC_ALL": "de_DE.UTF-8"}, check=True
        ).stdout

    return run


def test_one_exec_pings_every_destination_with_its_own_verdict(sh: Run) -> None:
    body = 'for last; do :; done; echo "$LC_ALL $*"; [ "$last" != 192.168.36.3 ]'

    found = parsers.sections(
        sh("ping", body, list(probes.script(probes.PING, {"a": "192.168.35.3", "b": "192.168.36.3"})))
    )

    assert found == {
        "a": (0, "C -n -c 3 -i 0.3 -W 2 192.168.35.3\n"),
        "b": (1, "C -n -c 3 -i 0.3 -W 2 192.168.36.3\n"),
    }


def test_the_sized_ping_forbids_fragments_and_sends_the_payload(sh: Run) -> None:
    command = list(probes.script(probes.PING_SIZED, {"a": "192.168.35.3/8923"}))

    assert parsers.sections(sh("ping", 'echo "$*"', command)) == {
        "a": (0, "-n -M do -c 3 -i 0.3 -W 2 -s 8923 192.168.35.3\n")
    }


def test_curl_is_asked_for_what_the_parser_reads(sh: Run) -> None:
    # Does what the real curl does with -w: \n and %{...} of the text after it.
    body = """while [ $# -gt 1 ]; do [ "$1" = -w ] && w=$2; shift; done
    printf 'Hello from Pod [a-1] !\\n'
    printf '%b\\n' "$w" | sed 's/%{http_code}/200/;s/%{remote_ip}/10.0.0.9/;s/%{time_total}/0.25/'"""

    code, text = parsers.sections(sh("curl", body, list(probes.script(probes.CURL, {"a": "http://x/"}))))["a"]
    run = parsers.curl(code, text)

    assert (run.status, run.ip, parsers.pod_name(run.body)) == (200, "10.0.0.9", "a-1")


def test_the_mtu_of_the_default_route_can_be_read(sh: Run) -> None:
    link, route = "3: eth0@if12: <UP> mtu 8951 qdisc", "default via 169.254.1.1 dev eth0"
    body = f'case "$*" in "-o link") echo "{link}";; *) echo "{route}";; esac'

    text = sh("ip", body, ["sh", "-c", probes.LINKS])

    assert parsers.link_mtus(text) == {"eth0": 8951}
    assert parsers.routes(text)[0].device == "eth0"


def test_destinations_are_probed_side_by_side_but_not_all_at_once(sh: Run, tmp_path: Path) -> None:
    # Each stand-in waits until a batch is there, takes a moment, and counts those that run beside it.
    count = f"echo {tmp_path}/run.* | wc -w"
    body = f"""mkdir {tmp_path}/run.$$
    for i in $(seq 300); do
      [ $({count}) -lt {probes.BATCH} ] || touch {tmp_path}/batch
      [ ! -e {tmp_path}/batch ] && [ ! -e {tmp_path}/gave-up ] || break
      sleep 0.1
    done
    [ -e {tmp_path}/batch ] || touch {tmp_path}/gave-up
    {count}
    sleep 0.1
    rmdir {tmp_path}/run.$$"""
    wanted = {f"n{number}": "192.168.35.3" for number in range(2 * probes.BATCH)}

    found = parsers.sections(sh("ping", body, list(probes.script(probes.PING, wanted))))

    assert found.keys() == wanted.keys()
    assert max(int(text) for _, text in found.values()) <= probes.BATCH
    assert (tmp_path / "batch").exists()


def test_the_time_limit_grows_with_the_batches() -> None:
    assert [probes.seconds(number, 6.0) for number in (0, 1, 10, 11, 30)] == [6, 6, 6, 12, 18]
