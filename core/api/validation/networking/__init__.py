"""Rules of Ingresses and NetworkPolicies."""
