"""What objects cost, and who is charged."""
