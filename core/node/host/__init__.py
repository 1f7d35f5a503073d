"""The machine itself: its Node object, its heartbeat, and what can go wrong with it."""
