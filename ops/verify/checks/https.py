"""lb: with a certificate, clients accept it for long enough, and http leads to https."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from ops.checks.model import Findings, Outcome, listed, skipped
from ops.clients.http import Certificate, CertificateError
from ops.clients.pool import TransportError, retrying
from ops.verify.context import Context
from ops.verify.sample_app import sample_check

# ACM begins to renew what it has issued weeks before that, 60 days before the end in
# https://docs.aws.amazon.com/acm/latest/userguide/renew-private-cert.html: what has fewer was not renewed.
_SOON = timedelta(days=30)
_RENEW = (
    "aws acm describe-certificate --certificate-arn ARN (the setting albCertificateArn) says what hinders its "
    "renewal; an imported one is never renewed: import it again, or pulumi config set albCertificateArn OTHER"
)
_SIGNED = (
    "use a certificate that ACM has issued, import it with its whole chain, or make your own authority known here: "
    "SSL_CERT_FILE=authority.pem ops verify"
)
# By OpenSSL's numbers (openssl/x509_vfy.h).
_REFUSALS = {
    9: (
        "its first day is still to come, or this machine's clock is slow",
        "timedatectl shows the clock; if it is right, set albCertificateArn to one that is in force",
    ),
    10: ("its last day is over, so clients refuse it (or this machine's clock is fast)", _RENEW),
    **dict.fromkeys(
        (2, 18, 19, 20, 21),
        (
            "its chain does not lead to an authority that this machine trusts, so clients like it refuse it",
            _SIGNED,
        ),
    ),
}


@sample_check(
    "lb.https",
    "with albCertificateArn: clients accept the certificate, for 30 days at least, and http leads to https",
    eventually=True,
)
def https(context: Context, findings: Findings) -> str | Outcome:
    url = urlsplit(context.deployment.alb_url)
    if url.scheme != "https":
        return skipped("albCertificateArn is not set: the URL is http")
    host, port = url.hostname or "", url.port or 443
    try:
        shown = retrying(lambda: context.http.certificate(host, port), retries=context.limits.retries)
    except CertificateError as error:
        why, fix = _REFUSALS.get(
            error.code, ("OpenSSL on this machine says so, and clients like it refuse it", _SIGNED)
        )
        findings.fail(f"the certificate of {host} is refused: {error}", why=why, fix=fix)
        return ""
    except TransportError as error:
        _no_answer(context, findings, f"https://{host}", error, port=443)
        return ""
    _judge(context, findings, shown, host)
    _redirect(context, findings, host, port)
    return f"certificate for {listed(shown.names)} until {shown.ends:%Y-%m-%d}; http leads to https"


def _judge(context: Context, findings: Findings, shown: Certificate, host: str) -> None:
    left = shown.ends - datetime.now(UTC)
    if left < _SOON:
        findings.warn(
            f"the certificate ends in {left.days} days, on {shown.ends:%Y-%m-%d}",
            why="ACM should have renewed it by now, or it is imported",
            fix=_RENEW,
        )
    if shown.fits:
        return
    seen = f"the certificate is for {listed(shown.names)}, not for {host}"
    if context.deployment.no_name_fits:
        findings.warn(
            seen,
            why="the load balancer's own name is in no certificate of yours, so clients refuse albUrl",
            fix=f"make a DNS record (CNAME) for a name that the certificate has, to {host}; then "
            "pulumi config set albHostName NAME, and pulumi up",
        )
    else:
        findings.fail(
            seen,
            why="clients refuse a certificate for another name",
            fix="pulumi config set albHostName NAME with one of its names, or albCertificateArn with a certificate for "
            f"{host}; then pulumi up",
        )


def _redirect(context: Context, findings: Findings, host: str, port: int) -> None:
    url = f"http://{host}/"
    try:
        answer = retrying(lambda: context.http.get(url), retries=context.limits.retries)
    except TransportError as error:
        _no_answer(context, findings, url, error, port=80)
        return
    to = urlsplit(answer.location)
    if answer.status != 301 or (to.scheme, to.hostname, to.port or 443) != ("https", host, port):
        leads = f", to {answer.location}" if answer.location else ""
        findings.fail(
            f"{url} answered {answer.status}{leads}; 301 to https://{host} was expected",
            why="something else answers than the listener that the stack made, or somebody has changed that one",
            fix="pulumi up --refresh",
        )


def _no_answer(context: Context, findings: Findings, url: str, error: TransportError, *, port: int) -> None:
    target = context.deployment.alb_dns_name
    record = f"see that its DNS record is a CNAME to {target}; then " if target else ""
    findings.fail(
        f"{url} got no answer: {error}",
        why="its name does not lead to the load balancer (yet), or the ALB's security group does not let your address "
        f"in on tcp {port}",
        fix=f"{record}curl https://checkip.amazonaws.com and compare it with the setting albAllowedCidrs",
    )
