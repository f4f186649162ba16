"""What the Milvus Lite server refuses before it opens anything."""

from pathlib import Path

import pytest

from infra.local.milvus_server import CannotStart, loopback_address, read_token


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1:19530"), ("::1", "[::1]:19530"), ("localhost", "localhost:19530")],
)
def test_loopback_hosts_are_accepted(host: str, address: str) -> None:
    assert loopback_address(host, 19530) == address


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "8.8.8.8"])
def test_a_host_others_can_reach_is_refused_in_words(host: str) -> None:
    with pytest.raises(CannotStart, match=r"reached from other machines.*127\.0\.0\.1"):
        loopback_address(host, 19530)


@pytest.mark.parametrize("host", ["", "example.org", "127.0.0.1:80"])
def test_a_host_that_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(CannotStart, match="not an IP address"):
        loopback_address(host, 19530)


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_an_impossible_port_is_refused(port: int) -> None:
    with pytest.raises(CannotStart, match="port"):
        loopback_address("127.0.0.1", port)


def test_the_token_is_read_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret\n")
    assert read_token(file) == "secret"


def test_a_missing_or_empty_token_file_is_refused_and_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    for name, words in [("absent", "create it first"), ("empty", "is empty")]:
        with pytest.raises(CannotStart, match=f"{name} .*{words}"):
            read_token(tmp_path / name)
