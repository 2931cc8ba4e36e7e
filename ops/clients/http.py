"""Requests to the load balancer."""

from __future__ import annotations

import time
from dataclasses import dataclass

import urllib3

from ops.clients.pool import TransportError


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer. `body` is cut at 4 KiB."""

    status: int
    body: str
    seconds: float


class Http:
    """A client by urllib3. A connection serves many requests, as a browser's would."""

    def __init__(self, *, timeout_s: float, connections: int) -> None:
        self._timeout = urllib3.Timeout(total=timeout_s)
        self._pool = urllib3.PoolManager(maxsize=connections, retries=False)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def get(self, url: str) -> Answer:
        """GET a URL, redirects not followed; raises TransportError when there is no HTTP answer."""
        start = time.monotonic()
        try:
            answer = self._pool.request("GET", url, timeout=self._timeout, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise TransportError(str(error)) from None
        body = answer.data[:4096].decode("utf-8", "replace")
        return Answer(status=answer.status, body=body, seconds=time.monotonic() - start)
