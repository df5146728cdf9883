"""A shared token: fetched once for all that wait, renewed before its end, and after a refusal."""

import asyncio
from datetime import timedelta

import pytest

from gateway.backends.token_source import Token, TokenSource
from gateway.errors import BackendError


class Endpoint:
    """Gives t1, t2, ...; can be slow, and can fail."""

    def __init__(self, lifetime: float = 100) -> None:
        self.now = 1000.0
        self.lifetime = lifetime
        self.asked = 0
        self.fails = False
        self.go = asyncio.Event()
        self.go.set()
        self.source = TokenSource("pacs", self.fetch, lambda: self.now)

    async def fetch(self) -> Token:
        self.asked += 1
        number = self.asked
        await self.go.wait()
        if self.fails:
            raise BackendError(502, "no", "backend_credentials", backend="pacs")
        return Token(f"t{number}", timedelta(seconds=self.lifetime))


async def test_a_token_is_fetched_when_it_is_needed_and_kept() -> None:
    endpoint = Endpoint()
    assert endpoint.asked == 0

    assert [await endpoint.source.get() for _ in range(3)] == ["t1"] * 3
    assert endpoint.asked == 1


async def test_one_fetches_for_all_that_wait() -> None:
    endpoint = Endpoint()
    endpoint.go.clear()
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(endpoint.source.get()) for _ in range(10)]
        await asyncio.sleep(0)
        endpoint.go.set()

    assert [task.result() for task in waiting] == ["t1"] * 10
    assert endpoint.asked == 1


async def test_when_the_one_that_fetches_gives_up_another_fetches() -> None:
    endpoint = Endpoint()
    endpoint.go.clear()
    async with asyncio.TaskGroup() as group:
        first, second = (group.create_task(endpoint.source.get()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        endpoint.go.set()

    assert second.result() == "t2"


async def test_a_token_is_renewed_before_it_ends() -> None:
    endpoint = Endpoint(lifetime=100)
    await endpoint.source.get()

    endpoint.now += 79
    assert await endpoint.source.get() == "t1"
    endpoint.now += 2
    assert await endpoint.source.get() == "t2"


async def test_a_long_lived_token_is_renewed_a_minute_before_it_ends() -> None:
    endpoint = Endpoint(lifetime=3600)
    await endpoint.source.get()

    endpoint.now += 3539
    assert await endpoint.source.get() == "t1"
    endpoint.now += 2
    assert await endpoint.source.get() == "t2"


async def test_a_token_that_still_holds_is_used_while_the_endpoint_is_down() -> None:
    endpoint = Endpoint(lifetime=100)
    await endpoint.source.get()
    endpoint.now, endpoint.fails = endpoint.now + 90, True

    assert [await endpoint.source.get() for _ in range(3)] == ["t1"] * 3
    assert endpoint.asked == 2


async def test_a_token_that_has_ended_is_never_used() -> None:
    endpoint = Endpoint(lifetime=100)
    await endpoint.source.get()
    endpoint.now, endpoint.fails = endpoint.now + 100, True

    with pytest.raises(BackendError):
        await endpoint.source.get()


async def test_those_that_wait_for_an_endpoint_that_is_down_do_not_each_ask_it() -> None:
    endpoint = Endpoint()
    endpoint.fails = True
    for _ in range(5):
        with pytest.raises(BackendError):
            await endpoint.source.get()
    assert endpoint.asked == 1

    endpoint.now, endpoint.fails = endpoint.now + 1, False
    assert await endpoint.source.get() == "t2"


async def test_a_refused_token_is_replaced() -> None:
    endpoint = Endpoint()
    token = await endpoint.source.get()

    assert endpoint.source.refused(token)
    assert await endpoint.source.get() == "t2"


async def test_a_token_that_was_replaced_meanwhile_costs_no_other_one() -> None:
    endpoint = Endpoint()
    old = await endpoint.source.get()
    endpoint.source.refused(old)
    await endpoint.source.get()

    assert endpoint.source.refused(old)
    assert await endpoint.source.get() == "t2"
    assert endpoint.asked == 2


async def test_a_renewed_token_that_is_refused_at_once_is_not_renewed() -> None:
    endpoint = Endpoint()
    endpoint.source.refused(await endpoint.source.get())
    assert not endpoint.source.refused(await endpoint.source.get())
    assert endpoint.asked == 2

    endpoint.now += 2
    assert endpoint.source.refused(await endpoint.source.get())


async def test_a_token_renewed_by_time_may_be_refused_and_renewed_again() -> None:
    endpoint = Endpoint(lifetime=10)
    endpoint.source.refused(await endpoint.source.get())
    await endpoint.source.get()
    endpoint.now += 9
    await endpoint.source.get()

    assert endpoint.source.refused("t3")


def test_a_token_is_not_in_its_repr() -> None:
    assert "s3cret" not in repr(Token("s3cret", timedelta(1)))
