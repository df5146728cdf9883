"""Search transactions (PS3.18 10.6): the six resources."""

import asyncio
from collections.abc import Iterable

from aiohttp import web

from gateway.dicom.acceptable import acceptable_metadata
from gateway.dicom.dicom_json import dump_json
from gateway.dicom.links import Links
from gateway.dicom.resources import Dataset, Level
from gateway.dicom.search.query import SearchQuery, parse_search
from gateway.services.outgoing import with_links
from gateway.web.parsing import accept_of, call_of, parameters_of, scope_uids_of
from gateway.web.scope import runtime_of
from gateway.web.writing import json_answer

_NOT_FOR_SEARCH = frozenset({"accept"})
_ROWS_ON_THE_LOOP = 256
"""A longer answer is written in a thread: a row costs about ten microseconds."""


async def search_studies(request: web.Request) -> web.StreamResponse:
    """SearchForStudies."""
    return await _search(request, Level.STUDY)


async def search_series(request: web.Request) -> web.StreamResponse:
    """SearchForSeries: of a study, or of all."""
    return await _search(request, Level.SERIES)


async def search_instances(request: web.Request) -> web.StreamResponse:
    """SearchForInstances: of a series, of a study, or of all."""
    return await _search(request, Level.INSTANCE)


async def _search(request: web.Request, level: Level) -> web.StreamResponse:
    acceptable_metadata(accept_of(request))
    call = call_of(request)
    result = await runtime_of(request).search.search(call, _query(request, level))
    study = request.match_info.get("study")
    if len(result.rows) > _ROWS_ON_THE_LOOP:
        body = await asyncio.to_thread(_body, result.rows, level, study, call.links)
    else:
        body = _body(result.rows, level, study, call.links)
    return json_answer(body, result.warnings)


def _body(rows: Iterable[Dataset], level: Level, study: str | None, links: Links) -> bytes:
    """One row after another: written as one list, none but this thread would run meanwhile."""
    linked = (with_links(row, level, study, links) for row in rows)
    return b"[" + b",".join(map(dump_json, linked)) + b"]"


def _query(request: web.Request, level: Level) -> SearchQuery:
    study, series = scope_uids_of(request)
    return parse_search(level, study, series, parameters_of(request), ignore=_NOT_FOR_SEARCH)
