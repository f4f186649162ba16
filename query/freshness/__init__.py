"""How far each source is searchable, and what a question demands of that: watermarks, budgets, commit tokens."""
