"""Signs in to the API server the way the kubeconfig says: by its credential plug-in (`aws eks get-token`).

The Kubernetes client runs such plug-ins as well, but only logs their failure and then goes on without a token, and
hands them the terminal. Here a failure is an error that says what the plug-in said.
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.clients import tools
from ops.clients.errors import AskError

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class ExecCredentials:
    """A token that is renewed shortly before it ends. Several threads may ask for it."""

    def __init__(self, plugin: dict[str, Any], *, profile: str | None) -> None:
        self._command = [plugin["command"], *(plugin.get("args") or [])]
        self._api_version = plugin["apiVersion"]
        # The exported kubeconfig names no AWS profile; the stack's own profile goes in by the environment, where keys
        # would win over it: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html
        self._environment = {"AWS_PROFILE": profile} if profile else {}
        self._without = _KEYS if profile else ()
        self._environment |= {item["name"]: item["value"] for item in plugin.get("env") or []}
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at: datetime | None = None

    def token(self) -> str:
        """Give a token that is good for at least another minute."""
        with self._lock:
            stale = self._renew_at is not None and datetime.now(UTC) >= self._renew_at
            if not self._token or stale:
                self._token, self._renew_at = self._ask()
            return self._token

    def refresh(self, configuration: Any) -> None:
        """Put a good token into a client configuration; the client calls this before each request."""
        bearer = f"Bearer {self.token()}"
        # The key is "authorization" or "BearerToken", depending on the client's version.
        configuration.api_key = dict.fromkeys(configuration.api_key, bearer)

    def _ask(self) -> tuple[str, datetime | None]:
        info = {"apiVersion": self._api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
        done = tools.run(
            self._command,
            environment={**self._environment, "KUBERNETES_EXEC_INFO": json.dumps(info)},
            without=self._without,
            timeout_s=60,
            missing="aws-cli-missing",
        )
        if done.exit_code:
            raise self._failed(done.stderr.strip() or f"exit code {done.exit_code}")
        try:
            status = json.loads(done.stdout)["status"]
            return str(status["token"]), _renewal(status.get("expirationTimestamp"))
        except (ValueError, KeyError, TypeError):
            raise self._failed("its output holds no token") from None

    def _failed(self, seen: str) -> AskError:
        return AskError(f"{' '.join(self._command)}: {seen}", code="token-refused")


def _renewal(expires: object) -> datetime | None:
    """Give the moment one minute before a timestamp such as 2026-11-23T12:00:00Z."""
    if not isinstance(expires, str):
        return None
    try:
        end = datetime.fromisoformat(expires.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (end if end.tzinfo else end.replace(tzinfo=UTC)) - timedelta(minutes=1)
