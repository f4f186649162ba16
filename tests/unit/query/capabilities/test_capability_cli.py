"""The commands, run as a person runs them."""

import io
import sys
from pathlib import Path

import jwt
import pytest
from biscuit_auth import Biscuit, BlockBuilder

import freshline
from query.capabilities import revoked
from query.capabilities.keys import roots
from query.capabilities.verify import Verifier, verify
from query.tokens import load_public_keys, load_signing_key, mint
from schemas.errors import Unauthenticated
from schemas.revocation import Revocation

Capture = pytest.CaptureFixture[str]
PEOPLE = '{"alice": {"sub": "alice@acme.example", "tenant": "acme"}}'


class Shell:
    """Runs `freshline …` in a home of its own."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: Capture, home: Path) -> None:
        self._patch, self._capture, self.home = patch, capture, home

    def run(self, *arguments: str, typed: str = "") -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        self._patch.setattr(sys, "argv", ["freshline", *arguments])
        self._patch.setattr(sys, "stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            freshline.main()
        said = self._capture.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    def token(self, *arguments: str, typed: str = "") -> str:
        code, said, told = self.run("tokens", *arguments, typed=typed)
        assert (code, told) == (0, "")
        return said.strip()

    @property
    def verifier(self) -> Verifier:
        return Verifier(roots(load_public_keys(self.home / "keys")), "freshline", ["wiki", "crm"])


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Shell:
    monkeypatch.setenv("FRESHLINE_HOME", str(tmp_path))
    (tmp_path / "people.json").write_text(PEOPLE)
    shell = Shell(monkeypatch, capsys, tmp_path)
    assert shell.run("tokens", "keys", "generate")[0] == 0
    return shell


def now() -> float:
    import time

    return time.time()


def test_a_token_is_minted_handed_on_and_inspected(shell: Shell) -> None:
    minted = shell.token("mint", "--as", "alice", "--agent", "planner", "--ceiling", "class=public,internal")
    less = shell.token("attenuate", "-", "--holder", "reader", "--source", "wiki", "--rows", "5", typed=minted)
    asker = verify(less, shell.verifier, now())
    assert (asker.principal.subject, asker.principal.agent) == ("alice@acme.example", "planner")
    assert (asker.mandate.sources, asker.mandate.rows) == ({"wiki"}, 5)
    assert asker.mandate.ceiling == {"class": {"public", "internal"}}
    seen = shell.token("inspect", less)
    assert "signature: verified" in seen
    assert "block 1, by reader (its own word)" in seen
    assert all(link.revocation_id in seen for link in asker.mandate.chain)
    assert less not in seen


def test_a_sealed_token_is_handed_on_no_further(shell: Shell) -> None:
    sealed = shell.token("mint", "--as", "alice", "--seal")
    assert shell.token("inspect", sealed).startswith("capability, sealed")
    code, said, told = shell.run("tokens", "attenuate", sealed, "--holder", "x")
    assert (code, said) == (2, "")
    assert "the token is sealed" in told
    assert sealed not in told


def test_without_the_key_a_token_is_shown_as_not_verified(shell: Shell) -> None:
    tokens = [
        shell.token("mint", "--as", "alice"),
        mint(load_signing_key(shell.home / "keys"), freshline_principal(), "freshline", 60, now()),
    ]
    assert all("signature: verified" in shell.token("inspect", token) for token in tokens)
    (shell.home / "keys").rename(shell.home / "elsewhere")
    assert all("signature: NOT VERIFIED" in shell.token("inspect", token) for token in tokens)


def freshline_principal() -> freshline.Any:
    from query.principal import Principal

    return Principal("alice@acme.example", "acme")


def test_what_a_stranger_wrote_cannot_write_on_the_terminal(shell: Shell) -> None:
    token = jwt.encode({"\x1b[2Jx": "\x1b[31m", "sub": "a\nb", "jti": "j"}, "k" * 32, "HS256")
    seen = shell.token("inspect", token)
    assert "\x1b" not in seen
    assert "NOT VERIFIED" in seen


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('reject if operation("audit")', "neither a fact nor a check"),
        ('check if {"a"}.any($x -> $x == "a")', "cannot be counted"),
        ('holder("a\\nb")', "read in two ways"),
    ],
)
def test_inspect_says_why_a_token_would_be_refused(shell: Shell, code: str, words: str) -> None:
    minted = Biscuit.from_base64(shell.token("mint", "--as", "alice"), shell.verifier.roots.__getitem__)
    seen = shell.token("inspect", minted.append(BlockBuilder(code)).to_base64())
    assert f"{words}\n" in seen
    assert "refused: " in seen


@pytest.mark.parametrize(
    "arguments",
    [
        ("mint", "--as", "nobody"),
        ("mint", "--as", "alice", "--operation", "fly"),
        ("mint", "--as", "alice", "--ceiling", "class"),
        ("mint", "--as", "alice", "--ceiling", "class="),
        ("mint", "--as", "alice", "--ceiling", "a=b", "--ceiling", "a=c"),
        ("mint", "--as", "alice", "--source", 'a"b'),
        ("attenuate", "garbage", "--holder", "x"),
        ("inspect", "garbage"),
        ("inspect", "a.b.c"),
        ("revoke",),
        ("revoke", "id", "--token", "garbage"),
        ("revoke", "--token", "garbage"),
        ("keys", "generate"),
        ("keys", "retire", "nothing"),
    ],
)
def test_a_mistake_is_told_in_a_line_and_makes_no_token(shell: Shell, arguments: tuple[str, ...]) -> None:
    code, said, told = shell.run("tokens", *arguments)
    assert (code, said) == (2, "")
    assert len(told.splitlines()) == 1


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Revocation]:
    sent: list[Revocation] = []
    monkeypatch.setattr(revoked, "revoke", lambda kafka, revocation, timeout_s: sent.append(revocation))
    return sent


def test_a_token_is_revoked_by_its_own_hand_or_with_its_whole_family(shell: Shell, written: list[Revocation]) -> None:
    first = shell.token("mint", "--as", "alice", "--minutes", "10")
    second = shell.token("attenuate", first, "--holder", "x", "--minutes", "1")
    for arguments in (("--token", "-"), ("--token", "-", "--family")):
        assert shell.run("tokens", "revoke", *arguments, typed=second)[0] == 0
    chain = verify(second, shell.verifier, now()).mandate.chain
    assert [one.id for one in written] == [chain[1].revocation_id, chain[0].revocation_id]
    own, family = (one.expires_ms or 0 for one in written)
    assert own < family
    assert shell.run("tokens", "revoke", "abc")[1] == "revoked: abc\n"
    assert (written[-1].id, written[-1].expires_ms) == ("abc", None)


def test_the_end_of_a_token_that_nobody_signed_does_not_end_its_revocation(
    shell: Shell, written: list[Revocation]
) -> None:
    token = shell.token("mint", "--as", "alice")
    (shell.home / "keys").rename(shell.home / "elsewhere")
    shell.token("revoke", "--token", token)
    assert written[0].expires_ms is None


def test_keys_are_rotated_listed_and_retired(shell: Shell) -> None:
    token = shell.token("mint", "--as", "alice")
    assert shell.token("keys", "rotate").startswith("signing now: ")
    lines = shell.token("keys", "list").splitlines()
    assert sorted(line.split()[-1] for line in lines) == ["only", "signs"]
    old = next(line.split()[0] for line in lines if line.endswith("only"))
    assert verify(token, shell.verifier, now())
    assert shell.run("keys", "retire", old)[0] == 0
    with pytest.raises(Unauthenticated):
        verify(token, shell.verifier, now())


def test_the_private_key_is_in_nothing_that_is_printed(shell: Shell) -> None:
    secret = (shell.home / "keys" / "signing.pem").read_text().splitlines()[1]
    said = [shell.run("tokens", *words) for words in (("keys", "list"), ("keys", "rotate"), ("keys", "generate"))]
    assert secret not in str(said)
