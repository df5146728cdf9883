from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config.backend_auth import BasicAuth, BearerAuth
from gateway.config.model import Config
from tests.unit.config.conftest import Load, Problems

WithBackend = Callable[..., Config]


def _bearer(config: Config) -> str:
    auth = config.backends[0].auth
    assert isinstance(auth, BearerAuth)
    return auth.token.get_secret_value()


def test_a_secret_comes_from_an_environment_variable(with_backend: WithBackend) -> None:
    config = with_backend("auth: {type: bearer, token: {env: TOKEN}}", {"TOKEN": "s3cret"})

    assert _bearer(config) == "s3cret"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_comes_from_a_file_without_the_line_break_at_its_end(
    end: str, with_backend: WithBackend, tmp_path: Path
) -> None:
    (tmp_path / "token").write_bytes(f"s3cret{end}".encode())

    config = with_backend(f"auth: {{type: bearer, token: {{file: {tmp_path}/token}}}}")

    assert _bearer(config) == "s3cret"


def test_a_user_name_is_plain_and_its_password_is_not(with_backend: WithBackend) -> None:
    config = with_backend(
        "auth: {type: basic, username: gateway, password: {env: PW}}", {"PW": "a b:c"}
    )

    auth = config.backends[0].auth
    assert isinstance(auth, BasicAuth)
    assert (auth.username, auth.password.get_secret_value()) == ("gateway", "a b:c")


def test_headers_hold_text_and_secrets_alike(with_backend: WithBackend) -> None:
    config = with_backend("headers: {X-Site: north, X-Key: {env: KEY}}", {"KEY": "s3cret"})

    headers = config.backends[0].headers
    assert {name: value.get_secret_value() for name, value in headers.items()} == {
        "X-Site": "north",
        "X-Key": "s3cret",
    }


def test_no_secret_is_in_a_repr_or_a_dump(with_section: Load) -> None:
    config = with_section("server: {secret: {env: KEY}}", {"KEY": "s3cret"})

    assert config.server.secret is not None
    assert config.server.secret.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(config) + str(config) + config.model_dump_json()


@pytest.mark.parametrize("value", ["hunter2", "4711", "[hunter2]", "true"])
def test_a_plain_secret_is_refused_and_not_shown(value: str, section_problems: Problems) -> None:
    (problem,) = section_problems(f"server: {{secret: {value}}}")

    assert problem == (
        "server.secret (line 3): a secret is never written here: store it elsewhere and say"
        " { env: NAME } or { file: PATH }"
    )


@pytest.mark.parametrize(
    "value", ["{}", "{env: }", "{env: A, file: B}", "{env: A, x: hunter2}", "{path: A}", "{env: 7}"]
)
def test_a_secret_is_named_one_way_and_no_other(value: str, section_problems: Problems) -> None:
    (problem,) = section_problems(f"server: {{secret: {value}}}", {"A": "a"})

    assert problem == "server.secret (line 3): must be { env: NAME } or { file: PATH }"


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({}, "environment variable KEY is not set: set it where the gateway starts"),
        ({"KEY": ""}, "environment variable KEY is empty: put the secret into it"),
        ({"KEY": "hunter2\nx"}, "the secret holds a line break or a control character"),
        ({"KEY": "hunter2\t"}, "the secret holds a line break or a control character"),
    ],
)
def test_a_variable_without_a_usable_secret_is_a_problem(
    environ: dict[str, str], problem: str, section_problems: Problems
) -> None:
    (text,) = section_problems("server: {secret: {env: KEY}}", environ)

    assert text.startswith(f"server.secret (line 3): {problem}")
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\n", "is empty: put the secret into it"),
        (b"\xff\xfe", "is not text in UTF-8: is it the right one?"),
        (b"x" * 65537, "is over 64 KiB: is it the right one?"),
    ],
)
def test_a_file_without_a_usable_secret_is_a_problem(
    content: bytes | None, problem: str, section_problems: Problems, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)

    (text,) = section_problems(f"server: {{secret: {{file: {path}}}}}")

    assert text == f"server.secret (line 3): file {path} {problem}"


def test_secrets_of_what_is_off_are_not_read(with_section: Load) -> None:
    config = with_section(
        "auth: {login: {enabled: false, client_secret: {env: NOT_THERE}}}\n"
        "cache: {redis: {url: null, password: {file: /not/there}}}\n"
    )

    assert config.auth.login.client_secret is not None
    assert config.auth.login.client_secret.env == "NOT_THERE"
    assert config.cache.redis.password is not None
    assert config.cache.redis.password.file == Path("/not/there")


def test_a_secret_of_what_is_off_must_still_be_named_one_way(section_problems: Problems) -> None:
    (problem,) = section_problems("auth: {login: {client_secret: {env: A, file: B}}}")

    assert problem.endswith("must be { env: NAME } or { file: PATH }")
