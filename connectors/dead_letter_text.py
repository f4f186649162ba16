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


def pretty(data: bytes | None) -> str:
    """Bytes for people: JSON indented, other text as it is, what is no UTF-8 as `\\xff`; cut with the size said."""
    if data is None:
        return "(none)"
    text = printable(_laid_out(data))
    if len(text) <= MOST_SHOWN:
        return text
    return f"{text[:MOST_SHOWN]}\n… cut here: {len(data):,} bytes in all, --raw writes them"


def _laid_out(data: bytes) -> str:
    try:
        return json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return data[: 2 * MOST_SHOWN].decode(errors="backslashreplace") if len(data) > MOST_SHOWN else _text(data)


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
