"""What the API changes or refuses on the way in, looking at other objects."""
