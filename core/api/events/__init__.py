"""Events: recorded, counted, kept for an hour, and read."""
