"""The decision log: what was shown to whom and what agents did, in a record whose alteration is detectable."""
