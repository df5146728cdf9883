"""Multipart boundaries that nobody can guess (PS3.18 8.6.1.2.1, RFC 2046 5.1.1).

Whoever may store could embed a known boundary in an instance and so forge parts. Random for each
answer of a study, series or instance; for one instance's frames and bulk data a keyed hash, so
that the body is the same each time and a range of it means something.
"""

import hmac
import secrets

_DIGITS = 40


def random_boundary() -> str:
    """A new one each time: 160 bits as hex digits, which are token characters."""
    return secrets.token_hex(_DIGITS // 2)


def keyed_boundary(secret: bytes, representation: str) -> str:
    """The same for the same representation and secret, unpredictable without the secret."""
    digest = hmac.digest(secret, b"multipart boundary\n" + representation.encode(), "sha256")
    return digest.hex()[:_DIGITS]
