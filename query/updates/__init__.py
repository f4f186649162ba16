"""Push: an agent is told of permitted, relevant changes, by server-sent events."""
