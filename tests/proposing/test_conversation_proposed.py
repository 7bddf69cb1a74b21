"""Who is answered, and to what: each quiet end, each refusal, and what an answer is made of."""

from dataclasses import replace
from typing import Any

import pytest

from bot.agents.ask.schema import Answer, ReplyAnswer
from bot.agents.review.schema import QuotedLine
from bot.agents.triage.schema import AnswerBlock
from bot.domain.marks import Mark, attach
from bot.domain.notes import Award, Note
from bot.errors import Stopped, Superseded, UsageError
from bot.routing import JobRequest
from bot.testing import ScriptedModel
from tests.doubles import REQUEST
from tests.proposing.conversing import (
    ADA,
    AUTHOR,
    BOOK,
    FORGED,
    GUEST,
    KEYS,
    ME,
    ROBOT,
    STRANGER,
    Reader,
    Talk,
    asked_for,
    handed,
    note,
    own_reply,
    reported,
    summary,
    talk,
)

TEXT = AnswerBlock(kind="paragraph", text="It is so.", items=[])
SAYS = Answer(known=True, blocks=[TEXT], places=[])
STANDS = ReplyAnswer(verdict="stands", proof=None, blocks=[TEXT], places=[])
RIGHT = ReplyAnswer(
    verdict="mistaken",
    proof=QuotedLine(path="app/shop.py", line=2, quote="checked = True "),
    blocks=[TEXT],
    places=[],
)
OPINION = "The caller never passes that."


def command(
    body: str, *before: Note, person: int = ADA, model: ScriptedModel | None = None, **other: Any
) -> Talk:
    """The person writes this in note 50, below those before it."""
    return talk(Reader([*before, note(50, person, body)]), asked_for(50), model, **other)


def reply(
    body: str, *before: Note, person: int = ADA, model: ScriptedModel | None = None, **other: Any
) -> Talk:
    return talk(Reader([*before, note(50, person, body)]), asked_for(50, "reply"), model, **other)


def model(*said: Any) -> ScriptedModel:
    return ScriptedModel(list(said))


# --- commands


@pytest.mark.parametrize("body", ["@trivet help", "/trivet", "Hello\n\n/trivet help"])
def test_a_member_who_asks_for_help_gets_the_list_in_their_thread(body: str) -> None:
    done = command(body)
    assert [(one.key, one.thread) for one in done.replies] == [("answer:50", "t1")]
    assert (done.reaction, done.begun) == ("white_check_mark", 1)
    assert (done.proposal.note, done.proposal.agent, done.proposal.iid) == (50, "ask", 7)


def test_a_question_is_answered_by_the_model() -> None:
    done = command("/trivet ask Why?", model=model(SAYS))
    assert [one.body for one in done.replies] == ["It is so."]


def test_a_mention_with_a_question_is_a_question() -> None:
    context = handed(Reader([note(50, ADA, "@trivet why is it so?")]), asked_for(50))
    assert (context.name, context.text) == ("ask", "why is it so?")


@pytest.mark.parametrize("body", ["@trivet thanks a lot!", "@trivet ok", "/trivet thanks"])
def test_a_courtesy_is_answered_by_nothing(body: str) -> None:
    with pytest.raises(Stopped, match="nothing to answer"):
        command(body)


def test_an_unknown_command_is_told_what_was_probably_meant() -> None:
    done = command("@trivet reviw")
    assert [one.body.partition("?")[0] for one in done.replies] == [
        "`reviw` is no command: did you mean `review`"
    ]
    assert done.reaction == "confused"


def test_of_two_commands_in_one_note_the_first_counts() -> None:
    assert len(command("/trivet help\n/trivet resolve", reported(10, "t1")).replies) == 1
    assert command("/trivet pause\n/trivet help").replies == []


