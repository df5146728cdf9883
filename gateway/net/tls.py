"""TLS to a peer. Certificates are read from disk: call it away from the event loop."""

import ssl
from pathlib import Path


def client_context(
    ca: Path | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    *,
    verify: bool = True,
    system_too: bool = False,
) -> ssl.SSLContext:
    """Trusts the authorities of `ca`, or of the system if there is none; both with `system_too`.

    `cert` and `key` are the client's own. OSError or ssl.SSLError for files that are not what
    they should be.
    """
    context = ssl.create_default_context(cafile=ca)
    if ca is not None:
        # Python 3.13 asks more of a certificate than hospitals' own authorities put into theirs.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if system_too:
            context.load_default_certs()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context
