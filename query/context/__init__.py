"""Answers as context for a prompt: cited, marked as untrusted, and no longer than the asker has room for."""
