"""CQL: read strictly, what Confluence would refuse is refused here.

Fields, operators and forms of dates as developer.atlassian.com/cloud/confluence/cql-fields and cql-functions list them.
Dates have no seconds and are in the time zone of whoever asks. Values of a list have to be in quotes: bare ones were
seen refused. A negative clause cannot be the first one.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from bot.sandbox.confluence.model import Page, Person, Site, now

TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<sign>!=|>=|<=|!~|[=<>~(),])
    |(?P<word>[^\s=<>!~(),"']+)
    |(?P<bad>.))""",
    re.X | re.S,
)
INCREMENT = re.compile(r"([+-]?)(\d+)([yMwdhm])")
UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
DAYS = {"y": 365, "M": 30}
DATE_FORMATS = ("%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d")
RESERVED = ("and", "or", "not", "in", "order", "by", "asc", "desc", "empty", "null", "is")

Test = Callable[[Page], bool]


class QueryRefused(ValueError):
    """Says why."""


@dataclass(frozen=True, slots=True)
class Query:
    """`order`: (field, descending), first one first."""

    test: Test
    order: tuple[tuple[str, bool], ...]

    def of(self, pages: Sequence[Page]) -> list[Page]:
        found = [one for one in pages if self.test(one)]
        for name, descending in reversed(self.order):
            found.sort(key=ORDERS[name], reverse=descending)
        return found


def parsed(site: Site, asker: Person, text: str) -> Query:
    """Raises QueryRefused."""
    return _Reader(site, asker, _tokens(text)).query()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    kind: str

    def says(self, *words: str) -> bool:
        return self.kind != "text" and self.text.lower() in words


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    for found in TOKEN.finditer(text.rstrip()):
        kind = found.lastgroup or ""
        if kind == "bad":
            raise QueryRefused(f"Unexpected character '{found[kind]}' at position {found.start(kind)}")
        value = found[kind]
        tokens.append(_Token(re.sub(r"\\(.)", r"\1", value[1:-1]) if kind == "text" else value, kind))
    return tokens


