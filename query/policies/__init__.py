"""Access policies in Cedar: they narrow what relations and labels let an asker reach, and never widen it."""
