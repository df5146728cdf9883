"""Where a request came to: who may say so, and which names are answered."""

from typing import Any

import pytest
from multidict import CIMultiDict

from gateway.config.server import ServerConfig
from gateway.errors import GatewayError
from gateway.web.public_url import Origin, Origins

PROXY = "10.0.0.5"
INNER_PROXY = "10.0.0.6"
STRANGER = "203.0.113.9"
ANY_HOST = ["pacs.example.org", "gateway", "127.0.0.1", "[::1]"]


def origins(**settings: Any) -> Origins:
    return Origins(ServerConfig.model_validate(settings))


def behind_proxies(**settings: Any) -> Origins:
    return origins(trusted_proxies=["10.0.0.0/8"], allowed_hosts=ANY_HOST, **settings)


def headers(host: str = "gateway", **forwarded: str | list[str]) -> CIMultiDict[str]:
    """Headers from keyword arguments: `x_forwarded_for` is X-Forwarded-For."""
    found = CIMultiDict({"Host": host})
    for name, values in forwarded.items():
        for value in [values] if isinstance(values, str) else values:
            found.add(name.replace("_", "-"), value)
    return found


def base(found: Origins, peer: str, scheme: str = "http", **forwarded: Any) -> str:
    return found.of(peer, scheme, headers(**forwarded)).base


def refusal(found: Origins, peer: str = "127.0.0.1", **forwarded: Any) -> int:
    with pytest.raises(GatewayError) as caught:
        found.of(peer, "http", headers(**forwarded))
    return caught.value.status


class TestWithoutProxies:
    def test_the_host_that_the_client_used_makes_the_url(self) -> None:
        found = origins().of(STRANGER, "http", headers("localhost:8080"))

        assert found == Origin("http://localhost:8080/dicom-web", STRANGER)

    def test_the_scheme_is_that_of_the_connection(self) -> None:
        assert base(origins(), STRANGER, "https", host="localhost") == "https://localhost/dicom-web"

    @pytest.mark.parametrize(
        ("host", "address"),
        [
            ("127.0.0.1", "127.0.0.1"),
            ("localhost", "127.0.0.1"),
            ("LOCALHOST", "::1"),
            ("[::1]", "::1"),
        ],
    )
    def test_a_port_that_the_client_forgot_is_that_of_the_address_it_names(
        self, host: str, address: str
    ) -> None:
        found = origins().of(STRANGER, "http", headers(host), (address, 8080))

        assert found.base == f"http://{host.lower()}:8080/dicom-web"

    @pytest.mark.parametrize("host", ["pacs.example.org", "127.0.0.2", "127.0.0.1:99"])
    def test_a_host_that_is_not_the_address_keeps_its_own_port(self, host: str) -> None:
        found = origins(allowed_hosts=["pacs.example.org", "127.0.0.1", "127.0.0.2"])

        got = found.of(STRANGER, "http", headers(host), ("127.0.0.1", 8080))

        assert got.base == f"http://{host}/dicom-web"

    def test_a_proxy_that_is_trusted_says_what_port_is_meant(self) -> None:
        found = behind_proxies().of(PROXY, "http", headers("127.0.0.1"), ("127.0.0.1", 8080))

        assert found.base == "http://127.0.0.1/dicom-web"

    def test_a_default_port_is_left_out(self) -> None:
        assert (
            base(origins(), STRANGER, "http", host="localhost:80") == "http://localhost/dicom-web"
        )
        assert (
            base(origins(), STRANGER, "https", host="localhost:443")
            == "https://localhost/dicom-web"
        )

    def test_a_name_is_written_small_and_without_its_last_dot(self) -> None:
        assert base(origins(), STRANGER, host="LocalHost.") == "http://localhost/dicom-web"

    def test_an_empty_base_path_adds_nothing(self) -> None:
        assert base(origins(base_path="/"), STRANGER, host="localhost") == "http://localhost"

    def test_what_is_forwarded_by_anybody_is_not_read(self) -> None:
        found = origins().of(
            STRANGER,
            "http",
            headers(
                "localhost",
                forwarded="this is not even well-formed",
                x_forwarded_host="evil.example",
                x_forwarded_proto="https",
                x_forwarded_prefix="/evil",
                x_forwarded_for="1.2.3.4",
            ),
        )

        assert found == Origin("http://localhost/dicom-web", STRANGER)

    def test_an_address_that_is_not_among_the_trusted_is_anybody(self) -> None:
        found = behind_proxies().of(STRANGER, "http", headers(x_forwarded_for="1.2.3.4"))

        assert found == Origin("http://gateway/dicom-web", STRANGER)


