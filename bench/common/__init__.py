"""What every bench shares: rounds, results, the page, a stack of its own, rivals in environments of their own."""
