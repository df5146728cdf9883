"""Forwarded headers (RFC 7239), as proxies write them."""

import pytest

from gateway.errors import GatewayError
from gateway.web.forwarded import Hop, address_of, parse_forwarded


@pytest.mark.parametrize(
    ("header", "hops"),
    [
        ("", []),
        ("proto=https", [Hop(proto="https")]),
        ("For=192.0.2.43", [Hop("192.0.2.43")]),
        ('for="[2001:db8::17]:4711"', [Hop("2001:db8::17")]),
        (
            "for=192.0.2.43;proto=https;host=pacs.example.org;by=203.0.113.43",
            [Hop("192.0.2.43", "https", "pacs.example.org")],
        ),
        ('host="pacs.example.org:8443"', [Hop(host="pacs.example.org:8443")]),
        ("host=pacs.example.org:8443", [Hop(host="pacs.example.org:8443")]),
        ("for=1.1.1.1, for=2.2.2.2 ;proto=http", [Hop("1.1.1.1"), Hop("2.2.2.2", "http")]),
        (" , for=1.1.1.1,, for=2.2.2.2,", [Hop("1.1.1.1"), Hop("2.2.2.2")]),
        ('for="_hidden", for=unknown', [Hop("_hidden"), Hop("unknown")]),
        (r'for="a\"b,c;d"', [Hop("")]),
        ("for=1.1.1.1;for=2.2.2.2", [Hop("1.1.1.1")]),
    ],
)
def test_hops_come_out_in_the_order_of_the_header(header: str, hops: list[Hop]) -> None:
    assert parse_forwarded(header) == hops


@pytest.mark.parametrize(
    "header", ["for", 'for="open', "for=a b", "=x", 'for="a"b', "for=1.1.1.1 proto=x"]
)
def test_what_is_no_forwarded_header_is_400(header: str) -> None:
    with pytest.raises(GatewayError) as caught:
        parse_forwarded(header)

    assert caught.value.status == 400


def test_a_long_header_is_read_in_linear_time() -> None:
    assert len(parse_forwarded("for=1.1.1.1," * 5000)) == 5000
    with pytest.raises(GatewayError):
        parse_forwarded('for="' + "\\" * 60_001)


@pytest.mark.parametrize(
    ("node", "address"),
    [
        ("192.0.2.43", "192.0.2.43"),
        ("192.0.2.43:47011", "192.0.2.43"),
        ("2001:db8::17", "2001:db8::17"),
        ("[2001:db8::17]", "2001:db8::17"),
        ("[2001:db8::17]:80", "2001:db8::17"),
        ("<script>", ""),
        ("x" * 65, ""),
    ],
)
def test_an_address_loses_its_brackets_and_port(node: str, address: str) -> None:
    assert address_of(node) == address
