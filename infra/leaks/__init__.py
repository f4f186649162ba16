"""Leaks: random companies, changes and askers, and an oracle of who may see what. Nobody may see more, or less."""
