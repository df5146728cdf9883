"""TLS to a PACS: whom it trusts, and whom it proves to be."""

from pathlib import Path

import pytest
from yarl import URL

from gateway.net.failures import NoAnswer, Trouble
from gateway.net.http_session import HttpSession
from gateway.net.tls import client_context
from tests.fakes.certificates import Certificates, make_certificates
from tests.fakes.pacs import Pacs, Reply
from tests.fakes.sessions import PATH, PATIENT, fetch, trouble_of


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path)


async def test_an_authority_of_the_operators_is_trusted(certificates: Certificates) -> None:
    async with Pacs(certificates.server_context()) as pacs:
        pacs.on("GET", PATH, Reply(body=b"[]"))
        context = client_context(certificates.ca)
        async with HttpSession(PATIENT, context) as session:
            assert await fetch(session, pacs) == b"[]"


async def test_an_unknown_authority_is_tls_trouble(certificates: Certificates) -> None:
    async with Pacs(certificates.server_context()) as pacs:
        assert await trouble_of(PATIENT, pacs) is Trouble.TLS


async def test_verification_can_be_switched_off(certificates: Certificates) -> None:
    async with Pacs(certificates.server_context()) as pacs:
        pacs.on("GET", PATH, Reply(body=b"[]"))
        async with HttpSession(PATIENT, client_context(verify=False)) as session:
            assert await fetch(session, pacs) == b"[]"


async def test_a_client_certificate_is_shown(certificates: Certificates) -> None:
    async with Pacs(certificates.server_context(client_needed=True)) as pacs:
        pacs.on("GET", PATH, Reply(body=b"[]"))
        own = client_context(certificates.ca, certificates.client, certificates.client)
        async with HttpSession(PATIENT, own) as session:
            assert await fetch(session, pacs) == b"[]"
        async with HttpSession(PATIENT, client_context(certificates.ca)) as session:
            with pytest.raises(NoAnswer):
                await fetch(session, pacs)


async def test_plain_http_where_tls_is_spoken_is_no_answer(certificates: Certificates) -> None:
    async with Pacs(certificates.server_context()) as pacs, HttpSession(PATIENT) as session:
        url = URL(pacs.base.replace("https:", "http:"))
        with pytest.raises(NoAnswer):
            async with session.request("GET", url, {}):
                pass
