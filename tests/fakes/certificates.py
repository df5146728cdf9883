"""A certificate authority of a few seconds, for servers and clients that prove themselves.

Its certificates lack key identifiers, as those of hospitals' own authorities often do.
"""

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: an authority, and what it signed for `localhost` and for a client."""

    ca: Path
    server: Path
    client: Path

    def server_context(self, *, client_needed: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.ca)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_cert_chain(self.server)
        context.verify_mode = ssl.CERT_REQUIRED if client_needed else ssl.CERT_NONE
        return context


def make_certificates(folder: Path) -> Certificates:
    """Each file holds its private key too."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("test authority")
    authority = _builder(name, name, key, ca=True).sign(key, hashes.SHA256())
    paths = {"ca": _write(folder / "ca.pem", authority, key)}
    for who in ("server", "client"):
        own = ec.generate_private_key(ec.SECP256R1())
        signed = _builder(_name(who), name, own, ca=False).sign(key, hashes.SHA256())
        paths[who] = _write(folder / f"{who}.pem", signed, own)
    return Certificates(**paths)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    )


def _write(path: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Path:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return path
