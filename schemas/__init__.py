"""Everything that crosses a wall: contracts, events, answers, topics, errors and settings. Imports nothing of ours."""
