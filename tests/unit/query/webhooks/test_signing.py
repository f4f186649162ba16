"""Signatures that the standard's own library verifies, and secrets that are stored nowhere."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from query.webhooks.signing import Secrets, load_or_make_key
from schemas.errors import Misconfigured

SECRETS = Secrets(b"k" * 32)
BODY = b'{"type": "freshline.update"}'


def headers(secrets: Secrets = SECRETS, webhook: str = "a") -> dict[str, str]:
    return secrets.headers(webhook, "msg_1", round(datetime.now(UTC).timestamp() * 1000), BODY)


def test_the_standards_library_verifies_what_was_signed() -> None:
    assert Webhook(SECRETS.of("a")).verify(BODY, headers()) == {"type": "freshline.update"}


@pytest.mark.parametrize("change", ["body", "id", "timestamp", "webhook", "key"])
def test_anything_else_is_not_verified(change: str) -> None:
    signed = headers(Secrets(b"x" * 32) if change == "key" else SECRETS, "b" if change == "webhook" else "a")
    if change == "id":
        signed["webhook-id"] = "msg_2"
    if change == "timestamp":
        signed["webhook-timestamp"] = str(int(signed["webhook-timestamp"]) + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRETS.of("a")).verify(BODY + b" " if change == "body" else BODY, signed)


def test_a_delivery_has_one_name_that_depends_on_all_of_it() -> None:
    names = {
        SECRETS.delivery_id(*parts) for parts in (("a", "r", "p"), ("b", "r", "p"), ("a", "s", "p"), ("a", "r", "q"))
    }
    assert len(names) == 4
    assert SECRETS.delivery_id("a", "r", "p") in names
    assert Secrets(b"x" * 32).delivery_id("a", "r", "p") not in names


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "webhooks.key"
    key = load_or_make_key(path)
    assert (load_or_make_key(path), len(key), stat.S_IMODE(path.stat().st_mode)) == (key, 32, 0o600)
    path.write_bytes(b"short")
    with pytest.raises(Misconfigured):
        load_or_make_key(path)
