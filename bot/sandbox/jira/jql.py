"""JQL, read strictly: a query Jira would refuse is refused here, in its words.

Fields, operators and date formats as support.atlassian.com lists them; dates are in the time zone of whoever asks, and
have no seconds. `key in (...)` names only issues that are there, as Data Center has it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from bot.sandbox.jira.model import CATEGORIES, Issue, Person, Site, now

TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<sign>!=|>=|<=|!~|[=<>~(),])
    |(?P<word>[^\s=<>!~(),"']+)
    |(?P<bad>.))""",
    re.X | re.S,
)
RELATIVE = re.compile(r"[+-]?(?:\d+\s*[wdhm]\s*)+", re.I)
PERIOD = re.compile(r"(\d+)\s*([wdhm])", re.I)
UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
DATE_FORMATS = ("%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d")
UTC_NAMES = ("UTC", "Etc/UTC", "GMT", "Etc/GMT")

ERROR = "Error in the JQL Query: "
NO_FIELD = "Field '{field}' does not exist or you do not have permission to view it."
NO_VALUE = "The value '{value}' does not exist for the field '{field}'."
NO_KEY = "An issue with key '{value}' does not exist for field '{field}'."
NO_OPERATOR = "The operator '{operator}' is not supported by the '{field}' field."
NO_DATE = (
    "Date value '{value}' for field '{field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
    "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
)

Test = Callable[[Issue], bool]


class QueryRefused(ValueError):
    """Says why, in Jira's words."""


@dataclass(frozen=True, slots=True)
class Query:
    """`test` None: no restriction at all. `order`: (field, descending), first one first."""

    test: Test | None
    order: tuple[tuple[str, bool], ...]

    def of(self, issues: Sequence[Issue]) -> list[Issue]:
        """Those it finds, in its order; newest first when it names none."""
        found = [one for one in issues if self.test is None or self.test(one)]
        found.sort(key=lambda one: int(one.id), reverse=True)
        for name, descending in reversed(self.order):
            found.sort(key=ORDERS[name], reverse=descending)
        return found


def parsed(site: Site, asker: Person | None, text: str) -> Query:
    """Raises QueryRefused."""
    return _Reader(site, asker, _tokens(text)).query()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    kind: str
    column: int

    def says(self, *words: str) -> bool:
        return self.kind != "text" and self.text.lower() in words


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    for found in TOKEN.finditer(text.rstrip()):
        kind = found.lastgroup or ""
        if kind == "bad":
            raise QueryRefused(
                f"{ERROR}The quoted string '{text[found.end() :]}' has not been completed. "
                f"(line 1, character {found.start(kind) + 1})"
            )
        value = found[kind]
        value = re.sub(r"\\(.)", r"\1", value[1:-1]) if kind == "text" else value
        tokens.append(_Token(value, kind, found.start(kind) + 1))
    return tokens


