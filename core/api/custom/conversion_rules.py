"""What is wrong with how a definition has its objects converted.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go,
validateCustomResourceConversion; paths are those of upstream's internal type.
"""

from __future__ import annotations

from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.violation import forbidden, not_supported, required
from kelm.core.api.webhooks.client_config import ca_bundle, client_config
from kelm.core.api.webhooks.rules import review_versions
from kelm.effects.document import Document, child, elements, text

PATH = "spec.conversion"
NOT_WEBHOOK = "should not be set when strategy is not set to Webhook"


def conversion_faults(spec: Document, *, known: bool = True, bundle: bool = False) -> Rules:
    """The violations in a definition's `spec.conversion`.

    known: one of the review versions must be ours; bundle: a CA bundle must be one.
    """
    if "conversion" not in spec:
        return
    conversion = child(spec, "conversion")
    webhook = child(conversion, "webhook")
    client, versions = webhook.get("clientConfig"), elements(webhook, "conversionReviewVersions")
    strategy = text(conversion, "strategy")
    if not strategy:
        yield required(f"{PATH}.strategy")
    elif strategy not in ("None", "Webhook"):
        yield not_supported(f"{PATH}.strategy", strategy, ("None", "Webhook"))
    if strategy != "Webhook":
        if client is not None:
            yield forbidden(f"{PATH}.webhookClientConfig", NOT_WEBHOOK)
        if versions:
            yield forbidden(f"{PATH}.conversionReviewVersions", NOT_WEBHOOK)
        return
    path = f"{PATH}.webhookClientConfig"
    if not isinstance(client, Document):
        yield required(path, "required when strategy is set to Webhook")
    else:
        yield from client_config(client, path)
        if bundle:
            yield from ca_bundle(text(client, "caBundle"), f"{path}.caBundle")
    if not versions:
        yield required(f"{PATH}.conversionReviewVersions")
        return
    yield from review_versions(versions, f"{PATH}.conversionReviewVersions", known=known)
