"""Rules of Jobs and CronJobs.

Source: kubernetes v1.36, pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from returns.result import Failure

from kelm.core.api.validation.fields import (
    IMMUTABLE,
    Rules,
    at,
    choice,
    has_text,
    items,
    not_negative,
    whole_number,
)
from kelm.core.api.validation.internal.form import pod_spec_form
from kelm.core.api.validation.labels import label_selector, printed
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.pods.pod import template_violations
from kelm.core.api.validation.violation import (
    Violations,
    invalid_value,
    not_supported,
    required,
    too_many,
)
from kelm.core.objects.selectors.labels import selector_of
from kelm.core.schedules.cron import parse_schedule
from kelm.core.schedules.time_zones import is_time_zone
from kelm.effects.document import Document, Json, child, elements, strings, text

NUMBERS: Final = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit")
MORE_NUMBERS: Final = ("ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes")
ACTIONS: Final = ("Count", "FailIndex", "FailJob", "Ignore")
LONGEST_CRON_NAME: Final = 52
MOST_INDEXED: Final = 100_000


def job_create(doc: Document) -> Violations:
    return (*metadata(doc, "jobs.batch"), *_job(child(doc, "spec"), "spec"))


def _job(spec: Document, path: str) -> Rules:
    yield from job_spec(spec, path)
    if spec.get("manualSelector") is not True:
        yield from _generated_selector(spec, path)
    labels = strings(spec, "template", "metadata", "labels")
    selector = spec.get("selector")
    if isinstance(selector, Document) and not selector_of(selector).matches(labels):
        value = child(spec, "template", "metadata").get("labels")
        why = "`selector` does not match template `labels`"
        yield invalid_value(at(path, "template.metadata.labels"), value, why)


def _generated_selector(spec: Document, path: str) -> Rules:
    selector = spec.get("selector")
    if not isinstance(selector, Document):
        yield required(at(path, "selector"))
        return
    keys = {key for key in strings(selector, "matchLabels") if not key.endswith("controller-uid")}
    if keys or elements(selector, "matchExpressions"):
        why = "`selector` not auto-generated"
        yield invalid_value(at(path, "selector"), printed(selector), why)


def job_spec(spec: Document, path: str) -> Rules:
    """What holds for a Job and for the template of one."""
    yield from not_negative(spec, path, (*NUMBERS, *MORE_NUMBERS))
    yield from _completion_mode(spec, path)
    if isinstance(spec.get("selector"), Document):
        yield from label_selector(child(spec, "selector"), at(path, "selector"))
    yield from _failure_policy(spec, path)
    policies = ("Failed", "TerminatingOrFailed")
    yield from choice(spec, path, "podReplacementPolicy", policies, needed=False)
    template = at(path, "template")
    yield from template_violations(child(spec, "template"), template)
    policy = text(spec, "template", "spec", "restartPolicy")
    here = f"{template}.spec.restartPolicy"
    if policy in ("", "Always"):
        yield required(here, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        yield not_supported(here, policy, ("OnFailure", "Never"))
    elif isinstance(spec.get("podFailurePolicy"), Document) and policy != "Never":
        why = 'only "Never" is supported when podFailurePolicy is specified'
        yield invalid_value(here, policy, why)


def _completion_mode(spec: Document, path: str) -> Rules:
    yield from choice(spec, path, "completionMode", ("NonIndexed", "Indexed"), needed=False)
    indexed = spec.get("completionMode") == "Indexed"
    completions, parallelism = whole_number(spec, "completions"), whole_number(spec, "parallelism")
    if indexed and completions is None:
        yield required(at(path, "completions"), "when completion mode is Indexed")
    if indexed and parallelism is not None and parallelism > MOST_INDEXED:
        why = f"must be less than or equal to {MOST_INDEXED} when completion mode is Indexed"
        yield invalid_value(at(path, "parallelism"), parallelism, why)
    if spec.get("backoffLimitPerIndex") is not None and not indexed:
        why = "requires indexed completion mode"
        yield invalid_value(at(path, "backoffLimitPerIndex"), spec["backoffLimitPerIndex"], why)


def _failure_policy(spec: Document, path: str) -> Rules:
    policy = spec.get("podFailurePolicy")
    if not isinstance(policy, Document):
        return
    here = at(path, "podFailurePolicy")
    rules = elements(policy, "rules")
    if len(rules) > 20:
        yield too_many(at(here, "rules"), len(rules), 20)
    for place, rule in items(policy, here, "rules"):
        yield from choice(rule, place, "action", ACTIONS)
        codes = isinstance(rule.get("onExitCodes"), Document)
        conditions = bool(elements(rule, "onPodConditions"))
        if codes and conditions:
            why = "specifying both OnExitCodes and OnPodConditions is not supported"
            yield invalid_value(place, "", why)
        elif not codes and not conditions:
            why = "specifying one of OnExitCodes and OnPodConditions is required"
            yield invalid_value(place, "", why)
        if codes:
            yield from _exit_codes(child(rule, "onExitCodes"), at(place, "onExitCodes"))


def _exit_codes(codes: Document, path: str) -> Rules:
    yield from choice(codes, path, "operator", ("In", "NotIn"))
    values = elements(codes, "values")
    if not values:
        why = "at least one value is required"
        yield invalid_value(at(path, "values"), values, why)
    if codes.get("operator") == "In" and 0 in values:
        place = f"{at(path, 'values')}[{values.index(0)}]"
        yield invalid_value(place, 0, "must not be 0 for the In operator")


def job_update(old: Document, new: Document) -> Violations:
    found = tuple(metadata_update(old, new))
    before, after = child(old, "spec"), child(new, "spec")
    if before is after:
        return found
    return (*found, *job_spec(after, "spec"), *_job_kept(before, after))


def _job_kept(old: Document, new: Document) -> Rules:
    for key in ("completions", "selector", "completionMode", "podFailurePolicy"):
        elastic = (
            key == "completions"
            and old.get("completionMode") == "Indexed"
            and (new.get("completions") == new.get("parallelism"))
        )
        if (old.get(key) or None) != (new.get(key) or None) and not elastic:
            yield invalid_value(at("spec", key), _shown(new.get(key)), IMMUTABLE)
    scheduling = old.get("suspend") is True
    before, after = child(old, "template"), child(new, "template")
    if before != after and _fixed(before, scheduling) != _fixed(after, scheduling):
        spec = child(after, "spec")
        if spec == child(before, "spec"):
            yield invalid_value("spec.template", after, IMMUTABLE)
        else:
            yield invalid_value("spec.template.spec", pod_spec_form(spec), IMMUTABLE)


def _shown(value: Json) -> Json:
    return printed(value) if isinstance(value, Document) and "matchLabels" in value else value


def _fixed(template: Document, suspended: bool) -> Document:
    """What of a template may not change: of a suspended job's, not where its pods run."""
    if not suspended:
        return template
    movable = ("nodeSelector", "affinity", "tolerations", "schedulingGates")
    spec = {k: v for k, v in child(template, "spec").items() if k not in movable}
    return Document(spec=Document(spec))


