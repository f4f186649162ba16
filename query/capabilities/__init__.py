"""Capabilities: tokens that say for whom, for what and until when; whoever holds one can hand on less, never more."""
