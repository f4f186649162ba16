"""Webhooks go nowhere but where they may: every spelling of an inner address is refused."""

from ipaddress import ip_address

import pytest

from query.webhooks.addresses import Reach, Target, is_public
from schemas.errors import InvalidQuestion, Misconfigured

PUBLIC, INNER = Reach(), Reach.of("127.0.0.0/8, 10.1.0.0/16")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.0.8", "198.18.0.1", "192.0.2.1", "168.63.129.16"),
        *("100.100.100.200", "192.88.99.1", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::"),
        *("2001:db8::1", "::7f00:1", "64:ff9b:1::1", "100::1", "3fff::1"),
    ],
)
def test_no_inner_special_or_wrapped_address_is_public(address: str) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(InvalidQuestion):
        PUBLIC.require([address], "https")


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_reached_by_https_only(address: str) -> None:
    PUBLIC.require([address], "https")
    with pytest.raises(InvalidQuestion):
        INNER.require([address], "http")


def test_one_inner_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(InvalidQuestion):
        PUBLIC.require(["8.8.8.8", "127.0.0.1"], "https")
    with pytest.raises(InvalidQuestion):
        PUBLIC.require([], "https")


def test_an_allowed_network_is_reached_by_both_schemes_and_nothing_beside_it() -> None:
    for scheme in ("http", "https"):
        INNER.require(["127.0.0.5", "::ffff:10.1.2.3"], scheme)
        with pytest.raises(InvalidQuestion):
            INNER.require(["10.2.0.1"], scheme)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "ftp://example.com/hook",
        "//example.com/hook",
        "https://",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com/#fragment",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:7f00:1]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://[fe80::1%25eth0]/",
        "https://ex ample.com/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/\r\nX: y",
        "https://ｅxample.com/",
        "https://exa_mple..com/",
        "https://[::1/",
        "nonsense",
    ],
)
def test_a_url_to_which_nothing_could_rightly_be_sent_is_refused(url: str) -> None:
    with pytest.raises(InvalidQuestion):
        PUBLIC.target(url)


def test_a_url_is_taken_apart_without_changing_where_it_leads() -> None:
    assert PUBLIC.target("https://Hooks.Example.com/a%20b?c=d") == Target(
        "https", "hooks.example.com", 443, "/a%20b?c=d"
    )
    assert PUBLIC.target("https://example.com:8443") == Target("https", "example.com", 8443, "/")
    assert INNER.target("http://127.0.0.1:8080/x") == Target("http", "127.0.0.1", 8080, "/x")


def test_networks_that_are_none_are_refused_by_name() -> None:
    with pytest.raises(Misconfigured, match="FRESHLINE_WEBHOOK_ALLOW"):
        Reach.of("10.0.0.0/8, everywhere")
