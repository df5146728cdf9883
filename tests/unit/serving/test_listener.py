"""Sockets are bound before anything else starts, and a failure is one clear line."""

import gc
import socket
from pathlib import Path

import pytest

from gateway.config.server import ServerConfig
from gateway.serving.listener import CannotListen, address_of, bind, bind_each, tls_context
from tests.fakes.certificates import make_certificates


def close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def test_port_0_is_a_free_port() -> None:
    (listening,) = bind("127.0.0.1", 0)
    with listening:
        host, port = listening.getsockname()

    assert host == "127.0.0.1"
    assert port > 1023


def test_all_addresses_of_a_name_get_the_same_port() -> None:
    sockets = bind("localhost", 0)
    ports = {each.getsockname()[1] for each in sockets}
    close(sockets)

    assert len(ports) == 1


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotListen) as caught:
            bind("127.0.0.1", port)

    assert str(caught.value) == (
        f"Cannot listen on 127.0.0.1, port {port}: the port is in use: stop what listens there, or"
        " set another server.port."
    )


def test_a_port_that_was_just_left_can_be_taken_again() -> None:
    """A restart must not wait for the old connections to be forgotten."""
    (listening,) = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    listening.listen()
    with socket.create_connection(("127.0.0.1", port)) as client:
        accepted = _accept(listening)
        accepted.close()
        assert client.recv(1) == b""
    listening.close()

    close(bind("127.0.0.1", port))


def _accept(listening: socket.socket) -> socket.socket:
    listening.settimeout(5)
    return listening.accept()[0]


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("203.0.113.1", "this machine has no such address"),
        ("no-such-host.invalid", "is no address of this machine"),
    ],
)
def test_an_address_of_another_machine_is_refused(host: str, said: str) -> None:
    with pytest.raises(CannotListen, match=said):
        bind(host, 0)


def test_an_address_that_this_machine_lacks_is_left_out_where_there_is_another() -> None:
    """A container may know `localhost` as ::1 too, and speak no IPv6."""
    there, absent = (socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET, ("203.0.113.1", 0))
    (listening,) = bind_each("localhost", [absent, there])
    close([listening])

    with pytest.raises(CannotListen, match="no such address"):
        bind_each("localhost", [absent])


def test_a_failure_leaves_no_socket_open() -> None:
    """A warning for an unclosed socket would be an error in this suite."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        addresses = [(socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET, ("127.0.0.1", taken))]
        with pytest.raises(CannotListen, match="in use"):
            bind_each("localhost", addresses)
        gc.collect()


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", "http://127.0.0.1"), ("0.0.0.0", "http://127.0.0.1")]
)
def test_the_address_that_is_told_is_one_to_try(host: str, address: str) -> None:
    sockets = bind(host, 0)
    told = address_of(sockets, None)
    port = sockets[0].getsockname()[1]
    close(sockets)

    assert told == f"{address}:{port}"


def test_without_tls_there_is_no_context() -> None:
    assert tls_context(ServerConfig()) is None


def test_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    (tmp_path / "key.pem").write_text("no key")
    server = ServerConfig.model_validate(
        {"tls": {"cert": tmp_path / "cert.pem", "key": tmp_path / "key.pem"}}
    )

    with pytest.raises(CannotListen, match=r"cert\.pem .* are no certificate with its key"):
        tls_context(server)


def test_a_certificate_with_its_key_makes_a_context(tmp_path: Path) -> None:
    certificate = make_certificates(tmp_path).server
    server = ServerConfig.model_validate({"tls": {"cert": certificate, "key": certificate}})

    context = tls_context(server)

    assert context is not None
    (listening,) = bind("127.0.0.1", 0)
    with listening:
        assert address_of([listening], context).startswith("https://127.0.0.1:")
