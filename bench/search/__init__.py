"""What a question costs through the API, beside the bare sum of its parts."""
