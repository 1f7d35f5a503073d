"""The `core` room of kelm: imported as `kelm.core`, never under its bare name."""

if __name__ != "kelm.core":
    raise ImportError("import this package as kelm.core, not as core")
