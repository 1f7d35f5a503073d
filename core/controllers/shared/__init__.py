"""What several controllers do alike, written once."""
