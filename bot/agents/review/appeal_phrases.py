"""How people speak to an automatic reviewer to bend it: phrases as patterns of RE2, put together from a vocabulary.

In every pattern a blank stands for whatever may stand between two words: line ends, Markdown, comment signs. Case does
not matter. What a person may say to a person ("please approve"), or a program about its own instructions, is not here.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import re2

BETWEEN = r"[\s*_`~>\"“”'’#/|]+"
OF_A_LINE = r"[ \t>*_=<#\[~-]*".replace(" ", r"\x20")


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to speak to the reviewer. `in_code`: strong enough to count in a line of source.

    `unless`: what may follow at once and shows that something else is meant.
    """

    pattern: str
    in_code: bool = False
    unless: str = ""

    def occurs(self, text: str) -> bool:
        """Whether its pattern is in the text, whatever follows: where it is not, no part of the text has a span."""
        return _engine(self.pattern).search(text) is not None

    def span(self, text: str) -> tuple[int, int] | None:
        """Where it first stands in the text."""
        for found in _engine(self.pattern).finditer(text):
            start, end = found.span()
            if not self.unless or not _engine(rf"\A {self.unless}").search(text[end : end + 120]):
                return start, end
        return None


@cache
def _engine(pattern: str) -> Any:
    return re2.compile("(?im)" + pattern.replace(" ", BETWEEN))


def _any(*patterns: str) -> str:
    return f"(?:{'|'.join(patterns)})"


def _some(*words: str) -> str:
    """Up to four of the words, each with the blank after it."""
    return f"(?:{_any(*words)} ){{0,4}}"


# --- what it should forget ---

FORGET = r"(?:ignore|disregard|forget|discard)"
PREVIOUS = r"(?:previous|prior|preceding|earlier|above|foregoing|system)"
ORDERS = r"(?:instructions?|prompts?|directions|directives?|guidelines?|guidance)"
PREVIOUS_ORDERS = rf"{PREVIOUS}(?:(?: (?:and|or))? {PREVIOUS})? (?:review )?{ORDERS}\b"
EVERYTHING = r"(?:everything|anything|all)"

# --- whom it speaks to ---

_ROLE = r"(?:review(?:er|ing)?(?: |-)?)?(?:bot|agent|assistant|model|tool|system)s?|reviewers?"
_MACHINE = r"(?:ai|llm|gpt|ml|machine|automat(?:ed|ic)|language model)"
READER = _any(
    rf"{_MACHINE}(?: |-)(?:(?:code|mr|pr|merge request)(?: |-))?(?:{_ROLE})",
    r"(?:code )?review(?:er)?(?: |-)?(?:bot|agent|assistant)s?",
    r"(?:large )?language models?",
    r"trivet",
)
"""A reader that is certainly a machine."""
SOMEBODY = r"(?:reviewer|assistant|bot|llm|ai|model|agent|chatgpt|claude|copilot|gemini|gpt)s?"
"""A reader that may be a person, or what the code is about."""
CALLED = _any(
    r"@",
    r"(?:dear|hey|hi|hello|attention) ",
    r"(?:(?:note|message|instructions?|hint) )?(?:to|for) (?:the |all |any )?",
)

# --- what it wants ---

NOT = r"(?:do not|don['’]?t|never|must not|mustn['’]?t|should not|shouldn['’]?t|will not|refrain from)"
CHANGE = (
    r"(?:this|these|my|our) (?:(?:current|whole|entire|particular) )?"
    r"(?:merge(?: |-)?requests?|mrs?|pull(?: |-)?requests?|prs?|patch(?:es)?|change(?: |-)?sets?|changes?|diffs?"
    r"|commits?|submission|review)\b"
)
CODE = rf"(?:{CHANGE}|(?:this|these|my|our) (?:\w+ )?(?:files?|code|functions?|class|module|branch|lines?)\b)"
DEFECTS = r"(?:finding|issue|problem|defect|vulnerabilitie|bug|concern|flaw|error|warning|mistake)s?"
VERDICT = _any(
    r"lgtm",
    r"(?:(?:this|it|everything|all) )?looks? (?:good|fine|correct|safe)",
    r"(?:there (?:are|is) )?(?:no|zero)(?: \w+)? (?:findings?|issues?|vulnerabilities)",
    rf"(?:there (?:are|is) )?(?:no|zero)(?: \w+)? {DEFECTS} (?:were |was )?(?:found|detected|here)",
    r"(?:there is )?nothing to report",
    r"an empty (?:list|array) of findings",
    r"(?:an )?empty findings",
    r"(?:it|this|everything|all)(?: i|['’])s (?:safe|correct|fine|clean|secure|good|clear)",
)
SAY = r"(?:say|state|conclude|respond|reply|answer|output|return|write|print|report|confirm|declare)"
HOW = r",?(?: (?:only|simply|just|exactly|always|immediately|back))?(?: (?:with|that|by saying))?:?"
REMARK = r"(?:flag|mention|comment on|complain about|point out|highlight)"
TELL = rf"(?:{REMARK}|report|raise|list|find|block)"
ABOUT = r"(?:in|on|about|for|with|of)"

