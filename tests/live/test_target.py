"""Where a run is aimed: URLs, what is this machine, and which variable holds whose key."""

from __future__ import annotations

import pytest

from sim.errors import BadInput
from sim.live.target import check_owned, check_secrets, parse, variable, variables

HERE, THERE = "127.0.0.1", "93.184.216.34"


def at(*addresses: str):  # type: ignore[no-untyped-def]  # a resolver
    return lambda host, port: addresses


@pytest.mark.parametrize(
    ("url", "api", "base", "port", "tls"),
    [
        ("http://127.0.0.1:4000", "anthropic", "http://127.0.0.1:4000", 4000, False),
        ("http://127.0.0.1:4000/", "openai", "http://127.0.0.1:4000/v1", 4000, False),
        ("https://gw.example.com/v1", "anthropic", "https://gw.example.com", 443, True),
        ("https://gw.example.com/v1/", "openai", "https://gw.example.com/v1", 443, True),
        ("https://gw.example.com/team/a", "openai", "https://gw.example.com/team/a/v1", 443, True),
        ("http://[::1]:9/v1", "openai", "http://[::1]:9/v1", 9, False),
        ("  https://gw.example.com  ", "anthropic", "https://gw.example.com", 443, True),
    ],
)
def test_a_url_becomes_what_the_official_client_takes(url: str, api: str, base: str, port: int, tls: bool) -> None:
    found = parse(url, api, at(HERE))
    assert (found.base_url, found.port, found.tls) == (base, port, tls)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("gw.example.com", "not a URL of http or https"),
        ("ftp://gw.example.com", "not a URL of http or https"),
        ("http://", "not a URL of http or https"),
        ("http://host:99999", "not a port"),
        ("http://[::1", "not a URL"),
        ("https://gw.example.com/v1?key=sk-very-secret-1", "has no query"),
        ("https://sk-very-secret-1@gw.example.com", "no user or password"),
        ("https://me:sk-very-secret-1@gw.example.com", "no user or password"),
    ],
)
def test_what_is_no_target(url: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        parse(url, "anthropic", at(HERE))
    assert "sk-very-secret-1" not in str(caught.value), "a key in a URL is not repeated"


def test_a_name_that_stands_for_nothing() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(BadInput, match=r"no address .*gw\.example\.com"):
        parse("https://gw.example.com", "anthropic", nowhere)


@pytest.mark.parametrize(
    ("addresses", "here"),
    [
        (("127.0.0.1",), True),
        (("127.8.9.10", "::1"), True),
        (("::ffff:127.0.0.1",), True),
        (("127.0.0.1", THERE), False),
        ((THERE,), False),
        (("10.0.0.1",), False),
        (("0.0.0.0",), False),
        (("fe80::1",), False),
    ],
)
def test_a_target_is_here_when_every_address_is(addresses: tuple[str, ...], here: bool) -> None:
    found = parse("http://localhost:1", "anthropic", at(*addresses))
    assert found.is_here is here
    if here:
        check_owned(found, owned=False)
        return
    with pytest.raises(BadInput, match="--i-own-this-target"):
        check_owned(found, owned=False)
    check_owned(found, owned=True)


def test_a_name_that_was_made_to_point_elsewhere_is_named_with_its_address() -> None:
    found = parse("http://localhost:1", "anthropic", at(HERE, THERE))
    with pytest.raises(BadInput, match=f"localhost is {THERE}"):
        check_owned(found, owned=False)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("shared/default/default", "KEYSTORM_KEY_SHARED"),
        ("shared/analytics/default", "KEYSTORM_KEY_SHARED_ANALYTICS"),
        ("acme/store-front/web 1", "KEYSTORM_KEY_ACME_STORE_FRONT_WEB_1"),
        ("default/default/default", "KEYSTORM_KEY_DEFAULT"),
    ],
)
def test_a_keys_variable(key: str, name: str) -> None:
    assert variable(key) == name


def test_no_two_keys_share_a_variable() -> None:
    named = variables(["a/b-c/default", "a/b c/default", "a/b_c_2/default", "a/b.c/default"])
    assert len(set(named.values())) == 4
    assert named["a/b-c/default"] == "KEYSTORM_KEY_A_B_C"


def test_every_missing_variable_is_listed_with_its_teams_and_no_value() -> None:
    named = variables(["shared/a/default", "shared/b/default", "shared/c/default"])
    environment = {"KEYSTORM_KEY_SHARED_B": "sk-very-secret-1", "KEYSTORM_KEY_SHARED_C": "  "}
    with pytest.raises(BadInput) as caught:
        check_secrets(named, {"shared/a/default": ["checkout", "search"]}, environment)
    said = str(caught.value)
    assert "2 of 3 keys" in said
    assert "KEYSTORM_KEY_SHARED_A=…   # shared/a/default: checkout, search" in said
    assert "KEYSTORM_KEY_SHARED_C" in said
    assert "KEYSTORM_KEY_SHARED_B" not in said
    assert "sk-very-secret-1" not in said


@pytest.mark.parametrize("secret", ["sk ant", "sk-a\nnt", "sk-änt"])
def test_a_secret_that_no_header_can_carry(secret: str) -> None:
    with pytest.raises(BadInput, match="KEYSTORM_KEY_SHARED_A") as caught:
        check_secrets({"k": "KEYSTORM_KEY_SHARED_A"}, {}, {"KEYSTORM_KEY_SHARED_A": secret})
    assert secret.strip() not in str(caught.value).replace("KEYSTORM_KEY_SHARED_A", "")


def test_all_there() -> None:
    check_secrets({"k": "V"}, {}, {"V": "sk-ant-1"})
    check_secrets({"k": "V"}, {}, {"V": "sk-ant-1\n"})  # as a file that was read in gives it
