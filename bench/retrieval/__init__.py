"""A labelled set made for this repository, and how well each kind of relevance finds what its questions ask for."""
