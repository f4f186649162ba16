"""Text of unknown origin made safe to print. Pure."""

import json

MOST_KEY, MOST_MESSAGE = 60, 300
"""Characters kept of a key and of a message in a list."""
MOST_SHOWN = 4000
"""Characters of a key or value that are shown."""


def printable(text: str) -> str:
    """What would steer a terminal or mislead the eye (control, bidi, invisible characters) as `\\u202e`; lines stay."""
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def one_line(text: str) -> str:
    """Printable, in one line."""
    return printable(" ".join(text.split()))


def clip(text: str, most: int) -> str:
    """At most so many characters; an ellipsis says that there was more."""
    return text if len(text) <= most else text[: most - 1] + "…"


def short_key(key: bytes | None) -> str:
    """A key for a list: one short line."""
    return "" if key is None else clip(one_line(key[: 4 * MOST_KEY].decode(errors="backslashreplace")), MOST_KEY)


def pretty(data: bytes | None) -> str:
    """Bytes for people: JSON indented, other text as it is, what is no UTF-8 as `\\xff`; cut with the size said."""
    if data is None:
        return "(none)"
    text = _laid_out(data)
    shown = printable(text[:MOST_SHOWN])
    return shown if len(text) <= MOST_SHOWN else f"{shown}\n… cut here: {len(data):,} bytes in all"


def _laid_out(data: bytes) -> str:
    try:
        return json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return data.decode(errors="backslashreplace")


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
