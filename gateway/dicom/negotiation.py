"""What of the stored leaves in which form (PS3.18 8.7.3 and 8.7.8).

`gateway.dicom.acceptable` says which forms the client takes; here one of them is chosen for what
is stored. Pure, and the whole rule is one table.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from gateway.dicom.acceptable import Acceptable, covers, same_type
from gateway.dicom.media_types import DICOM, OCTETS, MediaType
from gateway.dicom.transfer_syntaxes import (
    DEFAULT_OF_MEDIA_TYPE,
    EXPLICIT_LITTLE_ENDIAN,
    Kind,
    TransferSyntax,
    known,
)


class Action(StrEnum):
    """What must be done to the stored bytes, the least work first."""

    KEEP = "keep"
    TO_EXPLICIT_LITTLE_ENDIAN = "to_explicit_little_endian"
    TRANSCODE = "transcode"


@dataclass(frozen=True, slots=True)
class Choice:
    """The form in which an instance, a frame or bulk data leaves, and what makes it.

    `transfer_syntax` is the concrete UID that labels it, never "*".
    """

    media_type: str
    transfer_syntax: str
    multipart: bool
    action: Action


class _Asked(StrEnum):
    NO_PARAMETER = "no transfer-syntax parameter"
    ANY = "transfer-syntax=*"
    UID = "transfer-syntax=<UID>"
    TYPE = "image/... or video/... without a UID"


class _Target(StrEnum):
    EXPLICIT = "explicit little endian"
    STORED = "as stored"
    NAMED = "the UID"
    STORED_OF_TYPE = "as stored, if a syntax of that media type"
    DEFAULT_OF_TYPE = "the default of that media type"


_STORED_OR_DEFAULT = (_Target.STORED_OF_TYPE, _Target.DEFAULT_OF_TYPE)

# Asked for x stored as -> of these the first that can be made.
_TARGETS: Mapping[_Asked, Mapping[Kind, tuple[_Target, ...]]] = {
    _Asked.NO_PARAMETER: {
        Kind.NATIVE: (_Target.EXPLICIT,),
        Kind.LOSSLESS: (_Target.EXPLICIT, _Target.STORED),
        Kind.LOSSY: (_Target.STORED,),
        Kind.VIDEO: (_Target.STORED,),
        Kind.OPAQUE: (_Target.STORED,),
    },
    _Asked.ANY: {
        Kind.NATIVE: (_Target.EXPLICIT,),
        Kind.LOSSLESS: (_Target.STORED,),
        Kind.LOSSY: (_Target.STORED,),
        Kind.VIDEO: (_Target.STORED,),
        Kind.OPAQUE: (_Target.STORED,),
    },
    _Asked.UID: {
        Kind.NATIVE: (_Target.NAMED,),
        Kind.LOSSLESS: (_Target.NAMED,),
        Kind.LOSSY: (_Target.NAMED,),
        Kind.VIDEO: (_Target.NAMED,),
        Kind.OPAQUE: (_Target.NAMED,),
    },
    _Asked.TYPE: {
        Kind.NATIVE: (_Target.DEFAULT_OF_TYPE,),
        Kind.LOSSLESS: _STORED_OR_DEFAULT,
        Kind.LOSSY: _STORED_OR_DEFAULT,
        Kind.VIDEO: (_Target.STORED_OF_TYPE,),
        Kind.OPAQUE: (),
    },
}
_CACHED = 1024
_DECODABLE = frozenset({Kind.NATIVE, Kind.LOSSLESS, Kind.LOSSY})
_WORK = {action: work for work, action in enumerate(Action)}


def choose(
    acceptables: Sequence[Acceptable], stored: str, *, can_transcode: bool = False
) -> Choice | None:
    """The highest q that can be met; among equals what needs no work, then the order given.

    `stored` is the transfer syntax that the archive has. Without `can_transcode` nothing is
    decoded or encoded: compressed pixels leave as stored or not at all. None is a 406.
    """
    return _chosen(tuple(acceptables), stored, can_transcode)


@lru_cache(_CACHED)
def _chosen(acceptables: tuple[Acceptable, ...], stored: str, can_transcode: bool) -> Choice | None:
    refused = [form for form in acceptables if not form.q]
    syntax = known(stored)
    best: Choice | None = None
    best_q = 0.0
    for form in acceptables:
        if form.q < best_q or not form.q:
            break
        choice = _choice(form, syntax, can_transcode)
        if choice is None or _is_refused(choice, form, refused):
            continue
        if best is None or _WORK[choice.action] < _WORK[best.action]:
            best, best_q = choice, form.q
    return best


def choose_bulkdata(acceptables: Sequence[Acceptable], stored: MediaType) -> Choice | None:
    """As `choose`, for bulk data as the archive labelled it: it leaves so, or as mere octets.

    A value has no encoding but its bytes: what is native leaves as explicit little endian. For
    big-endian values that must be made first, so that is what the choice then says.
    """
    essence = same_type(stored.essence)
    syntax = stored.get("transfer-syntax") or ""
    action = Action.KEEP
    if known(syntax).kind is Kind.NATIVE:
        action = Action.TO_EXPLICIT_LITTLE_ENDIAN if known(syntax).big_endian else Action.KEEP
        syntax = EXPLICIT_LITTLE_ENDIAN
    refused = [form for form in acceptables if not form.q]
    for form in acceptables:
        label = essence if covers(form.media_type, essence) else OCTETS
        choice = Choice(label, syntax, form.multipart, action)
        wanted = form.transfer_syntax in ("", "*", syntax or EXPLICIT_LITTLE_ENDIAN)
        if not form.q or not wanted or not covers(form.media_type, label):
            continue
        if not _is_refused(choice, form, refused):
            return choice
    return None


def _choice(form: Acceptable, stored: TransferSyntax, can_transcode: bool) -> Choice | None:
    for target in _TARGETS[_asked(form)][stored.kind]:
        uid = _uid(target, form, stored)
        action = _action(uid, stored)
        if uid is None or action is None or (action is Action.TRANSCODE and not can_transcode):
            continue
        for label in (form.media_type, known(uid).media_type or OCTETS, OCTETS):
            if _labels(label, uid) and covers(form.media_type, label):
                return Choice(label, uid, form.multipart, action)
    return None


def _labels(media_type: str, uid: str) -> bool:
    """True if what is in that transfer syntax may be called so (table 8.7.3-5)."""
    return media_type in (DICOM, OCTETS, known(uid).media_type)


def _asked(form: Acceptable) -> _Asked:
    if form.transfer_syntax not in ("", "*"):
        return _Asked.UID
    if form.media_type.startswith(("image/", "video/")):
        return _Asked.TYPE
    return _Asked.ANY if form.transfer_syntax else _Asked.NO_PARAMETER


def _uid(target: _Target, form: Acceptable, stored: TransferSyntax) -> str | None:
    match target:
        case _Target.EXPLICIT:
            return EXPLICIT_LITTLE_ENDIAN
        case _Target.STORED:
            return stored.uid
        case _Target.NAMED:
            return form.transfer_syntax
        case _Target.STORED_OF_TYPE:
            return stored.uid if covers(form.media_type, stored.media_type or OCTETS) else None
        case _Target.DEFAULT_OF_TYPE:
            return DEFAULT_OF_MEDIA_TYPE.get(form.media_type)


def _action(uid: str | None, stored: TransferSyntax) -> Action | None:
    """None for what may not go over the web (8.7.3), and for what nothing can make."""
    if uid is None or not known(uid).web:
        return None
    if uid == stored.uid:
        return Action.KEEP
    kinds = {known(uid).kind, stored.kind}
    if not kinds <= _DECODABLE:
        return None
    return Action.TO_EXPLICIT_LITTLE_ENDIAN if kinds == {Kind.NATIVE} else Action.TRANSCODE


def _is_refused(choice: Choice, form: Acceptable, refused: Iterable[Acceptable]) -> bool:
    """A refusal counts unless what was accepted is more specific (RFC 9110 12.5.1)."""
    return any(
        covers(refusal.media_type, choice.media_type)
        and refusal.multipart == choice.multipart
        and refusal.transfer_syntax in ("", "*", choice.transfer_syntax)
        and _specificity(refusal) >= _specificity(form)
        for refusal in refused
    )


def _specificity(form: Acceptable) -> tuple[int, bool]:
    return -form.media_type.count("*"), form.transfer_syntax not in ("", "*")
