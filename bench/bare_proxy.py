"""The least that aiohttp can do: a proxy that streams and does nothing else, as a reference.

python -m bench.bare_proxy PORT UPSTREAM
"""

import sys
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

_SESSION: web.AppKey[aiohttp.ClientSession] = web.AppKey("session", aiohttp.ClientSession)
_READ_SIZE = 256 * 1024


async def forward(request: web.Request) -> web.StreamResponse:
    headers = {"Accept-Encoding": "identity", "Accept": request.headers.get("Accept", "*/*")}
    session = request.app[_SESSION]
    async with session.get(request.rel_url, headers=headers) as answer:
        response = web.StreamResponse(status=answer.status)
        response.headers["Content-Type"] = answer.headers["Content-Type"]
        response.content_length = answer.content_length
        await response.prepare(request)
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
        return response


def main(port: int, upstream: str) -> None:
    async def session(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            upstream, auto_decompress=False, read_bufsize=_READ_SIZE
        ) as app[_SESSION]:
            yield

    app = web.Application()
    app.cleanup_ctx.append(session)
    app.router.add_get("/{path:.*}", forward)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