def cron_job_create(doc: Document) -> Violations:
    found = (*metadata(doc, "cronjobs.batch"), *_cron_job(child(doc, "spec")))
    name = text(doc, "metadata", "name")
    if len(name) <= LONGEST_CRON_NAME:
        return found
    why = f"must be no more than {LONGEST_CRON_NAME} characters"
    return (*found, invalid_value("metadata.name", name, why))


def cron_job_update(old: Document, new: Document) -> Violations:
    found = tuple(metadata_update(old, new))
    if old.get("spec") is new.get("spec"):
        return found
    return (*found, *_cron_job(child(new, "spec")))


def _cron_job(spec: Document) -> Rules:
    schedule = text(spec, "schedule")
    if not schedule:
        yield from has_text(spec, "spec", "schedule")
    elif "TZ" in schedule:
        why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield invalid_value("spec.schedule", schedule, why)
    else:
        read = parse_schedule(schedule)
        if isinstance(read, Failure):
            yield invalid_value("spec.schedule", schedule, read.failure())
    zone = spec.get("timeZone")
    if isinstance(zone, str):
        yield from _time_zone(zone)
    limits = ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
    yield from not_negative(spec, "spec", limits[:1])
    yield from choice(spec, "spec", "concurrencyPolicy", ("Allow", "Forbid", "Replace"))
    template = child(spec, "jobTemplate", "spec")
    yield from job_spec(template, "spec.jobTemplate.spec")
    yield from not_negative(spec, "spec", limits[1:])


def _time_zone(zone: str) -> Rules:
    if not zone:
        yield invalid_value("spec.timeZone", zone, "timeZone must be nil or non-empty string")
    elif zone.lower() == "local":
        why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        yield invalid_value("spec.timeZone", zone, why)
    elif not is_time_zone(zone):
        yield invalid_value("spec.timeZone", zone, f"unknown time zone {zone}")


def job_status_update(old: Document, new: Document) -> Violations:
    counts = ("active", "succeeded", "failed", "ready", "terminating")
    status = child(new, "status")
    return (*metadata_update(old, new), *not_negative(status, "status", counts))
