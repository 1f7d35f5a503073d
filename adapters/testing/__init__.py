"""For authors of tests: storms as Hypothesis strategies. Nothing here is imported by `kelm`."""
