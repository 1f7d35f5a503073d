"""Rules of devices that pods may claim: classes, claims and their templates, slices of pools."""
