"""A hit with the content that its row has now, made as the stream job would make it. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from json import dumps
from typing import Any, Literal

from connectors.rows.describe import describe
from connectors.rows.permit import label_of
from connectors.rows.quality import check_quality
from index.chunk import MAX_CHARACTERS
from index.store import Row
from schemas.access import AccessFilter
from schemas.contract import TableContract
from schemas.errors import FreshlineError, Rejected

Reason = Literal["denied_at_source", "unconfirmed", "relabelled", "unusable", "redacted"]
"""denied_at_source: its database does not show the row to the asker: denied or gone, which look alike. unconfirmed: the
database could not be asked in time. relabelled: who may see the row has changed, and the asker is not known to be
among them. unusable: the row as it is now is none that the stream job would show. redacted: the asker may not see the
row because of a field of it."""


class NotShown(FreshlineError):
    """The hit does not leave."""

    code = "not_shown"

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def present(row: Row, now: Mapping[str, Any], table: TableContract, access: AccessFilter, max_text_bytes: int) -> Row:
    """The chunk as it may be shown now: the same passage if the row still has it, else the beginning of its text.

    The database decides as who asks; labels still decide for what the token leaves of that: so the label that the row
    has now must be among the visible ones, too. Raises NotShown.
    """
    assert table.permissions is not None
    values = dict(now)
    try:
        label = label_of(values, table.permissions).id
        content = describe(values, table, row.commit_ms, max_text_bytes)
        check_quality(values, table, content)
    except Rejected:
        raise NotShown("unusable") from None
    if label not in access.labels:
        raise NotShown("relabelled")
    text = content.text or content.title
    if not text:
        raise NotShown("unusable")
    return replace(
        row,
        label=label,
        title=content.title,
        text=row.text if row.text in text else beginning(text),
        url=content.url,
        metadata=dumps(content.metadata, ensure_ascii=False),
        event_ms=content.event_ms,
    )


def beginning(text: str, most: int = MAX_CHARACTERS) -> str:
    """As much of a text, from its start, as a chunk may hold; whole words where there are any."""
    if len(text) <= most:
        return text
    whole = text[: most + 1].rsplit(maxsplit=1)
    return (whole[0] if len(whole) > 1 else text[:most]).strip()[:most]
