"""What may stand in storage: its elements, and what each of them may hold."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DROPPED = _words("""
    script style iframe frame frameset object embed applet form input button textarea select option link meta base title
    head svg math video audio source template noscript""")
"""With all that is in them."""
HTML = _words("""
    p h1 h2 h3 h4 h5 h6 ul ol li table colgroup col thead tbody tfoot tr td th br hr pre code blockquote strong em b i u
    s del ins sub sup small big span div a img cite dl dt dd tt kbd samp var q abbr acronym address time caption""")
CONFLUENCE = _words("""
    ac:structured-macro ac:macro ac:parameter ac:default-parameter ac:rich-text-body ac:plain-text-body ac:link
    ac:link-body ac:plain-text-link-body ac:image ac:caption ac:emoticon ac:task-list ac:task ac:task-id ac:task-uuid
    ac:task-status ac:task-body ac:layout ac:layout-section ac:layout-cell ac:placeholder ac:inline-comment-marker
    ac:adf-extension ac:adf-node ac:adf-attribute ac:adf-content ac:adf-fallback ac:adf-mark ac:adf-parameter
    ri:page ri:blog-post ri:attachment ri:url ri:shortcut ri:user ri:space ri:content-entity""")
KNOWN = HTML | CONFLUENCE

ADDRESSES = _words("href src background action formaction xlink:href ri:value")
HARMFUL = re.compile(r"[\x00-\x20]*(?:javascript|vbscript|data)[\x00-\x20]*:", re.I)

BLOCKS = _words("""
    p h1 h2 h3 h4 h5 h6 ul ol li table colgroup col thead tbody tfoot tr td th hr pre blockquote div dl dt dd
    ac:task-list ac:task ac:task-id ac:task-uuid ac:task-status ac:task-body ac:layout ac:layout-section ac:layout-cell
    ac:rich-text-body ac:plain-text-body ac:parameter ac:link-body ac:adf-extension""")
INLINE_MACROS = _words("anchor status jira profile jirachart")
NO_TEXT = _words("""
    ul ol table thead tbody tfoot tr colgroup dl ac:structured-macro ac:layout ac:layout-section ac:task-list ac:task
    ac:image ac:link""")
"""Nothing but elements stands in these."""
WRAPPING = frozenset({"", *_words("li td th ac:rich-text-body ac:layout-cell")})
"""Bare text in these gets a paragraph on Cloud. The root has no name."""
FLOWS = WRAPPING | {"blockquote"}
NAMED = _words("p h1 h2 h3 h4 h5 h6 ul ol table")
"""Each has a `local-id` on Cloud."""
