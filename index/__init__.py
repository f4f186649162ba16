"""The index: the collection of chunks and the embedder, shared by who writes and who reads."""
