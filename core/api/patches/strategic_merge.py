"""Strategic merge patches, to apply and to make: the door to `strategic/`.

What a list does in a merge (replace, merge by a key, merge as a set) is in the schema of the
kind; a kind without a schema merges as JSON merge patches do.

Source: kubernetes v1.36, apimachinery/pkg/util/strategicpatch/patch.go.
"""

from __future__ import annotations

from returns.result import Failure, Result, Success

from kelm.core.api.patches.strategic.conflicts import patches_conflict
from kelm.core.api.patches.strategic.diff import Aspects, diff_objects
from kelm.core.api.patches.strategic.merge import merge_objects
from kelm.core.api.patches.strategic.rules import Refused, go_text, root
from kelm.core.api.schema.definitions import Definition, Definitions
from kelm.effects.document import Document


def apply_strategic_patch(
    doc: Document,
    patch: Document,
    definition: Definition | None,
    definitions: Definitions | None = None,
) -> Result[Document, str]:
    """The document after the patch, or upstream's sentence on what is wrong with the patch.

    `definitions` are the API's own where none are given.

    >>> from kelm.core.api.schema.definitions import definition_of
    >>> from kelm.effects.document import document
    >>> pod = document({"spec": {"containers": [{"name": "a", "image": "x"}]}})
    >>> patch = document({"spec": {"containers": [{"name": "b"}, {"name": "a", "image": "y"}]}})
    >>> apply_strategic_patch(pod, patch, definition_of("v1", "Pod")).unwrap()
    {'spec': {'containers': ({'name': 'b'}, {'name': 'a', 'image': 'y'})}}
    """
    try:
        return Success(merge_objects(doc, patch, root(definition, definitions), onto_patch=False))
    except Refused as refused:
        return Failure(str(refused))


def strategic_patch_between(
    before: Document,
    after: Document,
    definition: Definition | None,
    definitions: Definitions | None = None,
) -> Result[Document, str]:
    """The patch that makes `after` of `before`.

    Source: strategicpatch/patch.go, CreateTwoWayMergePatch.
    """
    place = root(definition, definitions)
    try:
        return Success(diff_objects(before, after, place, Aspects(order=True)))
    except Refused as refused:
        return Failure(str(refused))


def three_way_strategic_patch(
    applied: Document,
    wanted: Document,
    live: Document,
    definition: Definition | None,
    definitions: Definitions | None = None,
    *,
    overwrite: bool = False,
) -> Result[Document, str]:
    """The patch with which `kubectl apply` changes a live object.

    Additions and changes come from the live object, deletions from what was applied last.
    Unless `overwrite`, a field that was changed here and on the server is a conflict.

    Source: strategicpatch/patch.go, CreateThreeWayMergePatch.
    """
    place = root(definition, definitions)
    try:
        delta = diff_objects(live, wanted, place, Aspects(deletions=False, order=True))
        deletions = diff_objects(applied, wanted, place, Aspects(changes=False, order=True))
        patch = merge_objects(deletions, delta, place, onto_patch=True)
        changed = Document() if overwrite else diff_objects(applied, live, place, Aspects())
        if patches_conflict(patch, changed, place):
            return Failure(
                f"patch:\n{go_text(patch)}\nconflicts with changes made from original to current:"
                f"\n{go_text(changed)}\n"
            )
    except Refused as refused:
        return Failure(str(refused))
    return Success(patch)
