"""What is done to workloads: another image, another number, a rollout."""

from __future__ import annotations

from kelm.adapters.cli.actions.words import (
    Words,
    number_of,
    ref_at,
    unusable,
    word_at,
)
from kelm.core.operations.verbs import Pause, Restart, Scale, SetImage, Undo


def read_set(words: Words, namespace: str) -> SetImage:
    """`set image deployment/web php=php:8`."""
    if word_at(words, 1, "image") != "image":
        unusable(f'"set {words[1]}" is not known')
    ref = ref_at(words, 2, namespace)
    pairs = [word.partition("=") for word in words[3:] if "=" in word]
    if not pairs or any(not name or not image for name, _, image in pairs):
        unusable("CONTAINER=IMAGE is missing")
    return SetImage(ref, tuple((name, image) for name, _, image in pairs))


def read_scale(words: Words, namespace: str) -> Scale:
    """`scale deployment/web --replicas=3`."""
    replicas = number_of(words, "--replicas")
    if replicas is None:
        unusable("--replicas=N is missing")
    bare = [w for w in words if not w.startswith("--") and not w.lstrip("-").isdecimal()]
    return Scale(ref_at(bare, 1, namespace), replicas)


def read_rollout(words: Words, namespace: str) -> Restart | Undo | Pause:
    """`rollout undo deployment/web`."""
    what = word_at(words, 1, "restart, undo, pause or resume")
    ref = ref_at(words, 2, namespace)
    if what == "restart":
        return Restart(ref)
    if what == "undo":
        return Undo(ref, number_of(words, "--to-revision") or 0)
    if what in ("pause", "resume"):
        return Pause(ref, resume=what == "resume")
    return unusable(f'"rollout {what}" is not known')
