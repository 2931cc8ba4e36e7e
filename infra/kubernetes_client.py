"""How every part of this project speaks to an API server with the official client: trust, proxies, no surprises.

The clean-up of hybrid nodes uses it while `pulumi` runs, `ops` afterwards. Importing it takes half a second, which the
program itself does not need: import it where it is used.
"""

from urllib.parse import unquote

import urllib3
from kubernetes import client
from urllib3.util import ssl_


def api_client(configuration: client.Configuration) -> client.ApiClient:
    """Return a client for this configuration, whose `host` is set.

    The client takes a proxy from the environment but not the login in its URL, and checks certificates more strictly
    than EKS can bear.
    """
    proxy = configuration.proxy
    login = urllib3.util.parse_url(proxy).auth if proxy else None
    if login:
        configuration.proxy_headers = urllib3.make_headers(proxy_basic_auth=unquote(login))
    api = client.ApiClient(configuration)
    context = ssl_.create_urllib3_context()
    # EKS makes its authority without key identifiers, which Python 3.13 began to refuse. Chain, expiry and host name
    # stay checked. https://github.com/kubernetes-client/python/issues/2394
    context.verify_flags &= ~ssl_.VERIFY_X509_STRICT
    api.rest_client.pool_manager.connection_pool_kw["ssl_context"] = context
    return api