class TestThePublicUrl:
    def test_it_wins_over_everything(self) -> None:
        found = behind_proxies(public_url="https://viewer.example.org/gw/")

        assert (
            base(found, PROXY, x_forwarded_host="pacs.example.org", x_forwarded_prefix="/other")
            == "https://viewer.example.org/gw/dicom-web"
        )

    def test_its_host_is_answered_on_any_port(self) -> None:
        found = origins(public_url="https://pacs.example.org")

        assert base(found, STRANGER, host="pacs.example.org:8080") == (
            "https://pacs.example.org/dicom-web"
        )

    def test_other_hosts_are_not_answered(self) -> None:
        found = origins(public_url="https://pacs.example.org", host="10.1.2.3")

        assert refusal(found, host="10.1.2.3") == 421
        assert refusal(found, host="localhost") == 421


class TestForwardedByTrustedProxies:
    def test_a_forwarded_header_makes_the_url(self) -> None:
        found = behind_proxies().of(
            PROXY,
            "http",
            headers(forwarded="for=192.0.2.1;proto=https;host=pacs.example.org"),
        )

        assert found == Origin("https://pacs.example.org/dicom-web", "192.0.2.1")

    def test_x_forwarded_headers_make_the_url(self) -> None:
        found = behind_proxies().of(
            PROXY,
            "http",
            headers(
                x_forwarded_for="192.0.2.1",
                x_forwarded_proto="https",
                x_forwarded_host="pacs.example.org",
                x_forwarded_prefix="/gw/",
            ),
        )

        assert found == Origin("https://pacs.example.org/gw/dicom-web", "192.0.2.1")

    def test_forwarded_wins_over_its_x_relations_but_has_no_word_for_a_prefix(self) -> None:
        found = behind_proxies().of(
            PROXY,
            "http",
            headers(
                forwarded="for=192.0.2.1;proto=https;host=pacs.example.org",
                x_forwarded_for="192.0.2.99",
                x_forwarded_proto="http",
                x_forwarded_host="gateway",
                x_forwarded_prefix="/gw",
            ),
        )

        assert found == Origin("https://pacs.example.org/gw/dicom-web", "192.0.2.1")

    def test_what_the_client_itself_forwarded_does_not_count(self) -> None:
        """The proxy appends what it saw to what the client sent."""
        found = behind_proxies().of(
            PROXY,
            "http",
            headers(
                forwarded=[
                    "for=6.6.6.6;proto=https;host=evil.example",
                    "for=192.0.2.1;proto=http;host=pacs.example.org",
                ]
            ),
        )

        assert found == Origin("http://pacs.example.org/dicom-web", "192.0.2.1")

    def test_a_client_cannot_name_a_trusted_address_to_be_believed(self) -> None:
        found = behind_proxies().of(
            PROXY,
            "http",
            headers(
                x_forwarded_for=f"6.6.6.6, {PROXY}, 192.0.2.1",
                x_forwarded_host="evil.example, evil.example, pacs.example.org",
            ),
        )

        assert found == Origin("http://pacs.example.org/dicom-web", "192.0.2.1")

    def test_through_two_proxies_the_edge_is_what_counts(self) -> None:
        """The edge saw the client and TLS; the inner proxy saw the edge."""
        for forwarding in (
            {
                "forwarded": [
                    "for=192.0.2.1;proto=https;host=pacs.example.org",
                    f"for={PROXY};proto=http;host=gateway",
                ]
            },
            {
                "x_forwarded_for": ["192.0.2.1", PROXY],
                "x_forwarded_proto": "https, http",
                "x_forwarded_host": "pacs.example.org, gateway",
            },
        ):
            found = behind_proxies().of(INNER_PROXY, "http", headers(**forwarding))

            assert found == Origin("https://pacs.example.org/dicom-web", "192.0.2.1")

    def test_a_proxy_that_replaces_a_header_leaves_one_value(self) -> None:
        found = behind_proxies().of(
            INNER_PROXY,
            "http",
            headers(x_forwarded_for=f"192.0.2.1, {PROXY}", x_forwarded_proto="https"),
        )

        assert found == Origin("https://gateway/dicom-web", "192.0.2.1")

    def test_when_all_are_trusted_the_first_is_the_client(self) -> None:
        found = behind_proxies().of(PROXY, "http", headers(x_forwarded_for="10.9.9.9, 10.0.0.6"))

        assert found.client == "10.9.9.9"

    def test_a_proxy_that_hides_its_client_leaves_a_token(self) -> None:
        found = behind_proxies().of(PROXY, "http", headers(forwarded='for="_client1"'))

        assert found.client == "_client1"

    def test_a_sender_that_is_no_address_is_not_repeated(self) -> None:
        found = behind_proxies().of(PROXY, "http", headers(x_forwarded_for="DOE JANE <1970>"))

        assert found.client == PROXY

    def test_a_port_is_added_where_the_host_has_none(self) -> None:
        found = behind_proxies()

        assert (
            base(found, PROXY, x_forwarded_host="pacs.example.org", x_forwarded_port="8443")
            == "http://pacs.example.org:8443/dicom-web"
        )
        assert (
            base(found, PROXY, x_forwarded_proto="https", x_forwarded_port="443")
            == "https://gateway/dicom-web"
        )
        assert (
            base(found, PROXY, x_forwarded_host="pacs.example.org:81", x_forwarded_port="8443")
            == "http://pacs.example.org:81/dicom-web"
        )
        assert (
            base(found, PROXY, x_forwarded_host="[::1]", x_forwarded_port="81")
            == "http://[::1]:81/dicom-web"
        )

    def test_a_network_covers_an_ipv4_address_that_came_over_ipv6(self) -> None:
        assert (
            base(behind_proxies(), f"::ffff:{PROXY}", x_forwarded_proto="https")
            == "https://gateway/dicom-web"
        )

    def test_a_forwarded_host_is_checked_like_any_other(self) -> None:
        assert refusal(behind_proxies(), PROXY, x_forwarded_host="evil.example") == 421
        assert refusal(behind_proxies(), PROXY, forwarded="host=evil.example") == 421

    def test_the_proxys_own_host_header_need_not_be_allowed(self) -> None:
        found = origins(trusted_proxies=["10.0.0.0/8"], allowed_hosts=["pacs.example.org"])

        assert (
            base(found, PROXY, host="upstream-7", x_forwarded_host="pacs.example.org")
            == "http://pacs.example.org/dicom-web"
        )

    @pytest.mark.parametrize(
        "forwarding",
        [
            {"x_forwarded_proto": "javascript"},
            {"x_forwarded_host": "pacs.example.org/evil"},
            {"x_forwarded_host": "user@pacs.example.org"},
            {"x_forwarded_host": "pacs.example.org:99999"},
            {"x_forwarded_prefix": "//evil.example"},
            {"x_forwarded_prefix": "/a/../b"},
            {"x_forwarded_prefix": "gw"},
            {"x_forwarded_prefix": "/g w"},
            {"x_forwarded_prefix": "/gw?x=1"},
            {"x_forwarded_port": "80x"},
            {"forwarded": "for"},
        ],
    )
    def test_a_value_that_cannot_be_part_of_a_url_is_400(self, forwarding: dict[str, str]) -> None:
        assert refusal(behind_proxies(), PROXY, **forwarding) == 400


