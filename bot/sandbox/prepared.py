"""What the demo's model says where no other is configured: answers prepared for the seeded shop.

Nothing is found out here. A prepared statement is made only where the line that shows it and the words that it is
about both stand in the question; all else gets the least that its schema allows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """`schema` is the answer's; `objects` are the JSON objects that the question shows, `text` all of its words."""

    schema: Json
    objects: tuple[Json, ...]
    text: str

    @property
    def material(self) -> Json:
        """What the question is about."""
        return self.objects[0] if self.objects else {}


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


@dataclass(frozen=True, slots=True)
class Judged:
    """An acceptance criterion that begins with `words`. `line` is the number of `quote` in `path`; "" for no proof."""

    words: str
    state: str
    reason: str
    path: str = ""
    line: int = 0
    quote: str = ""


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


JUDGED = (
    Judged(
        "A customer can type several codes",
        "partly",
        "It is taken off before tax, but take_off ends with an error: nothing is called today.",
        "shop/checkout.py",
        24,
        "net = discounts.take_off(net, codes)",
    ),
    Judged(
        "Capital letters and spaces",
        "met",
        "Both are taken away before codes are compared.",
        "shop/discounts.py",
        25,
        "wanted = code.strip().upper()",
    ),
    Judged(
        "A code is no longer good",
        "met",
        "Its last day is compared with the day asked for.",
        "shop/discounts.py",
        27,
        "if discount.code == wanted and day <= discount.until:",
    ),
    Judged("A code that nobody knows", "missing", "find answers None for it, which has no percent."),
    Judged(
        "Staff codes do not add up", "unclear", "What the condition compares is hidden by direction controls."
    ),
    Judged(
        "The receipt shows",
        "partly",
        "The line is there; no order holds the discount that it shows.",
        "shop/receipt.txt",
        4,
        "Discount    $discount",
    ),
    Judged("Marketing can see", "missing", "The codes used are put into a list that nothing shows."),
)
OUTSIDE = {
    "what": "paper vouchers are removed",
    "path": "shop/vouchers.py",
}  # which the issue says shall stay


def answer(question: Question) -> Json:
    """An object of the schema, by what the question shows."""
    least: Json = _least(question.schema, question.schema.get("$defs", {}))
    if "wrong" in least:
        return {"wrong": list(_wrong(question.material))}
    if "breaks" in least:
        return {"breaks": list(_breaks(question.material))}
    if "criteria" in least and "outside" in least:
        return {"criteria": list(_judged(question)), "outside": list(_outside(question))}
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


def _judged(question: Question) -> Iterator[Json]:
    for asked in question.objects:
        words = str(asked.get("criterion", ""))
        one = next((each for each in JUDGED if words.startswith(each.words)), None)
        if one and one.quote in question.text:
            proof = {"path": one.path, "line": one.line, "quote": one.quote}
            yield {
                "number": asked["number"],
                "state": one.state,
                "evidence": [proof] if one.quote else [],
                "reason": one.reason,
            }


def _outside(question: Question) -> Iterator[Json]:
    if any(file.startswith(f"{OUTSIDE['path']} (deleted") for file in question.material.get("files", [])):
        yield OUTSIDE


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
    return {"array": [], "string": "", "integer": 0, "number": 0, "boolean": False}.get(
        schema.get("type", "")
    )