@pytest.mark.parametrize(
    "body", ["`/trivet help`", "> /trivet help", "```\n/trivet help\n```", "<!-- /trivet help -->", "I see"]
)
def test_what_commands_nothing_any_more_ends_the_run_quietly(body: str) -> None:
    with pytest.raises(Stopped):
        command(body)


def test_a_note_that_was_edited_is_taken_as_it_reads_now() -> None:
    edited = talk(Reader([reported(10, "t1"), note(50, ADA, OPINION)]), asked_for(50), model(STANDS))
    assert [one.body for one in edited.replies] == ["It is so."]
    with pytest.raises(Stopped, match="another agent"):
        command("/trivet review")


def test_a_note_that_is_gone_ends_the_run_quietly() -> None:
    with pytest.raises(Stopped, match="gone"):
        talk(Reader([reported(10, "t1")]), asked_for(50))


def test_the_thread_is_looked_up_where_no_delivery_told_it() -> None:
    notes = [reported(10, "other", 1), reported(11, "t1"), note(50, ADA, "/trivet resolve")]
    done = talk(Reader(notes), asked_for(50, thread=""))
    assert [(one.thread, one.finding) for one in done.replies] == [("t1", KEYS[0])]


def test_pause_is_a_reaction_and_resume_starts_a_review_of_what_was_pushed() -> None:
    assert (command("/trivet pause").replies, command("/trivet pause").started) == ([], [])
    done = command("/trivet resume")
    assert (done.replies, done.reaction) == ([], "white_check_mark")
    (started,) = done.started
    assert (started.agent, started.trigger, started.key) == ("review", "resumed", "review:1:7:note:50")
    assert (started.head, started.note, started.iid) == (REQUEST.head, 0, 7)


def test_resolve_in_a_findings_thread_closes_that_one_and_reads_nothing_else() -> None:
    reader = Reader([reported(10, "t1"), reported(11, "t2", 1), note(50, ADA, "/trivet resolve")])
    done = talk(reader, asked_for(50))
    assert [(one.key, one.thread, one.finding) for one in done.replies] == [("dismissed:50", "t1", KEYS[0])]
    assert reader.asked == ["merge_request", "thread", "is_bot", "access_level"]


def test_resolve_elsewhere_closes_the_open_threads_of_our_findings_and_no_other() -> None:
    notes = [
        reported(10, "t1"),
        reported(11, "t2", 1, resolved=True, resolver="ben", resolver_id=2),
        note(12, ADA, "A person's thread", "t3", resolved=False),
        reported(13, "t4", 1, book=FORGED),
        note(50, ADA, "/trivet resolve", "t5"),
    ]
    done = talk(Reader(notes), asked_for(50, thread="t5"))
    assert [(one.thread, one.finding, one.resolves) for one in done.replies] == [("t1", KEYS[0], True)]


def test_resolve_closes_also_what_only_a_thumb_has_dismissed() -> None:
    reader = Reader([reported(10, "t1"), note(50, ADA, "/trivet resolve", "t5")])
    reader.given = [Award("thumbsdown", ADA)]
    assert len(talk(reader, asked_for(50, thread="t5")).replies) == 1


def test_a_question_is_told_of_all_findings_by_their_threads_and_no_reaction_is_read_for_it() -> None:
    ada_closed = reported(11, "t2", 1, resolved=True, resolver="ada", resolver_id=ADA)
    reader = Reader([reported(10, "t1"), ada_closed, note(50, ADA, "/trivet ask What is open?", "t5")])
    context = handed(reader, asked_for(50, thread="t5"))
    assert [(one.key, one.state) for one in context.known] == [(KEYS[0], "open"), (KEYS[1], "dismissed")]
    assert "awards" not in reader.asked
    assert reader.asked.count("notes") == 1


def test_a_question_that_no_delivery_told_of_is_looked_up_in_one_reading() -> None:
    reader = Reader([note(50, ADA, "/trivet ask What is open?", "t5"), reported(10, "t1")])
    context = handed(reader, asked_for(50, thread=""))
    assert (context.thread, [one.key for one in context.known]) == ("t5", [KEYS[0]])
    assert (reader.asked.count("notes"), reader.asked.count("thread")) == (1, 0)


