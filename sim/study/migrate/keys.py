"""Names of keys and of the variables that hold them: names only, never a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sim.catalogue import tiers

LLM, ANTHROPIC, OPENAI = "LLM_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"


@dataclass(frozen=True)
class KeyName:
    """What a project's key is called where it is made, and the variable that a service reads it from."""

    name: str
    env: str


def variable(models: Iterable[str]) -> str:
    """The variable that clients of these models read their key from; a neutral one where they are of several."""
    asked = set(models)
    if asked and asked <= anthropic_models():
        return ANTHROPIC
    return OPENAI if asked and all(model.startswith("gpt-") for model in asked) else LLM


def anthropic_models() -> set[str]:
    """The models that some class of an Anthropic tier has."""
    found: set[str] = set()
    for name, tier in tiers().items():
        if name.startswith("anthropic/"):
            found |= {model for limits in tier.classes.values() for model in limits.models or ()}
    return found


def key_names(projects: Iterable[str], models: Iterable[str]) -> Mapping[str, KeyName]:
    """A name and a variable for each project, all different."""
    prefix, found = variable(models), dict[str, KeyName]()
    taken: set[str] = set()
    for project in projects:
        slug = re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-") or "project"
        name = next(one for one in (slug, *(f"{slug}-{at}" for at in range(2, 10_000))) if one not in taken)
        taken.add(name)
        found[project] = KeyName(name, f"{prefix}__{name.upper().replace('-', '_')}")
    return found
