"""The product's answers beside brute force over all rows, and beside Milvus's own decay ranker."""
