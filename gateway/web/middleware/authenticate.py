"""Says who is asking. With `auth.mode: none` that is anybody."""

from dataclasses import replace

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from gateway.access.principal import ANONYMOUS, Principal
from gateway.web.scope import NOTES, RUNTIME, SCOPE, Scope
from gateway.web.state import LIFE

_SCHEME = "bearer "


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    notes = request[NOTES]
    principal = _anonymous(request.headers.get(hdrs.AUTHORIZATION))
    request[SCOPE] = Scope(notes.request_id, notes.public_base, principal, notes.deadline)
    request[RUNTIME] = request.app[LIFE].runtime
    return await handler(request)


def _anonymous(authorization: str | None) -> Principal:
    """Nobody is proven; a token is only kept for backends to which the caller's is forwarded."""
    if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
        return ANONYMOUS
    return replace(ANONYMOUS, bearer_token=authorization[len(_SCHEME) :].strip())
