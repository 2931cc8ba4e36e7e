"""Certificates for a load balancer, good ones and others, of an authority of our own."""

import functools
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)
PEM = serialization.Encoding.PEM


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What a server shows: its names, from which day on and for how many days; whether our authority has signed it."""

    names: tuple[str, ...] = ("localhost",)
    since_days: int = 1
    days: int = 90
    signed: bool = True


@functools.cache
def _authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    limit = x509.BasicConstraints(ca=True, path_length=0)
    name = _name("Authority of the tests")
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        **dict.fromkeys(
            (
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        ),
    )
    builder = _builder(name, name, key, -3650, 3650)
    builder = builder.add_extension(limit, critical=True).add_extension(usage, critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    return builder.sign(key, hashes.SHA256()), key


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, first: int, last: int
) -> x509.CertificateBuilder:
    """First and last day are counted from today."""
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(now + first * _DAY).not_valid_after(now + last * _DAY)


def authority(folder: Path) -> Path:
    """Write the authority's certificate to a file: for SSL_CERT_FILE."""
    file = folder / "authority.pem"
    file.write_bytes(_authority()[0].public_bytes(PEM))
    return file


@functools.cache
def context(wanted: Certificate) -> ssl.SSLContext:
    """Make the server's side of TLS, as a load balancer's policy has it: 1.2 or newer."""
    signer, signer_key = _authority()
    key = ec.generate_private_key(ec.SECP256R1())
    own = _name(wanted.names[0])
    builder = _builder(
        own, signer.subject if wanted.signed else own, key, -wanted.since_days, wanted.days
    ).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(each) for each in wanted.names]), critical=False
    )
    issuer_key = signer_key if wanted.signed else key
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    made = builder.sign(issuer_key, hashes.SHA256())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with tempfile.NamedTemporaryFile() as file:
        file.write(private + made.public_bytes(PEM))
        file.flush()
        tls.load_cert_chain(file.name)
    return tls
