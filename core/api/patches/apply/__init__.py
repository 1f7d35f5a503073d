"""Server-side apply: who owns which field, and what follows for whoever applies next."""
