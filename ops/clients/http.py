"""Requests to the load balancer, and the certificate that it shows."""

import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import urllib3

from ops.clients.pool import TransportError

# What OpenSSL calls a certificate that is for another host, or for another address (openssl/x509_vfy.h).
_OTHER_NAME = (62, 64)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer. `body` is cut at 4 KiB; `location` is where a redirect leads."""

    status: int
    body: str
    seconds: float
    location: str = ""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What a server showed: this machine trusts its chain, and it is in force today.

    `fits` says whether it is for the name that was asked for.
    """

    names: tuple[str, ...]
    ends: datetime
    fits: bool


class CertificateError(Exception):
    """A certificate that this machine refuses, in OpenSSL's words and by its number."""

    def __init__(self, error: ssl.SSLCertVerificationError) -> None:
        super().__init__(error.verify_message)
        self.code = error.verify_code


class Http:
    """A client by urllib3. A connection serves many requests, as a browser's would."""

    def __init__(self, *, timeout_s: float, connections: int) -> None:
        self._timeout_s, self._timeout = timeout_s, urllib3.Timeout(total=timeout_s)
        self._pool = urllib3.PoolManager(maxsize=connections, retries=False)
        self._any_name = urllib3.PoolManager(maxsize=connections, retries=False, assert_hostname=False)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()
        self._any_name.clear()

    def get(self, url: str, *, any_name: bool = False) -> Answer:
        """GET a URL, redirects not followed; raises TransportError when there is no HTTP answer.

        With `any_name` an https URL may have a certificate for another host; its chain and dates are checked all the
        same.
        """
        start, pool = time.monotonic(), self._any_name if any_name else self._pool
        try:
            answer = pool.request("GET", url, timeout=self._timeout, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise TransportError(str(error)) from None
        body = answer.data[:4096].decode("utf-8", "replace")
        seconds = time.monotonic() - start
        location = answer.headers.get("Location", "")
        return Answer(status=answer.status, body=body, seconds=seconds, location=location)

    def certificate(self, host: str, port: int) -> Certificate:
        """Ask a server for its certificate, as a client that checks it.

        Errors: CertificateError (the chain is not trusted here, or it is not in force today); TransportError
        (there is no TLS connection).
        """
        try:
            try:
                found, fits = self._shown(host, port, by_name=True), True
            except ssl.SSLCertVerificationError as error:
                if error.verify_code not in _OTHER_NAME:
                    raise
                found, fits = self._shown(host, port, by_name=False), False
        except ssl.SSLCertVerificationError as error:
            raise CertificateError(error) from None
        except OSError as error:
            raise TransportError(f"{host}:{port}: {error}") from None
        names = tuple(str(name) for _, name in found.get("subjectAltName", ()))
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(found["notAfter"]), UTC)
        return Certificate(names=names, ends=ends, fits=fits)

    def _shown(self, host: str, port: int, *, by_name: bool) -> dict[str, Any]:
        tls = ssl.create_default_context()
        tls.check_hostname = by_name
        with (
            socket.create_connection((host, port), timeout=self._timeout_s) as plain,
            tls.wrap_socket(plain, server_hostname=host) as connection,
        ):
            return connection.getpeercert() or {}