class _Reader:
    """or > and > not > clause, by recursive descent."""

    def __init__(self, site: Site, asker: Person | None, tokens: list[_Token]) -> None:
        self._site = site
        self._asker = asker
        self._tokens = tokens

    def query(self) -> Query:
        test = None if not self._tokens or self._peek("order") else self._any()
        order = self._order() if self._peek("order") else ()
        if self._tokens:
            raise self._unexpected("Expecting either 'OR' or 'AND'")
        return Query(test, order)

    def _any(self) -> Test:
        tests = [self._all()]
        while self._took("or"):
            tests.append(self._all())
        return lambda issue: any(test(issue) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._took("and"):
            tests.append(self._one())
        return lambda issue: all(test(issue) for test in tests)

    def _one(self) -> Test:
        if self._took("not"):
            refused = self._one()
            return lambda issue: not refused(issue)
        if self._took("("):
            inner = self._any()
            if not self._took(")"):
                raise QueryRefused(f"{ERROR}Expecting ')' before the end of the query.")
            return inner
        return self._clause()

    def _clause(self) -> Test:
        name = self._name()
        operator = self._operator()
        field = CANONICAL.get(name.lower())
        if field is None:
            self._operands(operator)
            raise QueryRefused(NO_FIELD.format(field=name))
        if operator in ("is", "is not"):
            return self._emptiness(name, field, operator)
        values = self._operands(operator)
        if field in DATES:
            return self._date(name, field, operator, values)
        return self._membership(name, field, operator, values)

    def _name(self) -> str:
        if not self._tokens or self._tokens[0].kind == "sign":
            raise self._unexpected("Expecting a field name")
        return self._tokens.pop(0).text

    def _operator(self) -> str:
        for words in (("not", "in"), ("is", "not"), ("in",), ("is",)):
            if len(self._tokens) >= len(words) and all(
                token.says(word) for token, word in zip(self._tokens, words, strict=False)
            ):
                del self._tokens[: len(words)]
                return " ".join(words)
        if not self._tokens or self._tokens[0].kind != "sign" or self._tokens[0].text in "(),":
            raise self._unexpected("Expecting operator but got" if self._tokens else "Expecting operator")
        return self._tokens.pop(0).text

    def _operands(self, operator: str) -> list[str]:
        if operator not in ("in", "not in"):
            return [self._value()]
        if not self._took("("):
            raise self._unexpected("Expecting '('")
        values = [self._value()]
        while self._took(","):
            values.append(self._value())
        if not self._took(")"):
            raise self._unexpected("Expecting ')'")
        return values

    def _value(self) -> str:
        if not self._tokens or self._tokens[0].kind == "sign":
            raise self._unexpected("Expecting either a value, list or function")
        token = self._tokens.pop(0)
        if token.kind == "word" and self._peek("("):
            return self._function(token.text)
        return token.text

    def _function(self, name: str) -> str:
        del self._tokens[0]
        if name.lower() != "currentuser" or not self._took(")"):
            raise QueryRefused(f"Unable to find JQL function '{name}()'.")
        return self._asker.name if self._asker else ""

    def _emptiness(self, name: str, field: str, operator: str) -> Test:
        if not self._took("empty") and not self._took("null"):
            raise self._unexpected("Expecting EMPTY or NULL")
        if field not in OPTIONAL:
            raise QueryRefused(NO_OPERATOR.format(operator=operator, field=name))
        wanted = operator == "is"
        return lambda issue: (not OPTIONAL[field](issue)) is wanted

    def _membership(self, name: str, field: str, operator: str, values: list[str]) -> Test:
        if operator not in ("=", "!=", "in", "not in"):
            raise QueryRefused(NO_OPERATOR.format(operator=operator, field=name))
        if field in KNOWN and self._asker:
            self._check_known(name, field, values, self._asker)
        wanted = {value.lower() for value in values}
        inside = operator in ("=", "in")
        return lambda issue: _holds(field, issue, wanted) if inside else _lacks(field, issue, wanted)

    def _check_known(self, name: str, field: str, values: list[str], asker: Person) -> None:
        known = {value.lower() for value in KNOWN[field](self._site, asker)}
        for value in values:
            if value.lower() not in known:
                words = NO_KEY if field == "issuekey" else NO_VALUE
                raise QueryRefused(words.format(value=value, field=name))

    def _date(self, name: str, field: str, operator: str, values: list[str]) -> Test:
        compare = COMPARISONS.get(operator)
        if compare is None:
            raise QueryRefused(NO_OPERATOR.format(operator=operator, field=name))
        limit = self._moment(name, values[0])
        return lambda issue: compare(DATES[field](issue), limit)

    def _moment(self, name: str, value: str) -> datetime:
        if RELATIVE.fullmatch(value.strip()):
            return now() + _period(value)
        for form in DATE_FORMATS:
            try:
                return datetime.strptime(value, form).replace(tzinfo=_zone(self._asker))
            except ValueError:
                continue
        raise QueryRefused(NO_DATE.format(value=value, field=name))

    def _order(self) -> tuple[tuple[str, bool], ...]:
        del self._tokens[0]
        if not self._took("by"):
            raise self._unexpected("Expecting 'by'")
        order = [self._ordering()]
        while self._took(","):
            order.append(self._ordering())
        return tuple(order)

    def _ordering(self) -> tuple[str, bool]:
        name = self._name()
        field = CANONICAL.get(name.lower(), "")
        if field not in ORDERS:
            raise QueryRefused(NO_FIELD.format(field=name))
        return field, not self._took("asc") and self._took("desc")

    def _peek(self, word: str) -> bool:
        return bool(self._tokens) and self._tokens[0].says(word)

    def _took(self, word: str) -> bool:
        if not self._peek(word):
            return False
        del self._tokens[0]
        return True

    def _unexpected(self, wanted: str) -> QueryRefused:
        if not self._tokens:
            return QueryRefused(f"{ERROR}{wanted} before the end of the query.")
        token = self._tokens[0]
        return QueryRefused(f"{ERROR}{wanted} but got '{token.text}'. (line 1, character {token.column})")


def _holds(field: str, issue: Issue, wanted: set[str]) -> bool:
    return any(value.lower() in wanted for value in VALUES[field](issue) if value)


def _lacks(field: str, issue: Issue, wanted: set[str]) -> bool:
    """An issue that has no value is not found by "!=" either."""
    return any(VALUES[field](issue)) and not _holds(field, issue, wanted)


def _period(text: str) -> timedelta:
    length = timedelta()
    for number, unit in PERIOD.findall(text):
        length += timedelta(**{UNITS[unit.lower()]: int(number)})
    return -length if text.strip().startswith("-") else length


def _zone(asker: Person | None) -> tzinfo:
    name = asker.time_zone if asker else "UTC"
    return UTC if name in UTC_NAMES else ZoneInfo(name)


def _who(person: Person | None) -> tuple[str, ...]:
    return (person.name, person.account_id, person.key) if person else ()


def _statuses(site: Site) -> list[str]:
    return [
        name for project in site.projects for status in project.statuses for name in (status.name, status.id)
    ]


def _named(items: Sequence[Any]) -> list[str]:
    return [name for item in items for name in (item.name, item.id)]


CATEGORY_WORDS = {key: facts.name for key, facts in CATEGORIES.items()}
CANONICAL = {
    "project": "project",
    "key": "issuekey",
    "issuekey": "issuekey",
    "issue": "issuekey",
    "id": "issuekey",
    "status": "status",
    "statuscategory": "statuscategory",
    "issuetype": "issuetype",
    "type": "issuetype",
    "labels": "labels",
    "component": "component",
    "priority": "priority",
    "resolution": "resolution",
    "assignee": "assignee",
    "reporter": "reporter",
    "created": "created",
    "createddate": "created",
    "updated": "updated",
    "updateddate": "updated",
}
VALUES: dict[str, Callable[[Issue], Sequence[str]]] = {
    "project": lambda issue: (issue.project.key, issue.project.name, issue.project.id),
    "issuekey": lambda issue: (issue.key, issue.id, *issue.former_keys),
    "status": lambda issue: (issue.status.name, issue.status.id),
    "statuscategory": lambda issue: (issue.status.category, CATEGORY_WORDS[issue.status.category]),
    "issuetype": lambda issue: (issue.type.name, issue.type.id),
    "labels": lambda issue: issue.labels,
    "component": lambda issue: _named(issue.components),
    "priority": lambda issue: _named([issue.priority]) if issue.priority else (),
    "resolution": lambda issue: _named([issue.resolution]) if issue.resolution else ("Unresolved",),
    "assignee": lambda issue: _who(issue.assignee),
    "reporter": lambda issue: _who(issue.reporter),
}
KNOWN: dict[str, Callable[[Site, Person], Sequence[str]]] = {
    "project": lambda site, asker: [
        name
        for project in site.projects
        if project.allows(asker, "BROWSE_PROJECTS")
        for name in (project.key, project.name, project.id)
    ],
    "issuekey": lambda site, asker: [
        key
        for issue in site.issues
        if issue.seen_by(asker)
        for key in (issue.key, issue.id, *issue.former_keys)
    ],
    "status": lambda site, asker: _statuses(site),
    "statuscategory": lambda site, asker: [*CATEGORY_WORDS, *CATEGORY_WORDS.values()],
    "issuetype": lambda site, asker: _named(site.types),
    "component": lambda site, asker: [
        name for project in site.projects for name in _named(project.components)
    ],
    "priority": lambda site, asker: _named(site.priorities),
    "resolution": lambda site, asker: [*_named(site.resolutions), "Unresolved"],
    "assignee": lambda site, asker: [name for person in site.people for name in _who(person)],
    "reporter": lambda site, asker: [name for person in site.people for name in _who(person)],
}
DATES: dict[str, Callable[[Issue], datetime]] = {
    "created": lambda issue: issue.created,
    "updated": lambda issue: issue.updated,
}
COMPARISONS: dict[str, Callable[[datetime, datetime], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    ">=": lambda left, right: left >= right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    "<": lambda left, right: left < right,
}
OPTIONAL: dict[str, Callable[[Issue], Any]] = {
    "labels": lambda issue: issue.labels,
    "component": lambda issue: issue.components,
    "priority": lambda issue: issue.priority,
    "resolution": lambda issue: issue.resolution,
    "assignee": lambda issue: issue.assignee,
}
ORDERS: dict[str, Callable[[Issue], Any]] = {
    "issuekey": lambda issue: (issue.project.key, int(issue.key.rpartition("-")[2])),
    "project": lambda issue: issue.project.key,
    "status": lambda issue: issue.status.id,
    "priority": lambda issue: issue.priority.id if issue.priority else "",
    **DATES,
}
