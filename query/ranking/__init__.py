"""Relevance × freshness, exactly: the true best of all permitted chunks. See README.md."""