# --- who may


@pytest.mark.parametrize("person", [ROBOT, STRANGER, ME.id, 0])
@pytest.mark.parametrize("body", ["/trivet help", "/trivet resolve"])
def test_neither_we_nor_other_bots_nor_accounts_that_are_gone_are_answered(person: int, body: str) -> None:
    with pytest.raises(Stopped):
        command(body, reported(10, "t1"), person=person)


@pytest.mark.parametrize("body", [OPINION, "Why?", "won't fix"])
def test_replies_of_people_without_the_role_end_quietly(body: str) -> None:
    with pytest.raises(Stopped, match="members"):
        reply(body, reported(10, "t1"), person=GUEST, model=model())


def test_the_author_of_the_merge_request_may_dismiss_without_a_role() -> None:
    done = reply("won't fix", reported(10, "t1"), person=AUTHOR)
    assert [one.key for one in done.replies] == ["dismissed:50"]
    with pytest.raises(Stopped, match="members"):
        reply(OPINION, reported(10, "t1"), person=AUTHOR, model=model())


# --- replies


def test_a_reply_in_a_findings_thread_is_answered_with_the_finding_and_the_thread() -> None:
    before = (reported(10, "t1"), note(11, ADA, "Hm.", system=True), note(12, GUEST, "I wonder"))
    later = note(60, ADA, "Later words")
    reader = Reader([*before, note(50, ADA, OPINION), later])
    context = handed(reader, asked_for(50, "reply"), model=model())
    assert (context.name, context.text, context.note, context.thread) == ("reply", OPINION, 50, "t1")
    assert [one.id for one in context.said] == [10, 12, 50]
    assert context.about
    assert (context.about.key, context.about.finding.anchor) == (KEYS[0], "total = 1")
    assert "notes" not in reader.asked


def test_who_is_right_has_the_thread_closed() -> None:
    done = reply(OPINION, reported(10, "t1"), model=model(RIGHT))
    assert [(one.key, one.resolves, one.finding) for one in done.replies] == [("dismissed:50", True, KEYS[0])]
    assert done.replies[0].body.startswith("You are right")


@pytest.mark.parametrize("body", ["won't fix", "@trivet this is a false positive", "By design."])
def test_a_dismissal_closes_the_thread_without_words_or_a_model(body: str) -> None:
    done = reply(body, reported(10, "t1"))
    assert [(one.key, one.body, one.resolves) for one in done.replies] == [("dismissed:50", "", True)]
    assert done.reaction == "white_check_mark"


def test_what_reads_like_a_dismissal_elsewhere_is_a_reply() -> None:
    context = handed(
        Reader([summary(10, "t1"), note(50, ADA, "by design")]), asked_for(50, "reply"), model=model()
    )
    assert (context.name, context.about) == ("reply", None)


def test_a_mention_in_our_thread_is_how_a_sentence_begins() -> None:
    for body in ("@trivet this cannot be empty here", "@trivet why should that be?"):
        context = handed(
            Reader([reported(10, "t1"), note(50, ADA, body)]), asked_for(50, "command"), model=model()
        )
        assert (context.name, context.text) == ("reply", body)
    assert command("@trivet resolv", reported(10, "t1")).reaction == "confused"


@pytest.mark.parametrize(
    "first",
    [
        note(10, ADA, "A person's thread"),
        reported(10, "t1", book=FORGED),
        replace(reported(10, "t1"), author_id=ADA, author="ada"),
        note(10, ME.id, "Our note, edited"),
        note(10, ME.id, attach("It failed.", BOOK.write(Mark("review", "failure", "failure", "")))),
        note(10, ME.id, "x <!-- trivet:v1 agent=review kind=finding key=k head= mac=none -->"),
    ],
    ids=["a person's", "forged", "copied", "edited", "a failure", "unsigned"],
)
def test_a_reply_in_any_other_thread_is_none_of_our_business(first: Note) -> None:
    reader = Reader([first, note(50, ADA, OPINION)])
    with pytest.raises(Stopped, match="no thread of the bot's"):
        talk(reader, asked_for(50, "reply"), model())
    assert reader.asked == ["merge_request", "thread"]


