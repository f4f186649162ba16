"""The agents' door: who asks, what they may see, and the freshness-ranked answer. Never imports streams."""
