"""How the API behaves towards its callers: limits, cursors, idempotency, headers, and the routes that show records."""
