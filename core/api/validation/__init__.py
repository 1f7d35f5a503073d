"""What the API refuses to store, and in which words."""
