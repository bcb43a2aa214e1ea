"""Data with dates and sources: models and prices, provider tiers, retry policies of real clients.

Nothing here is a constant of the code: a scenario adds to it and overrides it under ``models:``,
and writes retry policies and limits of its own.
"""

from sim.catalogue.data import (
    CatalogueModel,
    RetryPreset,
    Tier,
    Unfixed,
    model,
    model_names,
    retry_names,
    retry_preset,
    tiers,
    unfixed,
)
from sim.catalogue.resolve import ResolvedModel, model_gaps, resolve_model, resolve_retry

__all__ = [
    "CatalogueModel",
    "ResolvedModel",
    "RetryPreset",
    "Tier",
    "Unfixed",
    "model",
    "model_gaps",
    "model_names",
    "resolve_model",
    "resolve_retry",
    "retry_names",
    "retry_preset",
    "tiers",
    "unfixed",
]
