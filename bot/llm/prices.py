"""What a request costs in US dollars, where the provider's published price is known.

Per million tokens, as of October 2026, from developers.openai.com/api/docs/pricing and
platform.claude.com/docs/en/about-claude/pricing. A name stands for its dated versions, too. OpenAI charges more above
272,000 tokens of input, which our window stays below.
"""

import re
from dataclasses import dataclass

WRITTEN = 1.25  # what is put into the short cache costs that many times its input, with both
DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2}|latest)\Z")


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens."""

    input: float
    cached: float
    output: float


PRICES = {
    "gpt-6.1-sol": Price(2.00, 0.10, 10.00),
    "gpt-6.1-terra": Price(1.00, 0.05, 5.00),
    "gpt-5.6-sol": Price(5.00, 0.50, 30.00),
    "gpt-5.6-terra": Price(2.00, 0.20, 12.00),
    "gpt-5.6-luna": Price(0.20, 0.02, 1.20),
    "gpt-5.5": Price(5.00, 0.50, 30.00),
    "gpt-5.4": Price(2.50, 0.25, 15.00),
    "gpt-5.4-mini": Price(0.75, 0.075, 4.50),
    "claude-opus-5-5": Price(4.00, 0.20, 20.00),
    "claude-opus-5": Price(5.00, 0.50, 25.00),
    "claude-sonnet-5-5": Price(2.00, 0.20, 10.00),
    "claude-sonnet-5": Price(2.00, 0.20, 10.00),
    "claude-haiku-4-5": Price(1.00, 0.10, 5.00),
}


def cost_usd(model: str, whole: int, output: int, cached: int = 0, written: int = 0) -> float:
    """The price of one request; 0 where the model's price is not known.

    Tokens: `whole` is all input; `cached` of it were read from the cache, `written` put into it.
    """
    price = PRICES.get(DATED.sub("", model))
    if price is None:
        return 0.0
    full = max(whole - cached - written, 0) + WRITTEN * written
    return (full * price.input + cached * price.cached + output * price.output) / 1_000_000
