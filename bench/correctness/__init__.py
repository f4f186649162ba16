"""What each system's index shows after hard events: see `run`."""
