"""BulkDataURI (PS3.18 F.2.2, 10.4.1.1.5): only ever a path below the backend that gave it.

A URI is an archive's word, and archives know themselves by other names than the gateway does: by
an inner host, another port, a prefix of a proxy that is not in between. Its host is therefore
never connected to; what matters is where below a DICOMweb base its path leads.
"""

import re
from urllib.parse import unquote, urljoin, urlsplit

from gateway.dicom.links import NO_NAMES
from gateway.dicom.resources import Resource

_MAX_LENGTH = 8192
_PRINTABLE = re.compile(r"[!-~]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# Encoded, they would be no separators to the gateway and perhaps some to the archive.
_HIDDEN = re.compile(r"%(?:2f|5c|00|25(?:2e|2f|5c))", re.IGNORECASE)
_INSTANCE = re.compile(
    r"studies/(?P<study>[0-9A-Za-z.]+)/series/(?P<series>[0-9A-Za-z.]+)/instances/(?P<instance>[0-9A-Za-z.]+)/."
)
_STUDY = re.compile(
    r"(?:^|/)studies/(?P<study>[^/]+)(?:/series/(?P<series>[^/]+))?(?:/instances/(?P<instance>[^/]+))?"
)
_PORTS = {"http": 80, "https": 443}
_NOT_A_NAME = frozenset({"", ".", ".."})


def is_below(location: str) -> bool:
    """True if a path, and perhaps a query, cannot lead out of the base that it is put behind."""
    path = location.partition("?")[0]
    return (
        len(location) <= _MAX_LENGTH
        and _PRINTABLE.fullmatch(location) is not None
        and not location.startswith("/")
        and not (set(location) & set("\\#"))
        and _SCHEME.match(location) is None
        and _HIDDEN.search(path) is None
        and not _NOT_A_NAME & {_name(segment) for segment in unquote(path).split("/")}
    )


def relative_location(uri: str, base: str, requested: Resource) -> str | None:
    """Where `uri`, found in the metadata of `requested`, lies below `base`; None if nowhere.

    A relative URI is resolved against the URL of the metadata (RFC 3986 5). One of another origin
    or prefix is taken if it leads below an instance of `requested`.
    """
    if len(uri) > _MAX_LENGTH or _PRINTABLE.fullmatch(uri) is None or "\\" in uri:
        return None
    try:
        resolved = urljoin(f"{base}/{requested.path}/metadata", uri)
        location = _below(base, resolved) or _of_an_instance(resolved)
    except ValueError:
        return None
    if location is None or not is_below(location) or not _belongs(location, requested):
        return None
    if not NO_NAMES.isdisjoint(location.partition("?")[0].split("/")):
        return None
    return location


def _name(segment: str) -> str:
    """Without what some servers cut off before they read the path: `..;x` is `..` to them."""
    return segment.partition(";")[0]


def _below(base: str, url: str) -> str | None:
    ours, theirs = urlsplit(base), urlsplit(url)
    if _origin(base) != _origin(url) or not theirs.path.startswith(f"{ours.path}/"):
        return None
    path = theirs.path[len(ours.path) + 1 :]
    return f"{path}?{theirs.query}" if theirs.query else path


def _of_an_instance(url: str) -> str | None:
    parts = urlsplit(url)
    for found in _INSTANCE.finditer(parts.path):
        if parts.scheme in _PORTS and parts.path[: found.start()].endswith("/"):
            path = parts.path[found.start() :]
            return f"{path}?{parts.query}" if parts.query else path
    return None


def _belongs(location: str, requested: Resource) -> bool:
    """False if the path itself says that it is of another study, series or instance."""
    return all(
        wanted is None or found is None or found == wanted
        for named in _STUDY.finditer(unquote(location.partition("?")[0]))
        for wanted, found in (
            (requested.study, named["study"]),
            (requested.series, named["series"]),
            (requested.instance, named["instance"]),
        )
    )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
