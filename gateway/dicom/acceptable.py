"""Which forms of a resource a client takes (PS3.18 8.7.5 and 10.4.4), from its Accept list.

`*/*` and a missing Accept have a default for each resource:

| resource | default |
|---|---|
| studies, series, instances | multipart/related; type="application/dicom" |
| frames, bulk data | multipart/related, each part of the type that it is stored in |
| metadata, searches, stores | application/dicom+json |
| rendered resources, thumbnails | image/jpeg |
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from gateway.dicom.media_types import (
    DICOM,
    DICOM_JSON,
    DICOM_XML,
    MULTIPART,
    OCTETS,
    MediaRange,
    MediaType,
)
from gateway.dicom.resources import Level
from gateway.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from gateway.errors import bad_request, not_acceptable

_ANY = "*/*"
_CACHED_LISTS = 256
_SAME_TYPE: Mapping[str, str] = {
    "image/dicom+jpeg": "image/jpeg",
    "image/x-dicom-rle": "image/dicom-rle",
    "image/x-jls": "image/jls",
}
_FRAMES = frozenset(
    {_ANY, OCTETS, "application/*", "image/*", "video/*"}
    | {syntax.media_type for syntax in TRANSFER_SYNTAXES.values() if syntax.media_type}
)
# PS3.18 8.7.4, and image/webp.
_RENDERED_IMAGES = {"image/jpeg", "image/gif", "image/png", "image/jp2", "image/webp"}
_RENDERED_VIDEOS = {"video/mpeg", "video/mp4", "video/h265"}
_RENDERED_TEXTS = {"text/html", "text/plain", "text/xml", "text/rtf", "application/pdf"}
_RENDERED = frozenset(_RENDERED_IMAGES | _RENDERED_VIDEOS | _RENDERED_TEXTS)
_DEFAULT_RENDERED: Mapping[str, str] = {
    _ANY: "image/jpeg",
    "image/*": "image/jpeg",
    "video/*": "video/mp4",
}
_OTHER_NAMES: Mapping[str, frozenset[str]] = {
    DICOM_JSON: frozenset({"application/json"}),
    DICOM_XML: frozenset({"application/xml", "text/xml"}),
}


@dataclass(frozen=True, slots=True)
class Acceptable:
    """A form that the client takes; `q` of 0 is one that it refuses.

    `media_type` is that of the payload and may be a range; `transfer_syntax` is a UID, "*", or
    "" where none is named.
    """

    media_type: str
    transfer_syntax: str
    multipart: bool
    q: float


def covers(range_: str, essence: str) -> bool:
    """True if the media range takes in the media type."""
    return range_ in (_ANY, essence) or (range_.endswith("/*") and essence.startswith(range_[:-1]))


def same_type(essence: str) -> str:
    """The standard's name of a media type that has been called otherwise."""
    return _SAME_TYPE.get(essence, essence)


@lru_cache(_CACHED_LISTS)
def acceptable_instances(ranges: tuple[MediaRange, ...], level: Level) -> tuple[Acceptable, ...]:
    """The forms of a study, series or instance: bare application/dicom for one instance only.

    GatewayError 400 if DICOM and rendered types are both named, 406 if no form is accepted.
    """
    payloads = tuple(_payloads(ranges))
    named = {payload for payload, _, range_ in payloads if range_.q}
    if DICOM in named and named & _RENDERED:
        raise bad_request("DICOM and rendered media types cannot both be asked for.")
    return _required(
        form
        for payload, multipart, range_ in payloads
        if covers(payload, DICOM) and (multipart or level is Level.INSTANCE)
        for form in _forms(DICOM, multipart, range_)
    )


def wants_bulkdata(ranges: tuple[MediaRange, ...]) -> bool:
    """True where a study, series or instance is asked for as its bulk data (10.4.4)."""
    for payload, multipart, range_ in _payloads(ranges):
        if not range_.q or covers(payload, DICOM):
            return False
        if payload == OCTETS and multipart:
            return True
    return False


@lru_cache(_CACHED_LISTS)
def acceptable_frames(ranges: tuple[MediaRange, ...], count: int) -> tuple[Acceptable, ...]:
    """The forms of `count` frames (8.7.3.3): a single part for one frame only. Else 406."""
    return _required(
        form
        for payload, multipart, range_ in _payloads(ranges)
        if payload in _FRAMES and (multipart or count == 1)
        for form in _forms(payload, multipart, range_)
    )


@lru_cache(_CACHED_LISTS)
def acceptable_bulkdata(ranges: tuple[MediaRange, ...]) -> tuple[Acceptable, ...]:
    """The forms of bulk data, of whatever type it may be, e.g. application/pdf. Else 406."""
    return _required(
        form
        for payload, multipart, range_ in _payloads(ranges)
        for form in _forms(payload, multipart, range_)
    )


def acceptable_metadata(ranges: tuple[MediaRange, ...]) -> str:
    """application/dicom+json, which also answers application/json. Else 406.

    For metadata and for searches; their XML (multipart) is not made yet.
    """
    return _offered(ranges, (DICOM_JSON,))


def acceptable_store(ranges: tuple[MediaRange, ...]) -> str:
    """The media type of a store's response (10.5.3): JSON, or XML where it is preferred."""
    return _offered(ranges, (DICOM_JSON, DICOM_XML))


def acceptable_rendered(ranges: tuple[MediaRange, ...]) -> str:
    """An Accept value with the rendered types (8.7.4) that the client takes. Else 406.

    For an archive that renders itself, so it names types only and no ranges.
    """
    members: dict[str, float] = {}
    named = {payload for payload, _, _ in _payloads(ranges)}
    for payload, multipart, range_ in _payloads(ranges):
        name = _DEFAULT_RENDERED.get(payload, payload)
        if name in _RENDERED and (name == payload or name not in named):
            parts = multipart and payload != _ANY
            whole = MediaType(MULTIPART, (("type", name),)) if parts else MediaType(name)
            members.setdefault(str(whole), range_.q)
    accepted = [name if q == 1 else f"{name};q={q:g}" for name, q in members.items() if q]
    if not accepted:
        raise not_acceptable("This resource is available as image/jpeg or image/png.")
    return ", ".join(accepted)


def _payloads(ranges: tuple[MediaRange, ...]) -> Iterator[tuple[str, bool, MediaRange]]:
    """Of each member the type of its payload, and whether that comes in parts."""
    for range_ in ranges:
        essence = range_.media_type.essence
        if essence in (MULTIPART, "multipart/*"):
            yield same_type((range_.media_type.get("type") or _ANY).lower()), True, range_
        else:
            yield same_type(essence), essence == _ANY, range_


def _forms(payload: str, multipart: bool, range_: MediaRange) -> Iterator[Acceptable]:
    """A form for each transfer syntax: some clients name one and then "*" in one member."""
    for syntax in range_.media_type.get_all("transfer-syntax") or ("",):
        yield Acceptable(payload, syntax, multipart, range_.q)


def _required(forms: Iterable[Acceptable]) -> tuple[Acceptable, ...]:
    found = tuple(forms)
    if not any(form.q for form in found):
        raise not_acceptable("This resource is available in none of the accepted media types.")
    return found


def _offered(ranges: tuple[MediaRange, ...], offers: tuple[str, ...]) -> str:
    refused = {range_.media_type.essence for range_ in ranges if not range_.q}
    for range_ in ranges:
        for offer in offers:
            essence = range_.media_type.essence
            named = covers(essence, offer) or essence in _OTHER_NAMES[offer]
            if range_.q and named and offer not in refused:
                return offer
    raise not_acceptable(f"This resource is available as {' or '.join(offers)}.")
