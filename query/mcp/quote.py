"""A record as text for a model, marked as untrusted like the hits of a search."""

from query.context.render import render
from schemas.answer import Hit
from schemas.record import Record

_SHOWN = {"record_id", "position", "commit_ms", "confirmed_ms", "changed", "title", "url", "metadata"}


def record_text(record: Record) -> str:
    """The whole record: what to cite it by, title, metadata, and all its passages in order."""
    shown = record.model_dump(include=_SHOWN)
    text = "\n".join(chunk.text for chunk in record.chunks)
    return render([Hit.model_construct(**shown, text=text)])
