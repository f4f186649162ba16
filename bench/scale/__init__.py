"""What an event costs as work and state grow; memory; workers and cores; restart."""