OVERLOOK = _any(
    rf"{NOT} {TELL}(?:ing)? (?:\w+ ){{0,5}}(?:{DEFECTS} )?(?:\w+ ){{0,3}}{ABOUT} {CHANGE}",
    rf"{NOT} {REMARK}(?:ing)? (?:\w+ ){{0,5}}{ABOUT} {CODE}",
)
CLEAR = rf"(?:{SAY}|{TELL}) (?:no|zero|nothing)(?: \w+)?(?: {DEFECTS})? {ABOUT} {CHANGE}"
ORDER_ABOUT_THIS = _any(
    rf"(?:approve|accept|pass|endorse) {CHANGE}",
    rf"mark {CHANGE} as \w+",
    rf"(?:{NOT} {TELL}|skip|overlook|{FORGET}) {CHANGE}",
    rf"{SAY}{HOW} {VERDICT}",
    OVERLOOK,
    CLEAR,
)
"""What can only mean the merge request it stands in."""
ENDS = r"(?:\s*[.!?,;:)\]\"'`\n]|\s*$)"
ORDER = _any(
    ORDER_ABOUT_THIS,
    rf"(?:approve|accept|merge|pass|skip)(?: (?:it|this|everything|immediately|without \w+|{CODE}))?{ENDS}",
    rf"{NOT} {TELL} (?:any|anything|it|this|these|the following)\b",
    rf"{FORGET} (?:any|all|the) (?:\w+ )?{DEFECTS}",
)
"""What means it where a machine is spoken to."""
NOW = _some(
    "please", "kindly", "just", "now", "from now on", "always", "you", "must", "should", "shall", "will", "can", "only"
)  # fmt: skip

# --- how a forged message begins ---

SPEAKER = r"(?:system|assistant|developer)"
MESSAGE = r"(?:prompt|message|note|notice|override|instructions?)"
COMMAND = (
    r"(?:you (?:are|must|will|should|shall|find|approve|report|never|always|only|do not|don['’]?t|now)|your"
    r"|ignore|disregard|forget|approve|accept|report|respond|reply|answer|output|return|say|print|mark|from now on"
    r"|do not|don['’]?t|never|always|this (?:merge|change|code|mr|pr|review)|the (?:review|merge|change)|override"
    r"|important)\b"
)

# --- what shows that it is not meant ---

START = r"(?:^|[.!?:;,(\[{>*\"'“`/#-])\s*(?:(?:please|now|then|so|and|important) )?"
IF = r"(?:if|when|once|after|unless|as soon as|where|until|only if|for (?:the|every|each|all))\b"
OF_A_PROGRAM = (
    r"(?:of|in|within|inside|at|for|from|on|after|before|when|until|by|that|which)"
    r"(?: (?:the|a|an|each|every|this|its|current|same))*"
    r" (?:vm|virtual machine|cpu|gpu|processor|core|pipeline|basic block|block|loop|function|method|trace|kernel"
    r"|program|bytecode|assembly|interpreter|decoder|emulator|jit|compiler|optimi[sz]er|labels?|branch|branches|jumps?"
    r"|readme|wiki|docs?|manual|guide|installer|setup|recipe|thread|register|opcode|stack|section|page|ticket|issue"
    r"|e-?mail|form|route|map)\b"
)

