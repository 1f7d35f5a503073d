"""What the API's types are inside of an API server: refusals show some of them whole."""
