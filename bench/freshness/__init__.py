"""Freshness: from a commit in the source until a search finds it, hop by hop, at several rates of change."""
