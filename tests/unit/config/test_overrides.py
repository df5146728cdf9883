import pytest

from gateway.config.backend_auth import BearerAuth
from tests.unit.config.conftest import Load, Problems


def test_a_variable_overrides_a_key(with_section: Load) -> None:
    config = with_section("server: {port: 8080}", {"GATEWAY__SERVER__PORT": "9000"})

    assert config.server.port == 9000


def test_what_the_file_does_not_have_is_added(with_section: Load) -> None:
    environ = {
        "GATEWAY__SERVER__LIMITS__STORE_INSTANCE": "1GiB",
        "GATEWAY__TELEMETRY__LOG__LEVEL": "debug",
        "GATEWAY__SERVER__ALLOWED_HOSTS": "[a.example, b.example]",
    }
    config = with_section("telemetry:\n", environ)

    assert config.server.limits.store_instance == 2**30
    assert config.telemetry.log.level == "debug"
    assert config.server.allowed_hosts == ("a.example", "b.example")


def test_an_entry_of_a_list_has_its_number_and_the_next_one_is_added(with_section: Load) -> None:
    config = with_section(
        "",
        {
            "GATEWAY__BACKENDS__0__URL": "https://a.example/",
            "GATEWAY__BACKENDS__1__NAME": "second",
            "GATEWAY__BACKENDS__1__TYPE": "dicomweb",
            "GATEWAY__BACKENDS__1__URL": "https://b.example",
            "GATEWAY__BACKENDS__1__SERVICES__0": "search",
        },
    )

    assert [each.url for each in config.backends] == ["https://a.example", "https://b.example"]
    assert config.backends[1].services == ("search",)


def test_many_entries_are_added_in_the_order_of_their_numbers(with_section: Load) -> None:
    environ = {f"GATEWAY__SERVER__ALLOWED_HOSTS__{n}": f"h{n}.example" for n in range(12)}

    hosts = with_section("", environ).server.allowed_hosts

    assert hosts == tuple(f"h{n}.example" for n in range(12))


def test_an_empty_variable_is_the_default_again(with_section: Load) -> None:
    text = "server: {public_url: https://a.example, port: 7}"

    config = with_section(
        text, {"GATEWAY__SERVER__PUBLIC_URL": "", "GATEWAY__SERVER__PORT": "null"}
    )

    assert (config.server.public_url, config.server.port) == (None, 8080)


def test_a_whole_section_can_be_given_and_its_keys_after_it(with_section: Load) -> None:
    config = with_section(
        "server: {port: 1, host: 127.0.0.2}",
        {"GATEWAY__SERVER": "{port: 2, workers: 3}", "GATEWAY__SERVER__PORT": "4"},
    )

    assert (config.server.port, config.server.workers, config.server.host) == (4, 3, "127.0.0.1")


def test_what_a_variable_replaces_is_no_longer_said_to_be_in_the_file(
    section_problems: Problems,
) -> None:
    (problem,) = section_problems("server: {port: 1}", {"GATEWAY__SERVER": "{port: x}"})

    assert problem == "server.port (GATEWAY__SERVER): must be a whole number"


def test_a_variable_that_is_no_override_changes_nothing(with_section: Load) -> None:
    config = with_section("", {"GATEWAY_SERVER_PORT": "1", "GATEWAY_PORT": "tcp://10.0.0.1:80"})

    assert config.server.port == 8080


def test_a_variable_that_the_file_names_as_a_secret_overrides_nothing(with_section: Load) -> None:
    config = with_section("server: {secret: {env: GATEWAY__KEY}}", {"GATEWAY__KEY": "s3cret"})

    assert config.server.secret is not None
    assert config.server.secret.get_secret_value() == "s3cret"


@pytest.mark.parametrize(
    "environ",
    [
        {"GATEWAY__SERVER__SECRET__ENV": "GATEWAY__KEY"},
        {"GATEWAY__SERVER__SECRET": "{ env: GATEWAY__KEY }"},
        {"GATEWAY__SERVER": "{ secret: { env: GATEWAY__KEY } }"},
    ],
)
def test_a_variable_that_an_override_names_as_a_secret_overrides_nothing(
    environ: dict[str, str], with_section: Load
) -> None:
    config = with_section("", {**environ, "GATEWAY__KEY": "s3cret"})

    assert config.server.secret is not None
    assert config.server.secret.get_secret_value() == "s3cret"


def test_a_secret_of_a_backend_is_overridden_as_a_whole(with_section: Load) -> None:
    auth = "{ type: bearer, token: { env: PACS } }"

    config = with_section("", {"GATEWAY__BACKENDS__0__AUTH": auth, "PACS": "t"})

    assert isinstance(config.backends[0].auth, BearerAuth)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SERVER__PROT", "1", "server.prot ({}): is not a known key: did you mean port?"),
        ("SERVER__PORT", "http", "server.port ({}): must be a whole number"),
        ("SERVERS__PORT", "1", "servers ({}): is not a known key: did you mean server?"),
        ("SERVER__PORT__X", "1", "server.port ({}): must be a whole number"),
        (
            "BACKENDS__3__URL",
            "1",
            "backends[3].url ({}): leaves a gap in the list: the next entry is 1",
        ),
        ("BACKENDS__URL", "x", "backends.url ({}): is a list: name an entry by its number"),
        ("SERVER__0", "x", "server[0] ({}): is a mapping: name a key of it, not a number"),
        ("SERVER____PORT", "1", "server..port ({}): names no key: write two underscores"),
        ("SERVER__ALLOWED_HOSTS", "[a", "server.allowed_hosts ({}): is not valid YAML"),
        ("SERVER__DRAIN_DELAY", "5", "server.drain_delay ({}): 5 has no unit: write 5s"),
        ("SERVER__TEMP", "${TMP}", "server.temp ({}): ${{...}} is not expanded"),
        ("SERVER__SECRET", "hunter2", "server.secret ({}): a secret is never written here"),
    ],
)
def test_an_override_that_is_wrong_is_told_by_its_name(
    name: str, value: str, problem: str, section_problems: Problems
) -> None:
    (text,) = section_problems("server: {}", {f"GATEWAY__{name}": value})

    assert text.startswith(problem.format(f"GATEWAY__{name}"))
    assert "hunter2" not in text
