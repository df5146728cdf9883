"""A token endpoint (RFC 6749 4.4) on the recording PACS: it gives t1, t2, ... and can be told not
to."""

from collections.abc import Mapping

from tests.fakes.pacs import Pacs, Raw, Recorded, Reply

PATH = "/token"


class TokenEndpoint:
    """Counts the tokens that it gave; `answer` replaces all of its answers, `lifetime` theirs."""

    def __init__(self, server: Pacs, lifetime: int | None = 3600) -> None:
        self.given = 0
        self.lifetime = lifetime
        self.answer: Reply | Raw | None = None
        self.url = f"{server.origin}{PATH}"
        self.requests = server.requests
        server.on("POST", PATH, self._answer)

    def _answer(self, request: Recorded) -> Reply | Raw:
        if self.answer is not None:
            return self.answer
        self.given += 1
        said: Mapping[str, object] = {} if self.lifetime is None else {"expires_in": self.lifetime}
        return Reply(json={"access_token": f"t{self.given}", "token_type": "Bearer", **said})
