"""Which archive serves a request, and that the policy is asked first."""

import pytest

from gateway.access.policy import AccessRequest
from gateway.access.principal import Principal
from gateway.dicom.operations import Operation
from gateway.dicom.resources import Level, Resource
from gateway.dicom.search.query import SearchQuery
from gateway.errors import GatewayError, forbidden
from tests.fakes.backend import MemoryBackend
from tests.fakes.calls import call, planner

SEARCH_ONLY = MemoryBackend("searches", frozenset({Operation.SEARCH}))
RETRIEVES = MemoryBackend("retrieves", frozenset({Operation.RETRIEVE}))
BOTH = MemoryBackend("both", frozenset({Operation.SEARCH, Operation.RETRIEVE}))
STUDY, QUERY = Resource("1.2"), SearchQuery(Level.STUDY)


class Denial:
    """Denies all, and writes down what it was asked."""

    def __init__(self) -> None:
        self.asked: list[AccessRequest] = []

    async def authorise(self, request: AccessRequest) -> None:
        self.asked.append(request)
        raise forbidden("no")

    async def narrow(self, query: SearchQuery, principal: Principal) -> SearchQuery:
        raise AssertionError("nothing is narrowed before it is allowed")


async def test_the_first_archive_that_lists_the_service_serves() -> None:
    plan = planner(SEARCH_ONLY, RETRIEVES, BOTH)
    assert (await plan.search(call(), QUERY))[0].name == "searches"
    assert (await plan.retrieve(call(), STUDY)).name == "retrieves"


async def test_a_named_archive_serves_alone() -> None:
    assert (await planner(SEARCH_ONLY, BOTH).search(call("both"), QUERY))[0].name == "both"


@pytest.mark.parametrize(("name", "status"), [("nobody", 404), ("searches", 501)])
async def test_an_archive_that_cannot_serve_says_so(name: str, status: int) -> None:
    with pytest.raises(GatewayError) as caught:
        await planner(SEARCH_ONLY, RETRIEVES).retrieve(call(name), STUDY)
    assert caught.value.status == status


async def test_a_store_that_no_archive_takes_is_a_method_not_allowed() -> None:
    with pytest.raises(GatewayError) as caught:
        await planner(BOTH).store(call(), None)
    assert caught.value.status == 405
    assert caught.value.headers == {"Allow": "GET, HEAD"}


async def test_the_policy_is_asked_with_all_that_the_plan_would_use() -> None:
    denial = Denial()
    plan = planner(MemoryBackend("pacs"), policy=denial)
    for asking in (
        plan.search(call(), SearchQuery(Level.SERIES, "1.2")),
        plan.retrieve(call(), Resource("1.2", "1.3", "1.4")),
        plan.store(call(), None),
    ):
        with pytest.raises(GatewayError):
            await asking
    assert [(asked.operation, asked.resource, asked.backends) for asked in denial.asked] == [
        (Operation.SEARCH, Resource("1.2"), ("pacs",)),
        (Operation.RETRIEVE, Resource("1.2", "1.3", "1.4"), ("pacs",)),
        (Operation.STORE, None, ("pacs",)),
    ]
