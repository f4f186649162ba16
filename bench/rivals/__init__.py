"""What people would use instead of Freshline, each in its documented idiom, in a virtual environment of its own."""
