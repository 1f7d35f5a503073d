"""Programs that answer: what happens inside of a container that is asked something."""