PHRASES = (
    # "ignore all previous instructions" and its kin
    Phrase(
        rf"{FORGET} (?:all|any|every)(?: of)? (?:(?:the|your|my|these|those) )?{PREVIOUS_ORDERS}",
        in_code=True,
        unless=OF_A_PROGRAM,
    ),
    Phrase(
        rf"{FORGET} {_some('all', 'any', 'of', 'the')}your (?:\w+ ){{0,2}}"
        r"(?:instructions|guidelines|directives|system prompt)\b",
        in_code=True,
    ),
    Phrase(rf"{START}{FORGET} {_some('of', 'the', 'these', 'those', 'my')}{PREVIOUS_ORDERS}", unless=OF_A_PROGRAM),
    Phrase(
        rf"{START}{FORGET} (?:all|any|every) (?:of )?(?:the )?{ORDERS}"
        rf"(?:{ENDS}| (?:before|given|and|you|(?:that|which) (?:came|come|precede))\b)"
    ),
    Phrase(rf"{START}{FORGET} (?:all |any )?(?:of )?(?:the |these )?{ORDERS} (?:above|so far)\b"),
    Phrase(rf"{START}{FORGET} {EVERYTHING} (?:that )?(?:you|was) (?:\w+ ){{1,3}}(?:told|said|written)\b"),
    Phrase(
        rf"{START}{FORGET} {EVERYTHING} (?:written |said )?(?:above|before this|previously)(?:\s*[.!,;]| and\b)"
    ),
    Phrase(
        rf"(?:{NOT}|stop) follow(?:ing)? {_some('any', 'all', 'of', 'the')}(?:your|{PREVIOUS}) (?:\w+ )?"
        r"(?:instructions?|guidelines|prompt)\b"
    ),
    # forged roles and sections
    Phrase(rf"[<\[]\s*/?{SPEAKER}(?:(?: |-)\w+)?\s*[>\]][\s:*_-]*{COMMAND}"),
    Phrase(rf"['\"]role['\"]\s*:\s*['\"]{SPEAKER}['\"]\s*,\s*['\"]content['\"]\s*:\s*['\"]\s*{NOW}{ORDER}"),
    Phrase(rf"(?:\[/?INST\]|<<SYS>>|<\|(?:im_start|system|assistant)\|>)\s*(?:system|assistant)?[\s:]*{COMMAND}"),
    Phrase(rf"^{OF_A_LINE}#\s*{SPEAKER}(?: {MESSAGE})?\s*:?\s*{COMMAND}"),
    Phrase(rf"^{OF_A_LINE}{SPEAKER} {MESSAGE}\]?\s*[:—]\s*{COMMAND}"),
    Phrase(
        rf"^{OF_A_LINE}(?-i:BEGIN|END|START)(?: OF)?(?: NEW)?"
        r" (?-i:TRUSTED|SYSTEM|OPERATOR|ADMIN(?:ISTRATOR)?|DEVELOPER)"
        r" (?-i:SECTION|INSTRUCTIONS?|PROMPT|MESSAGE|BLOCK|INPUT|CONTEXT)\b"
    ),
    # spoken to a machine
    Phrase(rf"\b{READER}\s*[:,;!—–-]*\s*{NOW}{ORDER}", unless=IF),
    Phrase(
        rf"\b{READER}\W+(?:\w+\W+){{0,6}}(?:{ORDER_ABOUT_THIS}|{NOT} {TELL} (?:\w+ ){{0,5}}{ABOUT} {CODE})",
        in_code=True,
        unless=IF,
    ),
    Phrase(
        rf"\bas (?:an?|the) (?:(?:large )?{_MACHINE}(?: |-)(?:\w+(?: |-))?(?:{_ROLE})|reviewing {_MACHINE})"
        rf",?\s*{NOW}{ORDER}",
        unless=IF,
    ),
    Phrase(
        rf"\bif you(?: are|['’]re) (?:an? |the )?(?:{READER}|{_MACHINE}|bot)\b\W+(?:\w+\W+){{0,6}}{ORDER}",
        in_code=True,
    ),
    Phrase(rf"{START}{CALLED}?{SOMEBODY}\s*[:,!—–-]?\s*{NOW}{ORDER_ABOUT_THIS}", unless=IF),
    Phrase(
        rf"\b{SOMEBODY} (?:must|shall|should|has to|have to|is to|are to) {NOW}{ORDER_ABOUT_THIS}", unless=IF
    ),
    Phrase(r"\byou are now in (?:\w+(?: |-))?(?:approv(?:al|e|ing)|permissive|unrestricted|override|developer) mode\b"),
    Phrase(rf"\byour (?:\w+ )?(?:task|job|role|goal|purpose) is (?:only )?to {ORDER_ABOUT_THIS}", unless=IF),
    Phrase(
        r"\byour (?:review|answer|output|response|report) (?:must|should|shall|has to)"
        rf" (?:only )?(?:be|contain|have|say|hold) (?:no \w+|empty|nothing|{VERDICT})\b"
    ),
    Phrase(rf"^{OF_A_LINE}(?:new|updated) instructions?\s*:\s*{NOW}{ORDER}"),
    # a verdict dictated
    Phrase(rf"{START}{NOW}(?:respond|reply|answer|output|conclude){HOW} {VERDICT}\b", unless=IF),
    Phrase(rf"{START}{OVERLOOK}", unless=IF),
    Phrase(rf"{START}{CLEAR}"),
    # German
    Phrase(
        r"\b(?:ignorier(?:e|en sie|t)|vergiss|vergessen sie|missachte|missachten sie) "
        r"(?:(?:bitte|alle|die|deine|ihre|sämtliche) )*"
        r"(?:(?:vorherige|vorangegangene|vorige|bisherige|obige|frühere|vorangehende)n? )?"
        r"(?:system)?(?:anweisung|instruktion|vorgabe|prompt)(?:en|s|n)?\b"
    ),
    Phrase(
        r"\b(?:ki|ai|llm|bot|assistent|sprachmodell)\W+(?:\w+\W+){0,4}(?:genehmige|akzeptiere|ignoriere)"
        r" (?:diese[nrs]?|alle)\b"
    ),
    Phrase(
        r"\b(?:melde|berichte|nenne|melden sie|berichten sie)(?: bitte)? keine"
        r" (?:\w+ )?(?:fehler|befunde|probleme|mängel|schwachstellen)\b",
        unless=r"(?:\w+ )?(?:doppelt|mehrfach|mehr|wenn|falls|bei|für)\b",
    ),
    Phrase(
        r"\b(?:antworte|antworten sie|schreibe|schreiben sie)(?: (?:bitte|nur|einfach))* "
        r"(?:mit )?[„«]?\s?(?:lgtm|keine (?:fehler|befunde|probleme))\b"
    ),
    # French
    Phrase(
        r"\b(?:ignore[sz]?|ignorer|oublie[sz]?|oublier) (?:(?:toutes?|tous|les|tes|vos|ces) )*"
        r"(?:(?:instructions|consignes|directives) (?:pr[ée]c[ée]dentes|ant[ée]rieures|ci-dessus|du syst[èe]me)"
        r"|pr[ée]c[ée]dentes (?:instructions|consignes|directives))"
    ),
    Phrase(r"\boublie[sz]? (?:toutes )?(?:tes|vos) (?:instructions|consignes)\b"),
    Phrase(
        r"\bne (?:signale|rapporte|mentionne|rel[èe]ve)[sz]? (?:aucune?|pas de) "
        r"(?:probl[èe]me|d[ée]faut|erreur|bogue|faille|vuln[ée]rabilit[ée])"
    ),
    Phrase(
        r"\br[ée]pond(?:s|ez)(?: (?:uniquement|seulement|simplement))? (?:par|avec) «?\s?(?:lgtm|aucun probl[èe]me)"
    ),
    # Spanish
    Phrase(
        r"\b(?:ignor(?:a|e|ad|ar|á)|olvid(?:a|e|ad|ar|á)|descart(?:a|e|ad|ar|á)) (?:(?:todas?|las|tus|sus|estas) )*"
        r"(?:(?:instrucciones|indicaciones|directrices) (?:anteriores|previas|del sistema|de arriba)"
        r"|anteriores (?:instrucciones|indicaciones))"
    ),
    Phrase(
        r"\bno (?:informes?|reportes?|señales?|menciones?) (?:de )?(?:ning[úu]n|ninguna) "
        r"(?:problema|error|hallazgo|defecto|fallo|vulnerabilidad)"
    ),
    Phrase(
        r"\b(?:responde|responda|contesta|conteste)(?: (?:solo|sólo|únicamente))? con «?(?:lgtm|ning[úu]n problema)"
    ),
)  # fmt: skip
