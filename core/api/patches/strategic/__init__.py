"""Strategic merge patches: merge patches that know how lists of a type merge."""
