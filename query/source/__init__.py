"""Confirming at the source: a hit leaves only if the source's database shows the row to the asker, now."""
