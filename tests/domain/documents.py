"""Documents of hostile texts, for property tests of what is written to Jira and Confluence."""

from itertools import accumulate
from typing import Any

from hypothesis import strategies as st

from bot.domain.document import (
    BulletList,
    Code,
    Document,
    Heading,
    Inline,
    Link,
    Lozenge,
    Made,
    NumberedList,
    Panel,
    Paragraph,
    Table,
    TaskList,
    Text,
)

MARKUP = r"""
a b1 é ß SHOP-12 1.2 well-known snake_case 2024-01-02 C:\dir\x \\ \ \\\\ { } {{ }} {code} {code:java} {noformat}
{color:red} {panel} {quote} {*} {anchor:x} {toc} [ ] [~bob] [~accountid:1-2] [@bob] [a|http://evil.example] [^f.txt]
[x] [/ ( ) (x) (/) (y) (*r) (flag) :) :( :-) :P :D ;) ;-) : ; * ** *b* _ _i_ - -- --- ---- -d- + +u+ ^ ^s^ ~ ~s~ ?
?? ??c?? ! !i.png! !i| | || # h1. bq. h3.x http://evil.example/a_b https://x.example mailto:a@b.example file://x
ftp://x &lt; &#42; &amp; & < > " ' ` ``` @bob > $ % = / , .
"""
WORDS = st.sampled_from([*MARKUP.split(), " ", " ", "\t"])
LINES = st.lists(WORDS, max_size=8).map("".join) | st.lists(WORDS, max_size=6).map(" ".join)
URL = "https://gitlab.example/g/p/-/merge_requests/1"


def documents(*, linked: bool, lines: st.SearchStrategy[str] = LINES) -> st.SearchStrategy[Document]:
    """`linked`: with links, numbers, ticks and languages, whose text is more than that of the document's texts."""
    line = st.lists(inlines_of(lines, linked=linked), max_size=4).map(tuple)
    items = st.lists(line, min_size=1, max_size=4).map(tuple)
    texts = several(lines)
    paragraph = st.builds(Paragraph, content=line)
    blocks = [
        st.builds(Heading, level=st.integers(1, 6), content=line),
        paragraph,
        items.flatmap(lambda some: st.builds(BulletList, items=st.just(some), levels=levels(len(some)))),
        items.flatmap(
            lambda some: st.builds(
                TaskList,
                items=st.just(some),
                done=each(len(some), st.booleans() if linked else st.just(False)),
            )
        ),
        st.builds(Table, header=st.tuples(line, line), rows=st.lists(st.tuples(line, line), max_size=2)),
        st.builds(Code, text=texts),
        st.builds(Panel, content=st.lists(paragraph, min_size=1, max_size=2).map(tuple)),
    ]
    if linked:
        blocks += [
            items.flatmap(
                lambda some: st.builds(NumberedList, items=st.just(some), levels=levels(len(some)))
            ),
            st.builds(Code, text=texts, language=st.sampled_from(["python", "x y", "java"])),
        ]
    return st.builds(Document, blocks=st.lists(st.one_of(blocks), max_size=4).map(tuple))


def inlines_of(lines: st.SearchStrategy[str], *, linked: bool) -> st.SearchStrategy[Inline]:
    marked = st.builds(
        Text, text=several(lines), strong=st.booleans(), emphasis=st.booleans(), code=st.booleans()
    )
    lozenges = st.builds(Lozenge, text=lines, color=st.sampled_from(["grey", "green", "red"]))
    links = st.builds(Link, text=lines, url=st.just(URL))
    made = st.builds(Made, action=st.sampled_from(["known", "unknown"]), text=lines)
    return st.one_of(marked, lozenges, *((links, made) if linked else ()))


def several(lines: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return lines | st.lists(lines, max_size=3).map("\n".join)


def levels(length: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Levels of so many items, none more than one below the item before."""
    wanted = each(length, st.integers(0, 3))
    return wanted.map(
        lambda ones: tuple(accumulate(ones, lambda before, one: min(one, before + 1), initial=-1))[1:]
    )


def each(length: int, values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, min_size=length, max_size=length).map(tuple)


def letters(text: str) -> str:
    """What is left of a text when every sign and blank is gone."""
    return "".join(char for char in text if char.isalnum())
