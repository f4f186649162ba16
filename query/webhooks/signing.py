"""Signatures by Standard Webhooks. No secret is stored: each is derived from one key of this server."""

import base64
import hmac
import secrets
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from standardwebhooks.webhooks import Webhook as Signer

from query.own_file import write_once
from schemas.errors import Misconfigured

FILE = Path("keys", "webhooks.key")
KEY_BYTES = 32


class Secrets:
    """`key`: 32 bytes, the same for every process that serves the API."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, webhook: str) -> str:
        """As its owner gets it: `whsec_…`."""
        return "whsec_" + base64.b64encode(self._derived("secret", webhook)).decode()

    def delivery_id(self, webhook: str, record_id: str, position: str) -> str:
        """The same for the same version; nobody can tell from it, or check, which record it is."""
        return "msg_" + self._derived("delivery", webhook, record_id, position).hex()[:32]

    def headers(self, webhook: str, delivery: str, at_ms: int, body: bytes) -> dict[str, str]:
        """`at_ms`: of this attempt, since 1970, UTC."""
        at = datetime.fromtimestamp(at_ms // 1000, UTC)
        signature = Signer(self.of(webhook)).sign(delivery, at, body.decode())
        return {"webhook-id": delivery, "webhook-timestamp": str(at_ms // 1000), "webhook-signature": signature}

    def _derived(self, *what: str) -> bytes:
        return hmac.digest(self._key, "\0".join(("freshline webhooks", *what)).encode(), sha256)


def load_or_make_key(path: Path) -> bytes:
    """The key, made on first use, also by several processes at once. Raises Misconfigured, never showing it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            write_once(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"the key {path} that signs webhooks is not usable: {error.strerror}") from None
    if len(key) != KEY_BYTES:
        raise Misconfigured(f"{path} does not hold a key of {KEY_BYTES} bytes; move it away to have another made")
    return key
