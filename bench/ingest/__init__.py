"""Ingest: from a raw topic to a searchable index, Freshline beside its limits and its rivals."""
