"""What fields the API's kinds have, and what follows from that alone."""
