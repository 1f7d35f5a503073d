"""Parts of an object that are asked for and written on their own."""