# --- whose words count


CLOSED_BY_US: dict[str, Any] = {"resolved": True, "resolver": "trivet", "resolver_id": ME.id}


@pytest.mark.parametrize(("person", "by"), [(ADA, "ada"), (AUTHOR, "author"), (GUEST, ""), (ROBOT, "")])
def test_a_thread_is_dismissed_by_words_of_members_and_the_author_alone(person: int, by: str) -> None:
    notes = [reported(10, "t1", **CLOSED_BY_US), note(12, person, "won't fix, as agreed")]
    context = handed(Reader([*notes, note(50, ADA, OPINION)]), asked_for(50, "reply"), model=model())
    assert context.about
    assert (context.about.state, context.about.by) == ("dismissed", by)
    assert context.about.why == ("won't fix, as agreed" if by else "")


@pytest.mark.parametrize(("person", "by"), [(ADA, "ada"), (GUEST, "")])
def test_a_question_is_told_of_dismissals_by_words_that_count(person: int, by: str) -> None:
    notes = [
        reported(10, "t1", **CLOSED_BY_US),
        note(12, person, "won't fix"),
        note(50, ADA, "/trivet ask Why?", "t5"),
    ]
    context = handed(Reader(notes), asked_for(50, thread="t5"))
    assert [(one.by, one.why) for one in context.known] == [(by, by and "won't fix")]


@pytest.mark.parametrize(("person", "is_theirs"), [(ADA, True), (GUEST, False)])
def test_a_thread_that_was_opened_again_is_theirs_by_words_that_count(person: int, is_theirs: bool) -> None:
    notes = [reported(10, "t1"), note(12, person, "won't fix"), note(50, ADA, OPINION)]
    done = talk(Reader(notes), asked_for(50, "reply"), model(RIGHT))
    assert [one.resolves for one in done.replies] == [None if is_theirs else True]


def test_words_of_many_guests_cost_one_request_each_person() -> None:
    crowd = [note(100 + n, GUEST, f"won't fix {n}") for n in range(30)]
    reader = Reader([reported(10, "t1", **CLOSED_BY_US), *crowd, note(500, ADA, OPINION)])
    assert handed(reader, asked_for(500, "reply"), model=model()).about
    assert reader.asked.count("access_level") == 2


@pytest.mark.parametrize("body", ["/trivet resolve", "@trivet resolve", "won't fix", OPINION])
@pytest.mark.parametrize("person", [GUEST, 0])
def test_nothing_that_a_stranger_says_closes_a_thread(body: str, person: int) -> None:
    notes = [reported(10, "t1"), reported(11, "t2", 1), note(50, person, body)]
    for trigger in ("command", "reply"):
        try:
            done = talk(Reader(notes), asked_for(50, trigger), model(RIGHT))
        except Stopped:
            continue
        assert [one.resolves for one in done.replies] == [None]
        assert done.reaction == "no_entry"


def test_the_author_without_a_role_closes_by_a_dismissal_and_by_nothing_else() -> None:
    for body in ("/trivet resolve", OPINION):
        try:
            done = reply(body, reported(10, "t1"), person=AUTHOR, model=model(RIGHT))
        except Stopped:
            continue
        assert [one.resolves for one in done.replies] in ([], [None])


# --- what not everybody may read


