"""Sessions: somebody runs a program in a container, or talks with the one that runs there."""
