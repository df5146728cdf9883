"""Search of a `dicomweb` backend (PS3.18 10.6): one page, whatever the archive's manners."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from gateway.backends.base import CallContext, SearchPage
from gateway.backends.capabilities import Learned
from gateway.backends.simpler_search import (
    FUZZY_REFUSED,
    INCLUDE_ALL_REFUSED,
    STEPS,
    Simpler,
)
from gateway.backends.transport import Answer, Patience, Transport
from gateway.dicom.dicom_json import parse_json
from gateway.dicom.json_stream import JsonArraySplitter
from gateway.dicom.resources import Dataset
from gateway.dicom.search_query import SearchQuery
from gateway.errors import BackendError, BackendNotFound, BackendRefused, StreamBroken

_OPERATION = "search"
_ACCEPTS = ("application/dicom+json", "application/json")
_NOT_ACCEPTABLE = frozenset({406, 415})
_NO_CONTENT = 204
_LARGEST = 16 * 1024 * 1024
"""Bytes of an answer; what lies behind them is left to a further page."""
_PUBLIC_STATUS = {400: 400, 422: 400, 501: 501}
_REMAINING = re.compile(r"(?:There are (?P<count>[0-9]{1,18}) )?additional results", re.IGNORECASE)
_NOT_SUPPORTED = re.compile(
    r"(fuzzymatching|emptyvaluematching|multiplevaluematching) parameter is not supported",
    re.IGNORECASE,
)


async def search(
    transport: Transport, query: SearchQuery, context: CallContext, learned: Learned
) -> SearchPage:
    """The rows of one page, as the archive has them.

    What the archive refuses is left out, one thing after the other, and named in the page's
    `unsupported`; it is remembered in `learned`. 204, an empty body, `[]` and `[{}]` are no rows,
    and so is 404 below a study. BackendRefused (400, 501 or 502) if nothing helps; BackendError.
    """
    query, without = _spared(query, learned)
    steps, last = iter(STEPS), None
    while True:
        try:
            page = await _ask(transport, query, context, learned)
        except BackendRefused as refusal:
            simpler = _next(steps, query) if _may_be_simpler(refusal) else None
            if simpler is None:
                raise _final(refusal) from refusal
            query, last, without = simpler.query, simpler, without | simpler.without
        else:
            break
    _learn(learned, query, last)
    return replace(page, unsupported=page.unsupported | without)


def _spared(query: SearchQuery, learned: Learned) -> tuple[SearchQuery, frozenset[str]]:
    """The query without what the archive is known to refuse."""
    without = frozenset[str]()
    for step in STEPS:
        simpler = step(query)
        if simpler is not None and learned.refusals.holds(simpler.refused):
            query, without = simpler.query, without | simpler.without
    return query, without


def _next(
    steps: Iterator[Callable[[SearchQuery], Simpler | None]], query: SearchQuery
) -> Simpler | None:
    return next(filter(None, (step(query) for step in steps)), None)


def _may_be_simpler(refusal: BackendRefused) -> bool:
    """False for what no parameter is to blame for."""
    return refusal.upstream_status not in _NOT_ACCEPTABLE


def _learn(learned: Learned, query: SearchQuery, last: Simpler | None) -> None:
    """Only the last thing left out is blamed: without the others alone there was no answer."""
    if last is not None:
        learned.refusals.remember(last.refused)
        if last.refused == INCLUDE_ALL_REFUSED:
            learned.includefield_all = False
        elif last.refused == FUZZY_REFUSED:
            learned.fuzzymatching = False
    if query.include_all:
        learned.includefield_all = True


async def _ask(
    transport: Transport, query: SearchQuery, context: CallContext, learned: Learned
) -> SearchPage:
    preferred = learned.forms.get(_OPERATION, 0)
    try:
        return await _ask_as(_ACCEPTS[preferred], transport, query, context)
    except BackendRefused as refusal:
        if refusal.upstream_status not in _NOT_ACCEPTABLE:
            raise
    page = await _ask_as(_ACCEPTS[1 - preferred], transport, query, context)
    learned.forms[_OPERATION] = 1 - preferred
    return page


async def _ask_as(
    accept: str, transport: Transport, query: SearchQuery, context: CallContext
) -> SearchPage:
    try:
        async with transport.request(
            "GET",
            query.path,
            parameters=query.parameters(),
            headers={"Accept": accept},
            context=context,
            patience=Patience.SEARCH,
        ) as answer:
            return await _page(answer, transport.backend)
    except BackendNotFound:
        # Below a study that the archive does not have there is nothing; elsewhere it has no search.
        if query.study is None:
            raise
        return SearchPage(())
    except StreamBroken as broken:
        raise _unreadable(transport.backend) from broken


async def _page(answer: Answer, backend: str) -> SearchPage:
    rows, cut = await _rows(answer, backend) if answer.status != _NO_CONTENT else ([], False)
    warnings = answer.headers.get("warning", "")
    remaining = _REMAINING.search(warnings)
    count = remaining["count"] if remaining is not None and not cut else None
    return SearchPage(
        rows,
        more=cut or remaining is not None,
        remaining=int(count) if count is not None else None,
        unsupported=frozenset(name.lower() for name in _NOT_SUPPORTED.findall(warnings)),
    )


async def _rows(answer: Answer, backend: str) -> tuple[list[Dataset], bool]:
    """The rows of a body, and whether it was too long to be read to its end."""
    body = bytearray()
    async for chunk in answer.chunks():
        body += chunk
        if len(body) > _LARGEST:
            whole = JsonArraySplitter().feed(bytes(body))
            return [row for element in whole for row in _parsed(element, backend)], True
    return list(_parsed(bytes(body), backend)), False


def _parsed(body: bytes, backend: str) -> Iterator[Dataset]:
    """The rows that a text holds: an array, or one object; what is no object is none."""
    if not body.strip():
        return
    try:
        parsed: Any = parse_json(body)
    except ValueError as error:
        raise _unreadable(backend) from error
    for row in parsed if isinstance(parsed, list) else [parsed]:
        if isinstance(row, dict) and row:
            yield row


def _final(refusal: BackendRefused) -> BackendRefused:
    """The refusal as the client is told of it: 400 where its own values may be wrong."""
    status = _PUBLIC_STATUS.get(refusal.upstream_status or 0, 502)
    return BackendRefused(
        status,
        "The archive does not take this search.",
        refusal.category,
        backend=refusal.backend,
        upstream_status=refusal.upstream_status,
    )


def _unreadable(backend: str) -> BackendError:
    return BackendError(
        502, "The archive's answer cannot be understood.", "backend_answer", backend=backend
    )
