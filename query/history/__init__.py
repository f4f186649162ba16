"""Answers as of a past time: from the versions that were current then, with the permissions of now."""
