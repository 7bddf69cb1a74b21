"""Which models a process asks: those of TRIVET_MODELS in their order, else what the provider keys at hand allow."""

import hashlib
import os
from collections.abc import Callable, Mapping

from bot.domain.secrets import Redactor
from bot.entry.own_secrets import redactor
from bot.llm.breaker import Breaker, LocalBreaker
from bot.llm.budget import Budget, RunBudget
from bot.llm.chain import Call, Chain
from bot.llm.providers import PROVIDERS, chat, default_specs, parse_spec
from bot.settings import Settings, provider_environment


def open_models(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    redactor: Redactor,
    budget: Budget,
    breaker: Breaker,
    tally: Callable[[Call], object] = lambda call: None,
) -> Chain | None:
    """The chain of models, None where none is configured. Nothing is connected yet. Raises UsageError.

    `tally` is told of each request.
    """
    specs = [parse_spec(text) for text in settings.models] or default_specs(environ)
    models = [chat(spec, environ) for spec in specs]
    if not models:
        return None
    return Chain(models, redactor=redactor, budget=budget, breaker=breaker, tally=tally)


def shell_model(settings: Settings) -> Chain | None:
    """The models of one run outside the queue: what it may spend, and which model is out, only this process knows."""
    budget = RunBudget(settings.budget.run_tokens)
    return open_models(
        settings,
        provider_environment(os.environ),
        redactor=redactor(settings),
        budget=budget,
        breaker=LocalBreaker(),
    )


def model_identity(settings: Settings, environ: Mapping[str, str]) -> Callable[[str], str]:
    """Names a model's circuit. Another key, address or chain makes it another one: what was mended is asked at once."""
    variables = sorted(name for one in PROVIDERS.values() for name in (one.key_variable, one.url_variable))
    configured = "\0".join((*settings.models, *(environ.get(name, "") for name in variables)))
    digest = hashlib.sha256(configured.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return lambda model: f"{model}:{digest}"
