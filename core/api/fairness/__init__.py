"""Priority and fairness: which requests go together, and which of them matter more."""
