"""What the demo's model says where no other is configured: answers prepared for the seeded shop.

Nothing is found out here. A prepared statement is made only where the line that shows it and the words that it is
about both stand in the question; all else gets the least that its schema allows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Untrue:
    """Words on a page that a change makes wrong. `line` of the diff of `path` shows it.

    `swaps`: what stands there and what shall, all of it in one block; none: the block that holds `words` is deleted.
    """

    path: str
    line: str
    why: str
    words: str
    swaps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Break:
    """What no longer works for those who use the shop's code; `quote` is a line of the diff of `path`."""

    path: str
    quote: str
    sentence: str


UNTRUE = (
    Untrue(
        "shop/checkout.py",
        "def check_out(cart: Cart, codes: list[str] | None = None) -> Order:",
        "`check_out` takes discount codes beside the cart, and `vat.tax` is `tax.due` now.",
        "It takes nothing but the cart.",
        (
            ("`check_out(cart)`", "`check_out(cart, codes=None)`"),
            ("It takes nothing but the cart.", "The best of the discount codes is taken off."),
            ("`vat.tax(net, country)`", "`tax.due(net, country)`"),
        ),
    ),
    Untrue(
        "shop/checkout.py",
        "net = discounts.take_off(net, codes)",
        "The best discount is taken off the net amount, before tax.",
        "lines, before tax",
        (("lines, before tax", "lines less the best discount, before tax"),),
    ),
    Untrue(
        "shop/vouchers.py",
        "def worth(code: str) -> Decimal:",
        "Paper vouchers are gone, and `vouchers.worth` with them.",
        "Paper vouchers are worth what",
    ),
    Untrue(
        "shop/money.py",
        'return f"{rounded(amount):,.2f} {CURRENCIES.get(country, CURRENCY)}"',
        "Customers are shown the currency of their country: francs in Switzerland.",
        "always in euro",
        (
            ("`money.shown(amount)`", "`money.shown(amount, country)`"),
            ("always in euro", "in the currency of the customer’s country: francs in Switzerland, else euro"),
        ),
    ),
)
BREAKS = (
    Break("shop/tax.py", "def due(net: Decimal, country: str) -> Decimal:", "`vat.tax` is now `tax.due`."),
    Break(
        "shop/vouchers.py",
        "def worth(code: str) -> Decimal:",
        "`vouchers.worth` is gone: nobody has used a paper voucher since spring.",
    ),
)


def answer(schema: Json, material: Json) -> Json:
    """An object of this schema, by what the question shows."""
    least: Json = _least(schema, schema.get("$defs", {}))
    if "wrong" in least:
        return {"wrong": list(_wrong(material))}
    if "breaks" in least:
        return {"breaks": list(_breaks(material))}
    return least


def _wrong(material: Json) -> Iterator[Json]:
    for one in UNTRUE:
        block = next((each for each in material.get("blocks", []) if one.words in each["text"]), None)
        if block and _shows(material.get("changed_files", []), one.path, one.line):
            yield {
                "path": one.path,
                "line": one.line,
                "why": one.why,
                "block": block["block"],
                "quote": one.words,
                "how": "replace" if one.swaps else "delete",
                "text": _swapped(block["text"], one.swaps) if one.swaps else "",
            }


def _swapped(text: str, swaps: tuple[tuple[str, str], ...]) -> str:
    for before, after in swaps:
        text = text.replace(before, after)
    return text


def _breaks(material: Json) -> Iterator[Json]:
    for one in BREAKS:
        if _shows(material.get("files", []), one.path, one.quote):
            yield {"sentence": one.sentence, "path": one.path, "quote": one.quote}


def _shows(files: list[Json], path: str, line: str) -> bool:
    return any(file["path"] == path and line in file.get("diff", "") for file in files)


def _least(schema: Json, named: Json) -> Any:
    """The smallest value that the schema allows: nothing in lists and texts, null where it may be."""
    if "$ref" in schema:
        return _least(named[schema["$ref"].rpartition("/")[2]], named)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        kinds = [one for one in schema["anyOf"] if one.get("type") == "null"] or schema["anyOf"]
        return _least(kinds[0], named)
    if schema.get("type") == "object":
        return {name: _least(one, named) for name, one in schema.get("properties", {}).items()}
    return {"array": [], "string": "", "integer": 0, "number": 0, "boolean": False}.get(schema.get("type", ""))
