"""Hosts, networks, URLs and paths, checked and written one way."""

import ipaddress
import re
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from gateway.config.section import Shape, problem

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::([0-9]{1,5}))?")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_NO_URL_CHARACTER = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]")

_NETWORK_WANTED = "must be an address or a network, such as 10.0.0.0/8"

# The first path segments that are the gateway's own.
_RESERVED = ("healthz", "readyz", "metrics", "admin", "auth")


def is_loopback(host: str) -> bool:
    """True for `localhost`, names below it, 127.0.0.0/8 and ::1, with or without brackets."""
    name = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        # A name of digits and dots alone is an address that is wrong.
        return _HOST_NAME.fullmatch(text) is not None and not re.fullmatch(r"[0-9.]+", text)
    return True


def _listen_host(text: str) -> str:
    if not _is_host(text):
        raise problem(
            "must be an IP address or a host name without a port, such as 127.0.0.1;"
            " 0.0.0.0 is every address"
        )
    return text


def _allowed_host(text: str) -> str:
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None or not _is_host(match[1].strip("[]")) or int(match[2] or 0) > 65535:
        raise problem(
            "must be a host name or address with at most a port, such as pacs.example.org or"
            " pacs.example.org:8443"
        )
    return text.lower()


def _network(value: object) -> object:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        network = ipaddress.ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        raise problem(_NETWORK_WANTED) from None
    if ipaddress.ip_interface(str(value)).ip != network.network_address:
        raise problem(f"is an address inside of a network: write {network}")
    return network


def split_url(text: str, schemes: tuple[str, ...]) -> SplitResult:
    """The parts of an absolute URL of one of the schemes; its errors never hold the URL.

    A URL may hold a password, which is why none is shown.
    """
    wanted = f"must be an absolute URL that begins with {' or '.join(f'{s}://' for s in schemes)}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise problem(wanted) from None
    if _NO_URL_CHARACTER.search(text) or parts.scheme not in schemes or port == 0:
        raise problem(wanted)
    if not parts.hostname or not _is_host(parts.hostname):
        raise problem(f"{wanted} and names a host")
    return parts


def _http_url(text: str) -> str:
    parts = split_url(text, ("http", "https"))
    if "@" in parts.netloc:
        raise problem(
            "holds a user name or password: give them in auth, and the password as { env: NAME }"
        )
    if "?" in text or "#" in text:
        raise problem("must end with its path: remove the query or fragment")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _secure_url(text: str) -> str:
    url = _http_url(text)
    if not is_secure(url):
        raise problem("must begin with https:// unless its host is loopback")
    return url


def host_of(url: str) -> str:
    """The host name of a URL that has been checked."""
    return urlsplit(url).hostname or ""


def is_secure(url: str) -> bool:
    """True where nobody on the way can read: TLS, or a host that is this machine."""
    return urlsplit(url).scheme == "https" or is_loopback(host_of(url))


def _base_path(text: str) -> str:
    if text in ("", "/"):
        return ""
    if _PATH.fullmatch(text) is None:
        raise problem(
            "must begin with / and not end with it, of letters, digits and . _ ~ -,"
            " such as /dicom-web"
        )
    first = text.split("/")[1]
    if first in _RESERVED:
        raise problem(f"/{first} is the gateway's own: choose another, such as /dicom-web")
    return text


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise problem(f"file {path} does not exist: correct the path, or put the file there")
    return path


def _existing_folder(path: Path) -> Path:
    if not path.is_dir():
        raise problem(f"folder {path} does not exist: create it, or leave it out")
    return path


ListenHost: TypeAlias = Annotated[str, AfterValidator(_listen_host), Shape("host")]
AllowedHost: TypeAlias = Annotated[str, AfterValidator(_allowed_host), Shape("host[:port]")]
"""In lower case."""
Network: TypeAlias = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(_network),
    WithJsonSchema({"type": "string", "examples": ["10.0.0.0/8"]}),
    Shape("network"),
]
_URL_SCHEMA = WithJsonSchema({"type": "string", "pattern": "^https?://", "format": "uri"})
HttpUrl: TypeAlias = Annotated[str, AfterValidator(_http_url), _URL_SCHEMA, Shape("URL")]
"""Absolute, http or https, without credentials, query, fragment and slash at its end."""
SecureUrl: TypeAlias = Annotated[str, AfterValidator(_secure_url), _URL_SCHEMA, Shape("URL")]
"""As HttpUrl, and https unless on loopback."""
BasePath: TypeAlias = Annotated[str, AfterValidator(_base_path), Shape("path")]
"""Empty, or begins with a slash and does not end with one."""
ExistingFile: TypeAlias = Annotated[Path, AfterValidator(_existing_file), Shape("file")]
ExistingFolder: TypeAlias = Annotated[Path, AfterValidator(_existing_folder), Shape("folder")]
