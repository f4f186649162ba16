"""Webhooks: permitted, relevant changes, sent to an endpoint: signed, retried, and nowhere they must not go."""
