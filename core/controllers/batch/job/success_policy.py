"""When an Indexed Job has succeeded before all of its indexes have.

Source: kubernetes v1.36, pkg/controller/job/success_policy.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from kelm.core.controllers.batch.job.indexes import Intervals, overlap, parse_intervals, total
from kelm.effects.document import Document, text


def rule_met(rules: Iterable[Document], completions: int, succeeded: Intervals) -> int | None:
    """The position of the first rule of a successPolicy that is met, or None.

    A rule names indexes, all of which must have succeeded, or as many as it says; one that names
    none says how many of any.
    """
    if not succeeded:
        return None
    for position, rule in enumerate(rules):
        count = rule.get("succeededCount")
        if "succeededIndexes" in rule:
            wanted = parse_intervals(text(rule, "succeededIndexes"), completions)
            reached = overlap(wanted, succeeded)
            enough = isinstance(count, int) and reached >= count
            if wanted and (enough or reached == total(wanted)):
                return position
        elif isinstance(count, int) and total(succeeded) >= count:
            return position
    return None
