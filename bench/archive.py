"""An archive that holds nothing: it drops what is stored and makes up what is retrieved.

python -m bench.archive PORT
"""

import json
import sys

from aiohttp import web

from bench.big_study import SOP_CLASS, STUDY_OF_ONE, instances, multipart

_BOUNDARY = "made-up-by-the-archive"
_READ_SIZE = 1024 * 1024


async def search(request: web.Request) -> web.Response:
    return web.json_response([], content_type="application/dicom+json")


async def retrieve(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.headers["Content-Type"] = (
        f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
    )
    await response.prepare(request)
    for piece in multipart(request.match_info["study"], _BOUNDARY):
        await response.write(piece)
    await response.write_eof()
    return response


async def store(request: web.Request) -> web.Response:
    while await request.content.read(_READ_SIZE):
        pass
    (instance,) = instances(STUDY_OF_ONE)
    stored = {
        "00081150": {"vr": "UI", "Value": [SOP_CLASS]},
        "00081155": {"vr": "UI", "Value": [instance.uid]},
    }
    body = {"00081199": {"vr": "SQ", "Value": [stored]}}
    return web.Response(text=json.dumps(body), content_type="application/dicom+json")


def main(port: int) -> None:
    app = web.Application()
    app.router.add_get("/dicom-web/studies", search)
    app.router.add_post("/dicom-web/studies", store)
    app.router.add_get("/dicom-web/studies/{study}", retrieve)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