def test_what_is_asked_internally_is_answered_internally() -> None:
    for body, said in (("/trivet ask Why?", model(SAYS)), ("/trivet help", None), ("/trivet reviw", None)):
        asking = note(50, ADA, body, threaded=False, internal=True)
        (answer,) = talk(Reader([asking]), asked_for(50), said).replies
        assert answer.internal
        (answer,) = talk(
            Reader([replace(asking, internal=False)]), asked_for(50), said and model(SAYS)
        ).replies
        assert not answer.internal


def test_internal_notes_reach_no_prompt_whose_answer_everybody_reads() -> None:
    secret = note(12, ADA, "Customer ACME is leaving", internal=True)
    elsewhere = note(13, ADA, "ACME knows", "t2", internal=True)
    notes = [reported(10, "t1"), reported(11, "t2", 1), secret, elsewhere]
    for internal in (False, True):
        said = model(STANDS)
        asking = note(50, ADA, OPINION, internal=internal)
        (answer,) = talk(Reader([*notes, asking]), asked_for(50, "reply"), said).replies
        assert answer.internal is internal
        assert ("ACME is leaving" in said.seen) is internal
        assert "ACME knows" not in said.seen
    said = model(SAYS)
    talk(Reader([*notes, note(50, ADA, "/trivet ask What is open?", "t9")]), asked_for(50, thread="t9"), said)
    assert "ACME" not in said.seen


def test_a_thread_of_theirs_stays_theirs_after_an_answer_of_ours() -> None:
    question, ours = note(10, ADA, "/trivet ask Why?"), own_reply(11, "answer:10")
    with pytest.raises(Stopped, match="no thread of the bot's"):
        reply("And when?", question, ours, model=model())


def test_below_our_deleted_note_who_answers_our_answer_is_answered() -> None:
    assert len(reply(OPINION, own_reply(11, "answer:10"), model=model(SAYS)).replies) == 1


def test_a_courtesy_in_our_thread_is_answered_by_nothing() -> None:
    for body in ("Thanks!", "done", "👍", "good catch"):
        with pytest.raises(Stopped, match="nothing to answer"):
            reply(body, reported(10, "t1"), model=model())


def test_without_a_model_replies_end_quietly() -> None:
    with pytest.raises(Stopped, match="no model"):
        reply(OPINION, reported(10, "t1"))


@pytest.mark.parametrize("key", ["answer:50", "dismissed:50"])
def test_what_is_answered_is_not_answered_again(key: str) -> None:
    notes = [reported(10, "t1"), note(50, ADA, OPINION), own_reply(51, key)]
    with pytest.raises(Stopped, match="answered already"):
        talk(Reader(notes), asked_for(50, "reply"), model())
    forged = [*notes[:2], own_reply(51, key, person=GUEST)]
    assert talk(Reader(forged), asked_for(50, "reply"), model(STANDS)).replies


@pytest.mark.parametrize("thread", ["t1", ""], ids=["a delivery", "the sweep"])
@pytest.mark.parametrize("threaded", [False, True], ids=["alone", "a thread since"])
@pytest.mark.parametrize("body", ["/trivet ask Why?", "/trivet help", "/trivet reviw"])
def test_what_is_answered_beside_it_is_not_answered_again(thread: str, threaded: bool, body: str) -> None:
    asking = note(50, ADA, body, threaded=threaded)
    notes = [asking, reported(10, "t2"), own_reply(51, "answer:50", "t3")]
    said, begun = model(SAYS), []
    with pytest.raises(Stopped, match="answered already"):
        talk(Reader(notes), asked_for(50, thread=thread), said, begun=lambda: begun.append(True))
    assert (said.prompts, begun) == ([], [])


@pytest.mark.parametrize(
    "other",
    [
        own_reply(51, "answer:50", "t3", book=FORGED),
        own_reply(51, "answer:50", "t3", person=GUEST),
        own_reply(51, "answer:49", "t3"),
        own_reply(51, "failed:50", "t3"),
    ],
    ids=["forged", "copied", "to another", "a failure"],
)
def test_what_is_no_answer_to_it_does_not_count_as_one(other: Note) -> None:
    asking = note(50, ADA, "/trivet ask Why?", threaded=False)
    assert talk(Reader([asking, other]), asked_for(50), model(SAYS)).replies


