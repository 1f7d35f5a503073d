"""The plugins of the scheduler, one a file."""
