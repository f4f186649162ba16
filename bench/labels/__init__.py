"""How many labels a filter names, simulated; and what labels and relations take in memory, measured."""