def test_a_dismissal_counts_however_often_we_have_answered() -> None:
    ours = [own_reply(11 + n, f"answer:{n}") for n in range(12)]
    done = reply("won't fix", reported(10, "t1"), *ours)
    assert [(one.key, one.resolves) for one in done.replies] == [("dismissed:50", True)]


def test_after_ten_answers_in_a_thread_replies_are_left_to_people_and_commands_are_not() -> None:
    ours = [own_reply(11 + n, f"answer:{n}") for n in range(10)]
    assert reply(OPINION, reported(10, "t1"), *ours[:9], model=model(STANDS)).replies
    with pytest.raises(Stopped, match="10 times"):
        reply(OPINION, reported(10, "t1"), *ours, model=model())
    assert command("/trivet help", reported(10, "t1"), *ours).replies


def test_a_thread_of_hundreds_of_notes_is_read_once() -> None:
    crowd = [note(100 + n, GUEST, f"remark {n}") for n in range(300)]
    reader = Reader([reported(10, "t1"), *crowd, note(500, ADA, OPINION)])
    assert talk(reader, asked_for(500, "reply"), model(STANDS)).replies
    assert reader.asked.count("thread") == 1
    assert "notes" not in reader.asked


# --- when


@pytest.mark.parametrize("state", ["merged", "closed"])
def test_what_is_over_is_still_talked_about_and_not_acted_on(state: Any) -> None:
    over = replace(REQUEST, state=state)
    for body in ("/trivet pause", "/trivet resume", "/trivet resolve"):
        reader = Reader([reported(10, "t1"), note(50, ADA, body)], request=over)
        with pytest.raises(Stopped, match=f"is {state}"):
            talk(reader, asked_for(50))
    notes = [reported(10, "t1"), note(50, ADA, OPINION)]
    assert talk(Reader(notes, request=over), asked_for(50, "reply"), model(STANDS)).replies
    helped = Reader([note(50, ADA, "/trivet help")], request=over)
    assert talk(helped, asked_for(50)).replies


def test_nothing_is_acknowledged_before_it_is_clear_that_somebody_is_answered() -> None:
    begun: list[bool] = []
    for body, person in (("Thanks!", ADA), (OPINION, GUEST), ("won't fix", ROBOT)):
        with pytest.raises(Stopped):
            reply(body, reported(10, "t1"), person=person, model=model(), begun=lambda: begun.append(True))
    assert begun == []


def test_a_run_that_was_replaced_proposes_nothing_and_starts_nothing() -> None:
    started: list[JobRequest] = []

    def moved(_: Any) -> None:
        raise Superseded("moved on")

    with pytest.raises(Superseded):
        command("/trivet resume", checkpoint=moved, start=started.append)
    assert started == []


# --- a shell


def in_shell(text: str, said: ScriptedModel | None, **other: Any) -> Talk:
    request = asked_for(0, "shell", thread="", text=text)
    return talk(Reader([reported(10, "t1")]), request, said, **other)


def test_a_question_of_a_shell_is_answered_in_the_report() -> None:
    done = in_shell("Why?", model(SAYS))
    assert (done.proposal.actions, done.proposal.note) == ((), 0)
    assert (done.proposal.report.answer, done.proposal.report.model_calls) == ("It is so.", 1)


def test_a_shell_without_an_account_asks_without_the_findings() -> None:
    done = in_shell("Why?", model(SAYS), me=None, marks=None)
    assert done.proposal.report.answer == "It is so."


@pytest.mark.parametrize(
    ("text", "said", "wrong"), [("  ", model(), "empty"), ("Why?", None, "no model is configured")]
)
def test_a_shell_is_told_what_is_missing(text: str, said: ScriptedModel | None, wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong):
        in_shell(text, said)
