"""What a person's reply in one of our threads comes to, as far as its words alone can tell.

Nothing is guessed: what could mean something else is neither a dismissal nor a courtesy, and is answered instead. Words
in code, in quotes and in question are talk about a dismissal.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from bot.domain.commands import READ_LIMIT, aside, spoken
from bot.domain.visible import on_one_line

LONGEST_DISMISSAL: Final = 400  # characters: who writes more explains, and is answered
LONGEST_COURTESY: Final = 120
LONGEST_NOTE: Final = 10_000  # with what it quotes: a longer one is neither
LONGEST_WORDS: Final = 500  # more than a dismissal has: one that is cut is none still
CUT: Final = "…"

OPENING: Final = (
    r"^(?:(?:yes|yeah|yep|ok|okay|well|sorry|thanks|actually|clearly|really|simply|just|please|pls|still"
    r"|also|again|definitely|obviously|honestly|imo|i think|we think|i believe|nein|ja|danke|bitte|oui|merci) )*"
)
IS: Final = r"(?:is|are|was|were|it's|its|that's|thats|this's|as|ist|sind|war|est|c'est|sont|es|son|esta)"
QUITE: Final = (
    r"(?:(?:just|really|fully|totally|completely|absolutely|clearly|actually|definitely|simply|entirely|all|another"
    r"|obvious|clear|typical|an?|the|so|ja|doch|auch|ein|bien|tout a fait|un|asi|totalmente) )*"
)
SAYS_OF_IT: Final = rf"(?:{OPENING}|\b{IS} ){QUITE}"
ENDS: Final = r"(?: (?:here|too|indeed|imo|at all|for us|this way|like this|behaviou?r))*$"

DISMISSALS: Final = (
    rf"(?:{OPENING}|\b(?:i|we|as|is|a|just|really|simply|definitely|still) )(?:won't|wont|will not) fix\b",
    r"\b(?:won't|wont|will not) be fixed\b(?! (?:by|with))",
    r"\bwontfix\b(?! label)",
    r"\b(?:i'm|i am|we're|we are) not going to (?:fix|change) (?:this|that|it)\b",
    rf"\b(?:not|isn't|isnt|wasn't|aren't)(?: really| actually)? an? (?:real |actual )?(?:bug|defect){ENDS}",
    rf"{SAYS_OF_IT}false (?:positive|alarm)\b(?! (?:rate|filter|list))",
    rf"(?<!secure )(?<!safe )(?<!private )(?<!privacy )\bby design{ENDS}",
    rf"\bon purpose{ENDS}",
    rf"{SAYS_OF_IT}(?<!\bas )(?:intended|intentional|deliberate){ENDS}",
    rf"{OPENING}(?:it |this |that )?(?:works?|working|behaves) as (?:designed|intended){ENDS}",
    rf"{OPENING}as (?:designed|intended){ENDS}",
    rf"(?:{OPENING}|\b(?:this is|it is|that is|it's|that's) ){QUITE}(?:expected|desired) behaviou?r$",
    rf"(?:{OPENING}|\b(?:this|that|it) )(?:is |it's |that's )?(?:not|isn't|isnt)(?: really)? relevant{ENDS}",
    rf"{OPENING}(?:(?:this|that|it) is |it's |that's )?irrelevant{ENDS}",
    rf"{OPENING}(?:you can |we can |let's )?(?:safely )?ignore (?:this|that|it)"
    rf"(?: (?:one|finding|comment|warning|remark))?{ENDS}",
    r"\bcan (?:safely )?be (?:safely )?ignored$",
    r"\baccepted risk\b|\brisk (?:is |was )?accepted\b|\b(?:i|we) accept (?:the|this|that) risk\b",
    rf"{OPENING}(?:let's |we |we'll |i'll |i'd |we'd )*leave (?:it|this|that)"
    r"(?: (?:as(?: it)? is|like this|like that|this way|for now|alone|here|please))*$",
    rf"{OPENING}(?:(?:this|it) is (?:an? )?)?known issue leave (?:it|this)$",
    # German
    rf"{SAYS_OF_IT}(?:gewollt|beabsichtigt|absicht|absichtlich|vorgesehen)(?: so)?$|\bmit absicht$",
    rf"{SAYS_OF_IT}(?:fehlalarm|falsch positiv)\b",
    r"(?:^|\bist )kein (?:bug|fehler|defekt)$",
    r"\b(?:wird|werde|werden)(?: ich| wir| das| es| hier)* nicht (?:behoben|gefixt|geandert|beheben|fixen|andern)$",
    r"(?:^|\bdas ist |\bist hier )nicht relevant$",
    r"^(?:bitte |das |kann |kannst |du |man )*ignorieren$",
    r"^(?:das |es |bitte )*(?:bleibt|lassen wir|lass)(?: das| es| bitte)* so$",
    # French
    rf"{SAYS_OF_IT}faux positif\b",
    r"\b(?:n'est|c'est|est) pas un (?:bug|bogue|defaut)$|^pas un (?:bug|bogue|defaut)$",
    rf"{SAYS_OF_IT}(?:voulu|volontaire|intentionnel|fait expres)$",
    r"\bpar conception$|\bcomportement voulu$",
    r"\bne (?:sera|corrigera|corrigerai|corrigerons) pas(?: corrige| ca| cela)?$",
    r"(?:^|\bn'est )pas pertinent$|^a ignorer$",
    # Spanish
    rf"{SAYS_OF_IT}falso positivo\b",
    r"^(?:esto )?no es un (?:bug|error|fallo|defecto)$",
    rf"{SAYS_OF_IT}(?:intencional|intencionado|deliberado)$|\ba proposito$|\bpor diseno$",
    r"^no (?:se |lo )?(?:corregira|arreglara|vamos a (?:corregir|arreglar)(?:lo)?|voy a (?:corregir|arreglar)(?:lo)?)$",
    r"^(?:esto )?no es relevante$|^(?:por favor )?ignora(?:r)? esto$",
)
"""Of clauses as `_clauses` makes them: in lower case, without accents and marks, one blank between words."""

HEDGES: Final = (
    r"if|whether|unless|until|maybe|perhaps|might|may|could|would|should|must|probably|possibly|likely|apparently"
    r"|wonder\w*|unsure|unclear|why|how|what|when|hope|thought|assum\w+|suppos\w+|guess|seems?|looks?|says?|said"
    r"|claim\w*|ensure|make sure|check|verify|(?<!for )now|again|before|after|without|today|tomorrow|later|yet|first"
    r"|who|whom|whose|in (?:this|another|a|the next|a later) (?:mr|pr|merge request|release|version)|keep the thread"
    r"|ob|wenn|falls|vielleicht|eventuell|konnte|ware|sollte|warum|wieso|hoffe|dachte|vermutlich|wahrscheinlich"
    r"|si|peut etre|pourrait|serait|devrait|pourquoi|probablement|quizas?|podria|seria|deberia|tal vez|por que"
)
DENIALS: Final = (
    r"no|not|never|none|nor|neither|cannot|cant|dont|doesnt|isnt|wasnt|arent|hardly|without|\w+n't|anything but"
    r"|nicht|kein\w*|nie|niemals|pas|ne|n'\w+|jamais|nunca|tampoco|ni"
)
ASKS: Final = (
    r"^(?:is|isn't|are|was|does|do|did|can|shall) (?:this|that|it|there|these|the|we|you)\b"
    r"|^(?:ist|sind) (?:das|es)\b"
)
GIVES_IN: Final = (
    r"\b(?:you're|youre|you are) (?:right|correct)|\bgood (?:catch|point|find)|\bwell spotted|\bi agree"
    r"|\bmy (?:bad|mistake)|\bi was wrong|\bon second thought|\blet me\b"
    r"|\bkeep (?:the|this) thread\b|\b(?:leave|keep) (?:it|this) open\b"
    r"|\b(?:i|we)(?:'ll| will) (?!not\b|leave|keep|ignore|accept|live|close|resolve|never)"
)
"""Who says this does not dismiss, whatever else is said."""

COURTESIES: Final = (
    r"thanks?(?: you| u)?(?: very much| so much| a lot| again)?|thx|ty|cheers|ok(?:ay)?|kk?|done|fixed|resolved"
    r"|addressed|updated|changed|applied|removed|will (?:do|fix)|(?:good|nice|great) (?:catch|find|point|spot)"
    r"|well spotted|nice|great|perfect|cool|awesome|excellent|sure|yes|yep|yeah|agreed|i agree|lgtm|sounds good"
    r"|makes sense|got it|understood|noted|ack(?:nowledged)?|(?:you're|you are|that's|that is) (?:right|correct|true)"
    r"|right|true|indeed|my bad|oops|sorry|no worries|no problem"
    r"|danke(?: schon| dir| sehr)?|dankeschon|vielen dank|erledigt|gefixt|behoben|passt|alles klar|stimmt|super|gut"
    r"|merci(?: beaucoup)?|corrige|c'est fait|d'accord|bien vu|(?:muchas )?gracias|hecho|corregido|arreglado|listo"
    r"|de acuerdo|vale|\+1"
)
FILLERS: Final = (
    r"for (?:the|this|that|your) (?:catch|hint|review|explanation|help|tip|info)|(?:i have |i've )?(?:just|already)"
    r"|it's|its|it|this|that|all|now|here|then|so|and|bot|trivet|in|with|by|all good|oh|ah|too|also|is|has been|been"
    r"|[0-9a-f]{7,64}|[!#][0-9]{1,9}|commit"
)
SHORTCODES: Final = (
    r":(?:thumbsup|\+1|pray|tada|ok_hand|white_check_mark|heavy_check_mark|heart|raised_hands|rocket|smile|slight_smile"
    r"|grinning|clap|100|wink|bow|sparkles)(?:_tone[1-5]|::skin-tone-[2-6])?:"
)
EMOJI: Final = "👍🙏🎉👌✅✔❤🙌🚀😊🙂😄😀👏💯😉🙇✨🏻🏼🏽🏾🏿\u200d♂♀"

_DISMISSAL = re.compile("|".join(f"(?:{phrase})" for phrase in DISMISSALS))
_HEDGE = re.compile(rf"\b(?:{HEDGES})\b")
_DENIAL = re.compile(rf"(?<!\S)(?:{DENIALS})(?!\S)")
_ASKS = re.compile(ASKS)
_GIVES_IN = re.compile(GIVES_IN)
_NO_BEFORE_A_SENTENCE = re.compile(r"^(?:no|nope|nah) (?=(?:this|that|it|it's|that's|we|i)\b)")
_COURTESY = re.compile(rf"(?<!\S)(?:{COURTESIES})(?!\S)")
_FILLER = re.compile(rf"(?<!\S)(?:{FILLERS})(?!\S)")
_POSITIVE = re.compile(rf"{SHORTCODES}|[{EMOJI}]")
_SET_APART = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»|~~[^~\n]*~~")
_ADDRESS = re.compile(r"https?://\S+")
_MENTION = re.compile(r"(?<![\w.])@[\w.-]+")
_CLAUSE_END = re.compile(
    r"[.,;:!()\n–—]|\s-\s"
    r"|\b(?:but|however|and|since|aber|und|weil|sondern|mais|et|pero)\b|(?<!\bnot )\bbecause\b"
)
_BLOTS = re.compile(r"`+(?: `+)*")
_TOKEN = re.compile(r"[\w']+")
_PUNCTUATION = re.compile(r"[.,;:!()*_~\"`…–—-]+(?!\d)")


def is_dismissal(text: str) -> bool:
    """Whether somebody says, and does not ask, that what was found stays as it is: "won't fix", "by design"."""
    said = _plain(text)
    if not said or len(said) > LONGEST_DISMISSAL or "?" in said:
        return False
    clauses = list(_clauses(said))
    return not any(map(_GIVES_IN.search, clauses)) and any(map(_dismisses, clauses))


def is_courtesy(text: str) -> bool:
    """Whether there is nothing to answer: thanks, "done", "good catch", a thumb, and not a word more."""
    said = _plain(text)
    if not said or len(said) > LONGEST_COURTESY or "?" in said:
        return False
    words = " ".join(_PUNCTUATION.sub(" ", _POSITIVE.sub(" ", said)).split())
    rest = _COURTESY.sub(" ", words)
    was_kind = rest != words or _POSITIVE.search(said) is not None
    return was_kind and not _FILLER.sub(" ", rest).strip()


def words_of(text: str, bot: str | None = None) -> str:
    """What a person says, on one line and cut: without code, quotes, comments and commands to `bot`, our user name."""
    said = _BLOTS.sub(CUT, on_one_line(" ".join(aside(text[:READ_LIMIT], bot))))
    return said if len(said) <= LONGEST_WORDS else said[: LONGEST_WORDS - 1].rstrip() + CUT


def _dismisses(clause: str) -> bool:
    found = _DISMISSAL.search(clause)
    if found is None or _HEDGE.search(clause) or _ASKS.search(clause):
        return False
    return _DENIAL.search(clause[: found.start()]) is None


def _clauses(said: str) -> Iterator[str]:
    for part in _CLAUSE_END.split(said):
        clause = " ".join(_TOKEN.findall(part.replace("_", " ")))
        if clause:
            yield _NO_BEFORE_A_SENTENCE.sub("", clause)


def _plain(text: str) -> str:
    """The words that a person says on their own account, in lower case, without accents, addresses and names."""
    said = text if len(text) > LONGEST_NOTE else "\n".join(spoken(text))
    if len(said) > LONGEST_WORDS:
        return said
    for apart in (_ADDRESS, _SET_APART, _MENTION):
        said = apart.sub(" ", said)
    letters = unicodedata.normalize("NFKD", said.casefold().replace("’", "'"))
    return "".join(sign for sign in letters if unicodedata.category(sign) != "Mn").strip()
