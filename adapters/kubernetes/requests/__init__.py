"""One request to a real API server: written, sent in its turn, and its answer read."""
