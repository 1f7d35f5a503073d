"""Patches: an object and a wish for change make a new object, or a reason why not."""
