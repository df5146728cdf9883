"""Search of a `dicomweb` backend (PS3.18 10.6): one page, whatever the archive's manners."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from gateway.backends.base import CallContext, SearchPage
from gateway.backends.capabilities import Learned
from gateway.backends.plain_search import plain_search, shows_match
from gateway.backends.simpler_search import (
    FUZZY_REFUSED,
    INCLUDE_ALL_REFUSED,
    STEPS,
    Simpler,
)
from gateway.backends.transport import Answer, Patience, Transport
from gateway.dicom.json_stream import JsonArraySplitter
from gateway.dicom.lenient_json import parse_json
from gateway.dicom.resources import Dataset
from gateway.dicom.search.query import SearchQuery
from gateway.errors import BackendError, BackendNotFound, BackendRefused, StreamBroken

_ACCEPTS = ("application/dicom+json", "application/json")
_NOT_ACCEPTABLE = frozenset({406, 415})
_NO_CONTENT = 204
_LIMITED = 206
"""Some of the results, as PS3.18 had it up to 2016 (6.7.1.2) and older archives still do."""
_ANSWERS = frozenset({_LIMITED})
_LARGEST = 16 * 1024 * 1024
"""Bytes of an answer; what lies behind them is left to a further page."""
_PARSED_ON_THE_LOOP = 256 * 1024
"""Bytes of an answer; a longer one is parsed in a thread."""
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

    What the archive refuses is left out and named in the page's `unsupported`; it is remembered
    in `learned`. 204, an empty body, `[]` and `[{}]` are no rows, and so is 404 below a study.
    Rows may match less than the query, see `plain_search`. BackendRefused (400, 501 or 502) if
    the archive does not take less either; BackendError.
    """
    plain = plain_search(query) if not learned.decodes_queries else None
    if plain is not None and learned.decodes_queries is False:
        return await _search(transport, plain, context, learned)
    page = await _search(transport, query, context, learned)
    if plain is None:
        return page
    if not page.rows:
        page = await _search(transport, plain, context, learned)
        if shows_match(query, page.rows):
            learned.decodes_queries = False
    elif shows_match(query, page.rows):
        learned.decodes_queries = True
    return page


async def _search(
    transport: Transport, query: SearchQuery, context: CallContext, learned: Learned
) -> SearchPage:
    """The page, asked for in what way the archive takes."""
    ask = partial(_ask, transport, context, learned)
    asked, without = _spared(query, learned)
    try:
        page = await ask(asked)
    except BackendRefused as refusal:
        if refusal.upstream_status in _NOT_ACCEPTABLE:
            raise _final(refusal) from refusal
        page, simpler = await _ask_for_less(ask, asked, refusal)
        _blame(simpler.refused, learned)
        asked, without = simpler.query, without | simpler.without
    if asked.include_all:
        learned.includefield_all = True
    if asked is query:
        return page
    rows = page.rows[query.offset - asked.offset :]
    skipped = len(page.rows) - len(rows)
    return replace(page, rows=rows, skipped=skipped, unsupported=page.unsupported | without)


async def _ask_for_less(
    ask: Callable[[SearchQuery], Awaitable[SearchPage]], query: SearchQuery, refusal: BackendRefused
) -> tuple[SearchPage, Simpler]:
    """Leave out one thing on top of another until the archive answers.

    The last one is to blame, since without the others alone there was no answer; so it is left
    out alone too, which keeps what the others are good for.
    """
    less = query
    without = frozenset[str]()
    for step in STEPS:
        simpler = step(less)
        if simpler is None:
            continue
        less, without = simpler.query, without | simpler.without
        with suppress(BackendRefused):
            page = await ask(less)
            alone = step(query)
            if alone is not None and alone.query != less:
                with suppress(BackendRefused):
                    return await ask(alone.query), alone
            return page, replace(simpler, without=without)
    raise _final(refusal) from refusal


def _spared(query: SearchQuery, learned: Learned) -> tuple[SearchQuery, frozenset[str]]:
    """The query without what the archive is known to refuse."""
    without = frozenset[str]()
    for step in STEPS:
        simpler = step(query)
        if simpler is not None and learned.refusals.holds(simpler.refused):
            query, without = simpler.query, without | simpler.without
    return query, without


def _blame(refused: Hashable, learned: Learned) -> None:
    learned.refusals.remember(refused)
    if refused == INCLUDE_ALL_REFUSED:
        learned.includefield_all = False
    elif refused == FUZZY_REFUSED:
        learned.fuzzymatching = False


async def _ask(
    transport: Transport, context: CallContext, learned: Learned, query: SearchQuery
) -> SearchPage:
    preferred = learned.search_form
    try:
        return await _ask_as(_ACCEPTS[preferred], transport, query, context)
    except BackendRefused as refusal:
        if refusal.upstream_status not in _NOT_ACCEPTABLE:
            raise
    page = await _ask_as(_ACCEPTS[1 - preferred], transport, query, context)
    learned.search_form = 1 - preferred
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
            answers=_ANSWERS,
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
        more=cut or remaining is not None or answer.status == _LIMITED,
        remaining=int(count) if count is not None else None,
        unsupported=frozenset(name.lower() for name in _NOT_SUPPORTED.findall(warnings)),
    )


async def _rows(answer: Answer, backend: str) -> tuple[list[Dataset], bool]:
    """The rows of a body, and whether it was too long to be read to its end."""
    body = bytearray()
    async for chunk in answer.chunks():
        body += chunk
        if len(body) > _LARGEST:
            return await asyncio.to_thread(_whole_rows, bytes(body), backend), True
    if len(body) > _PARSED_ON_THE_LOOP:
        return await asyncio.to_thread(_each_parsed, bytes(body), backend), False
    return _parsed(bytes(body), backend), False


def _each_parsed(body: bytes, backend: str) -> list[Dataset]:
    """One row after another: parsed as one, none but this thread would run meanwhile."""
    splitter = JsonArraySplitter()
    try:
        elements = splitter.feed(body)
        splitter.close()
    except ValueError:
        # What is no array as it stands may be one in another encoding.
        return _parsed(body, backend)
    return _objects(_value(element, backend) for element in elements)


def _whole_rows(beginning: bytes, backend: str) -> list[Dataset]:
    try:
        elements = JsonArraySplitter().feed(beginning)
    except ValueError as error:
        raise _unreadable(backend) from error
    rows = _objects(_value(element, backend) for element in elements)
    if not rows:
        raise _unreadable(backend)
    return rows


def _parsed(body: bytes, backend: str) -> list[Dataset]:
    """The rows that a text holds: an array, or one object."""
    parsed = _value(body, backend)
    if not isinstance(parsed, list | dict | None):
        raise _unreadable(backend)
    return _objects(parsed if isinstance(parsed, list) else [parsed])


def _value(body: bytes, backend: str) -> Any:
    try:
        return parse_json(body)
    except ValueError as error:
        raise _unreadable(backend) from error


def _objects(values: Iterable[Any]) -> list[Dataset]:
    """What is no object, or an empty one, is no row."""
    return [value for value in values if isinstance(value, dict) and value]


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