class TestTheHostCheck:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:80", "a.localhost"])
    def test_on_a_loopback_host_its_names_are_answered(self, host: str) -> None:
        assert base(origins(), "127.0.0.1", host=host).endswith("/dicom-web")

    @pytest.mark.parametrize("host", ["evil.example", "192.168.0.1", "localhost.evil.example"])
    def test_on_a_loopback_host_others_are_421(self, host: str) -> None:
        """A page from elsewhere whose name was rebound to 127.0.0.1 reads nothing."""
        assert refusal(origins(), host=host) == 421

    def test_a_name_with_a_port_is_allowed_on_that_port_only(self) -> None:
        found = origins(allowed_hosts=["pacs.example.org:8443", "other.example.org:443"])

        assert base(found, STRANGER, host="pacs.example.org:8443").startswith("http://pacs")
        assert refusal(found, host="pacs.example.org") == 421
        assert base(found, STRANGER, "https", host="other.example.org") == (
            "https://other.example.org/dicom-web"
        )

    def test_allowed_hosts_replace_the_loopback_names(self) -> None:
        assert refusal(origins(allowed_hosts=["pacs.example.org"]), host="localhost") == 421

    @pytest.mark.parametrize(
        "host",
        ["", " ", "a b", "pacs.example.org/x", "a@b", "[::1", "::1", "a:b", "a:123456", "-a", "é"],
    )
    def test_what_is_no_host_is_400(self, host: str) -> None:
        assert refusal(origins(), host=host) == 400

    def test_no_host_and_two_hosts_are_400(self) -> None:
        for given in (CIMultiDict[str](), CIMultiDict([("Host", "localhost")] * 2)):
            with pytest.raises(GatewayError) as caught:
                origins().of(STRANGER, "http", given)
            assert caught.value.status == 400
