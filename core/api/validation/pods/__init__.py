"""Rules of pods and their templates: containers, volumes, and where they want to run."""
