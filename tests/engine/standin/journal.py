"""What the stand-ins were asked, and what they are told to do about it.

Both live in one folder, named by the variable STANDIN_FOLDER: `journal.jsonl` (one call a line, written when
the call ends) and `control.json`, read again at every call:

    {"fail":  {"TYPE::NAME": "message"},      create and update answer with this error
     "fail_delete": {"TYPE::NAME": "message"},
     "fail_after": {"TYPE::NAME": "message"}, create makes it and reports it failed: the engine keeps it
     "fail_update": {"TYPE::NAME": "message"}, update changes nothing and reports it failed: the engine keeps it
     "hang":  ["TYPE", "TYPE::NAME"],         create does not return until the engine cancels
     "unrecorded": ["TYPE::NAME"],            create makes it and does not return: the engine never hears of it
     "slow_answer": seconds,                  create makes it and answers that much later
     "lost": ["TYPE", "TYPE::NAME"],          create makes it, its answer is lost, and the provider's second try fails
     "throttled": ["TYPE"],                   every change of these is refused
     "delay": {"TYPE": seconds},              create and delete take that long
     "until": {"TYPE": ["TYPE::NAME"]},       create does not return before these are created (names may be cut short)
     "parameters": {"*": "value"},            what every SSM parameter holds
     "quotas": {"TYPE": number, "vcpus": number},  how many of a type there may be, and vCPUs of all instances
     "extended": ["1.34"],                    Kubernetes versions that have left standard support
     "account": "ID",                         whose credentials are in use
     "zones": ["NAME"]}                       the availability zones that the account sees
"""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

DELAY_S = 0.01
# Much for a busy machine. Whoever waited in vain goes on: the tests see the wrong order.
UNTIL_S = 300

_lock = threading.Lock()


def folder() -> Path:
    """Return the folder that the tests share with us."""
    return Path(os.environ["STANDIN_FOLDER"])


def path() -> Path:
    """Return the journal."""
    return folder() / "journal.jsonl"


def control() -> dict[str, Any]:
    """Return the present orders."""
    file = folder() / "control.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def write(entry: dict[str, Any], started: float) -> None:
    """Add a call to the journal. Times are seconds of the machine's monotonic clock."""
    line = json.dumps({**entry, "started": started, "ended": time.monotonic()})
    with _lock, path().open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def wait_for_creation(keys: list[str]) -> None:
    """Return when a resource of each key (`TYPE::NAME`) has been created, whichever stand-in did it."""
    end = time.monotonic() + UNTIL_S
    while keys and time.monotonic() < end:
        lines = path().read_text(encoding="utf-8").splitlines()
        created = [line for line in lines if '"call": "Create"' in line]
        keys = [key for key in keys if not any(key in line.split('"inputs"')[0] for line in created)]
        time.sleep(0.05)
