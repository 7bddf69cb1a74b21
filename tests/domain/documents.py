"""Documents of hostile texts, for property tests of what is written to Jira."""

from hypothesis import strategies as st

from bot.domain.document import (
    BulletList,
    Code,
    Document,
    Heading,
    Link,
    Lozenge,
    Made,
    NumberedList,
    Panel,
    Paragraph,
    Table,
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
TEXTS = LINES | st.lists(LINES, max_size=3).map("\n".join)
MARKED = st.builds(Text, text=TEXTS, strong=st.booleans(), emphasis=st.booleans(), code=st.booleans())
LOZENGES = st.builds(Lozenge, text=LINES, color=st.sampled_from(["grey", "green", "red"]))
LINKS = st.builds(Link, text=LINES, url=st.just("https://gitlab.example/g/p/-/merge_requests/1"))
MADE = st.builds(Made, action=st.sampled_from(["known", "unknown"]), text=LINES)


def documents(*, linked: bool) -> st.SearchStrategy[Document]:
    """`linked`: with links, numbered lists and languages, whose text is more than that of the document's texts."""
    inline = st.one_of(MARKED, LOZENGES, *((LINKS, MADE) if linked else ()))
    line = st.lists(inline, max_size=4).map(tuple)
    lines = st.lists(line, min_size=1, max_size=3).map(tuple)
    paragraph = st.builds(Paragraph, content=line)
    blocks = [
        st.builds(Heading, level=st.integers(1, 6), content=line),
        paragraph,
        st.builds(BulletList, items=lines),
        st.builds(Table, header=st.tuples(line, line), rows=st.lists(st.tuples(line, line), max_size=2)),
        st.builds(Code, text=TEXTS),
        st.builds(Panel, content=st.lists(paragraph, min_size=1, max_size=2).map(tuple)),
    ]
    if linked:
        blocks += [
            st.builds(NumberedList, items=lines),
            st.builds(Code, text=TEXTS, language=st.sampled_from(["python", "x y", "java"])),
        ]
    return st.builds(Document, blocks=st.lists(st.one_of(blocks), max_size=4).map(tuple))


def letters(text: str) -> str:
    """What is left of a text when every sign and blank is gone."""
    return "".join(char for char in text if char.isalnum())
