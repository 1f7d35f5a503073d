"""Which node is best for a pod, for many pods in one go."""
