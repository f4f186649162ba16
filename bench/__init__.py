"""Measurements: each generates its input from a seed and writes what it found to bench/results."""
