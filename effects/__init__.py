"""The `effects` room of kelm: imported as `kelm.effects`, never under its bare name."""

if __name__ != "kelm.effects":
    raise ImportError("import this package as kelm.effects, not as effects")