class _Reader:
    """or > and > not > clause, by recursive descent."""

    def __init__(self, site: Site, asker: Person, tokens: list[_Token]) -> None:
        self._site = site
        self._asker = asker
        self._tokens = tokens

    def query(self) -> Query:
        if not self._tokens:
            raise QueryRefused("The query is empty")
        if self._peek("not") or (len(self._tokens) > 1 and self._tokens[1].text in ("!=", "!~")):
            raise QueryRefused("A negative expression cannot be the first clause")
        test = self._any()
        order = self._order() if self._took("order") else ()
        if self._tokens:
            raise self._unexpected("the end of the query")
        return Query(test, order)

    def _any(self) -> Test:
        tests = [self._all()]
        while self._took("or"):
            tests.append(self._all())
        return lambda page: any(test(page) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._took("and"):
            tests.append(self._one())
        return lambda page: all(test(page) for test in tests)

    def _one(self) -> Test:
        if self._took("not"):
            refused = self._one()
            return lambda page: not refused(page)
        if self._took("("):
            inner = self._any()
            self._expect(")")
            return inner
        return self._clause()

    def _clause(self) -> Test:
        field = self._next("a field")
        name = FIELDS.get(field.text.lower())
        if name is None or field.kind != "word":
            raise QueryRefused(f"Unsupported CQL field '{field.text}' for this resource")
        operator = self._operator()
        if operator not in OPERATORS[name]:
            raise QueryRefused(f"The operator '{operator}' is not supported by the field '{field.text}'")
        if name in DATES:
            return self._date(name, operator)
        values = {value.casefold() for value in self._values(operator)}
        inside = operator in ("=", "in", "~")
        match = _contains if "~" in operator else _equals
        return lambda page: match(VALUES[name](page), values) is inside

    def _operator(self) -> str:
        if self._took("not"):
            self._expect("in")
            return "not in"
        if self._took("in"):
            return "in"
        token = self._next("an operator")
        if token.kind != "sign" or token.text in "(),":
            raise QueryRefused(f"Expected an operator but found '{token.text}'")
        return token.text

    def _values(self, operator: str) -> list[str]:
        if operator not in ("in", "not in"):
            return [self._value()]
        self._expect("(")
        values = [self._quoted()]
        while self._took(","):
            values.append(self._quoted())
        self._expect(")")
        return values

    def _value(self) -> str:
        token = self._next("a value")
        if token.kind == "sign" or token.says(*RESERVED):
            raise QueryRefused(f"Expected a value but found '{token.text}'")
        if token.kind == "word" and self._peek("("):
            return self._function(token.text)
        return token.text

    def _quoted(self) -> str:
        token = self._next("a value")
        if token.kind != "text":
            raise QueryRefused(f"The value '{token.text}' has to be in quotes")
        return token.text

    def _function(self, name: str) -> str:
        self._expect("(")
        if name.lower() != "currentuser":
            raise QueryRefused(f"Unknown function '{name}'")
        self._expect(")")
        return self._asker.account_id if self._site.cloud else self._asker.key

    def _date(self, name: str, operator: str) -> Test:
        limit = self._moment(name)
        compare = COMPARISONS[operator]
        return lambda page: compare(_minute(DATES[name](page)), _minute(limit))

    def _moment(self, name: str) -> datetime:
        token = self._next("a date")
        if token.kind == "word" and token.text.lower() == "now" and self._took("("):
            return self._now()
        for form in DATE_FORMATS:
            try:
                return datetime.strptime(token.text, form).replace(tzinfo=_zone(self._asker))
            except ValueError:
                continue
        raise QueryRefused(f"Date value '{token.text}' of the field '{name}' is not valid")

    def _now(self) -> datetime:
        """`now()` or `now("-15m")`: one step back or forth."""
        if self._took(")"):
            return now()
        step = INCREMENT.fullmatch(self._quoted())
        self._expect(")")
        if step is None:
            raise QueryRefused("The increment of now() is not valid")
        sign, number, unit = step.groups()
        length = (
            timedelta(days=int(number) * DAYS[unit])
            if unit in DAYS
            else timedelta(**{UNITS[unit]: int(number)})
        )
        return now() - length if sign == "-" else now() + length

    def _order(self) -> tuple[tuple[str, bool], ...]:
        self._expect("by")
        order = [self._ordering()]
        while self._took(","):
            order.append(self._ordering())
        return tuple(order)

    def _ordering(self) -> tuple[str, bool]:
        token = self._next("a field")
        name = FIELDS.get(token.text.lower(), "")
        if name not in ORDERS:
            raise QueryRefused(f"Cannot order by '{token.text}'")
        return name, not self._took("asc") and self._took("desc")

    def _next(self, wanted: str) -> _Token:
        if not self._tokens:
            raise QueryRefused(f"Expected {wanted} before the end of the query")
        return self._tokens.pop(0)

    def _peek(self, word: str) -> bool:
        return bool(self._tokens) and self._tokens[0].says(word)

    def _took(self, word: str) -> bool:
        if not self._peek(word):
            return False
        del self._tokens[0]
        return True

    def _expect(self, word: str) -> None:
        if not self._took(word):
            raise self._unexpected(f"'{word}'")

    def _unexpected(self, wanted: str) -> QueryRefused:
        found = f"'{self._tokens[0].text}'" if self._tokens else "the end of the query"
        return QueryRefused(f"Expected {wanted} but found {found}")


def _equals(values: Sequence[str], wanted: set[str]) -> bool:
    return any(value.casefold() in wanted for value in values)


def _contains(values: Sequence[str], wanted: set[str]) -> bool:
    """Every word stands there, in whatever order."""
    words = [word for value in values for word in re.findall(r"\w+", value.casefold())]
    return all(word in words for text in wanted for word in re.findall(r"\w+", text))


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _zone(asker: Person) -> tzinfo:
    return UTC if asker.time_zone == "Etc/UTC" else ZoneInfo(asker.time_zone)


FIELDS = {
    "type": "type",
    "space": "space",
    "space.key": "space",
    "title": "title",
    "id": "id",
    "content": "id",
    "ancestor": "ancestor",
    "parent": "parent",
    "label": "label",
    "creator": "creator",
    "contributor": "contributor",
    "lastmodified": "lastmodified",
    "created": "created",
}
VALUES: dict[str, Callable[[Page], Sequence[str]]] = {
    "type": lambda page: ("page",),
    "space": lambda page: (page.space.key,),
    "title": lambda page: (page.title,),
    "id": lambda page: (page.id,),
    "ancestor": lambda page: [one.id for one in page.ancestors()],
    "parent": lambda page: [page.parent.id] if page.parent else [],
    "label": lambda page: page.labels,
    "creator": lambda page: _who(page.author),
    "contributor": lambda page: [name for version in page.versions for name in _who(version.author)],
}
DATES: dict[str, Callable[[Page], datetime]] = {
    "lastmodified": lambda page: page.now.at,
    "created": lambda page: page.created,
}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    ">=": lambda left, right: left >= right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    "<": lambda left, right: left < right,
}
EQUALITY = ("=", "!=", "in", "not in")
OPERATORS: dict[str, Sequence[str]] = {
    **dict.fromkeys(VALUES, EQUALITY),
    "title": (*EQUALITY, "~", "!~"),
    **dict.fromkeys(DATES, tuple(COMPARISONS)),
}
ORDERS: dict[str, Callable[[Page], Any]] = {
    "title": lambda page: page.title.casefold(),
    "id": lambda page: int(page.id),
    **DATES,
}


def _who(person: Person) -> tuple[str, ...]:
    return (person.name, person.account_id, person.key)
