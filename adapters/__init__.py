"""The `adapters` room of kelm: imported as `kelm.adapters`, never under its bare name."""

if __name__ != "kelm.adapters":
    raise ImportError("import this package as kelm.adapters, not as adapters")
