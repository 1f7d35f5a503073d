"""Which objects are meant: by their labels, by their fields, and as text."""
