"""What the API does when it is asked to create, read, update, patch, delete or watch."""
