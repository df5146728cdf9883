"""Multipart boundaries that nobody can guess (PS3.18 8.6.1.2.1, RFC 2046 5.1.1).

Whoever may store could embed a known boundary in an instance and so forge parts. Random for each
answer of a study, series or instance; for one instance's frames and bulk data a keyed hash, so
that the body is the same each time and a range of it means something.
"""

import secrets
from hashlib import blake2b

_BYTES = 20


def random_boundary() -> str:
    """A new one each time: 160 bits as hex digits, which are token characters."""
    return secrets.token_hex(_BYTES)


def keyed_boundary(secret: bytes, representation: str) -> str:
    """The same for the same representation and secret, unpredictable without the secret."""
    # Of any length, while a key has 64 bytes at most. BLAKE2 is faster here than any HMAC.
    key = blake2b(secret).digest()
    return blake2b(
        representation.encode(), key=key, digest_size=_BYTES, person=b"boundary"
    ).hexdigest()
