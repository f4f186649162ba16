"""Verify: is the index what the source database says? Compares row by row, and heals through the topics.

database ─▸ rows ─▸ values ─▸ expected (the very stages of intake and draft) ─┐
                                index ─▸ held, marks, strays ────────────────┼─▸ compare ─▸ check ─▸ report
                                freshline.labels · freshline.relations ──────┘                └─▸ repair ─▸ topics
"""
