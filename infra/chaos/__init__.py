"""Chaos: random changes and random faults at once, watched without pause, and a count of everything that went wrong."""
