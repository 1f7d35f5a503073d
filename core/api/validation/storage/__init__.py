"""Rules of volumes, their classes and drivers, and of what attaches them."""
