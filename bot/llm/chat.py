"""One model of one provider: asks for structured output, goes down the ladder, repairs an answer once."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from bot.errors import Declined, NoModel, TooLong, Unavailable, Unusable
from bot.llm.answers import Invalid, read_answer, read_arguments
from bot.llm.budget import most_tokens
from bot.llm.faults import Failed, Server, fault
from bot.llm.ladder import given_way, least
from bot.llm.messages import CHARACTERS_A_TOKEN, Asked, Called, Prompt, ToolCall, Turn, Usage
from bot.llm.schemas import strict_schema
from bot.llm.wanted import still_wanted
from bot.llm.wire import Line, Manner, RawCall, Reply, Request, Said, Wire

LONGEST_QUOTE: Final = 6_000  # characters of an unusable answer that go back to the model
MOST_FLAW: Final = 1_000  # tokens that say what is wrong with it
MOST_REPAIR: Final = LONGEST_QUOTE * 4 // CHARACTERS_A_TOKEN + MOST_FLAW  # a character has at most four bytes

INSTRUCTION = """\
Answer with one JSON object and nothing else: no code fence, no words before or after it. It must fit this JSON schema:
{schema}"""
MEND = "That cannot be used: {flaw}. Give the whole answer again, as one JSON object that fits the schema."
SHORTER = (
    "That answer was cut off at the limit of {tokens} tokens. Give it again, short enough: of every list at most the "
    "five most serious items, every text in one sentence."
)
WANTED = "I want to see:\n{calls}"  # a call of tools, and what it gave, where no tools are offered
GOT = "That gave:\n{text}"
NOT_NOW = "no tool may be called any more"
EMPTY = "it is empty"

CUT_OFF = "{name}: the answer was cut off at the limit of tokens, also when asked for a shorter one"
STILL_BAD = "{name}: the answer is not what was asked for, also after one repair: {flaw}"
WINDOW_FULL = "{name}: prompt and answer are longer than the model's window"
DECLINED = "{name}: the model, or its provider's filter, refused to answer"
NONE_LISTED = "{name}: {host} has no model: install one there, or name one in TRIVET_MODELS"


class Chat:
    """A `bot.llm.messages.OneModel`. `model` "" stands for the first one the server lists, asked for at first use.

    `thought`: tokens the model may think with besides those of its answer.
    """

    def __init__(
        self, wire: Wire, server: Server, model: str, window: int, has_tools: bool = True, thought: int = 0
    ) -> None:
        self.name = server.name
        self.window = window - thought
        self._thought = thought
        self._wire = wire
        self._server = server
        self._model = model
        self._manner = Manner(tools=has_tools)

    @property
    def host(self) -> str:
        """Where the model is asked: host, and port if named."""
        return self._server.host

    @property
    def has_tools(self) -> bool:
        return self._manner.tools

    def most_tokens(self, prompt: Prompt) -> int:
        """The prompt, its answer and the thoughts, all twice: a repair sends everything again, and what it mends."""
        return 2 * (most_tokens(prompt) + self._thought) + MOST_REPAIR

    async def turn(self, prompt: Prompt) -> Turn:
        await self._choose()
        reply = await self._asked(prompt, (), Usage())
        try:
            return self._turn(reply, prompt)
        except Invalid as flaw:
            repair = _repair(reply, str(flaw), prompt.most_output)
        await still_wanted(reply.usage)
        reply = await self._asked(prompt, repair, reply.usage)
        try:
            return self._turn(reply, prompt)
        except Invalid as flaw:
            sentence = CUT_OFF if reply.end == "cut" else STILL_BAD
            raise Unusable(self._told(sentence, flaw=flaw), reply.usage) from flaw

    async def aclose(self) -> None:
        """Closes the connections that the running event loop has opened."""
        await self._wire.connection.aclose()

    async def _choose(self) -> None:
        """Finds out which model is meant where none was named."""
        if self._model:
            return
        try:
            first = await self._wire.connection.first_model()
        except Failed as failed:
            raise fault(failed, self._server) from failed
        if first is None:
            raise NoModel(self._told(NONE_LISTED, host=self._server.host))
        self._model = first
        self._server = replace(self._server, name=f"{self.name}:{first}")

    async def _asked(self, prompt: Prompt, repair: tuple[Line, ...], paid: Usage) -> Reply:
        """The reply, its usage with `paid` added; the server is asked for less until it takes the request."""
        manner = self._manner
        while True:
            request = _request(prompt, repair, manner, self._wire, self._thought)
            try:
                reply = await self._wire.send(self._model, request)
            except Failed as failed:
                lesser = given_way(manner, failed, self._wire, request)
                if lesser is None:
                    raise fault(failed, self._server, paid) from failed
                manner = lesser
                self._manner = least(self._manner, lesser)
                await still_wanted(paid)
            except Unavailable as error:
                error.usage = paid
                raise
            else:
                return replace(reply, usage=paid + reply.usage)

    def _turn(self, reply: Reply, prompt: Prompt) -> Turn:
        """Raises Invalid where a repair may help, Declined and TooLong where none does."""
        if reply.end == "refused":
            raise Declined(self._told(DECLINED), reply.usage)
        if reply.end == "overflow":
            raise TooLong(self._told(WINDOW_FULL), reply.usage)
        if reply.end == "cut":
            raise Invalid("it was cut off")
        if reply.calls:
            return Turn(None, _calls(reply.calls, prompt), reply.usage, self._server.name)
        if not reply.text.strip():
            raise Invalid(EMPTY)
        return Turn(read_answer(reply.text, prompt.answer), (), reply.usage, self._server.name)

    def _told(self, sentence: str, **words: object) -> str:
        return sentence.format(name=self._server.name, **words)


def _request(prompt: Prompt, repair: tuple[Line, ...], manner: Manner, wire: Wire, thought: int) -> Request:
    """The prompt as this manner puts it. Without tools, earlier calls are told in words: servers refuse them then.

    A server that holds its model to a schema does so from the first word on, so that no tool can be called beside one
    (measured with llama.cpp; Ollama's issue 13750, vLLM's 39929): there the schema waits for the turn that has to
    answer, or for the repair.
    """
    tools = prompt.tools if manner.tools else ()
    holds = not wire.shows_schema
    may_call = not prompt.must_answer and not (holds and repair)
    rung = "prompt" if holds and tools and may_call else wire.rungs[manner.rung]
    needs_words = rung != "json_schema" or holds
    schema = strict_schema(prompt.answer)
    lines: tuple[Line, ...] = (*prompt.messages, *repair)
    return Request(
        system=prompt.system,
        shared=prompt.shared,
        instruction=INSTRUCTION.format(schema=json.dumps(schema)) if needs_words else "",
        lines=lines if tools else tuple(_in_words(lines)),
        answer_name=prompt.answer.__name__,
        schema=schema,
        rung=rung,
        effort=wire.efforts[manner.effort],
        tools=tools,
        may_call=may_call,
        most_output=prompt.most_output + (0 if manner.terse else thought),
        other_limit=manner.other_limit,
    )


def _in_words(lines: Iterable[Line]) -> Iterable[Line]:
    for line in lines:
        if isinstance(line, Called):
            wanted = "\n".join(f"{call.name} {json.dumps(call.arguments)}" for call in line.calls)
            yield Said(WANTED.format(calls=wanted))
        elif isinstance(line, Asked | Said):
            yield line
        else:
            yield Asked(GOT.format(text=line.text))


def _calls(calls: tuple[RawCall, ...], prompt: Prompt) -> tuple[ToolCall, ...]:
    if prompt.must_answer or not prompt.tools:
        raise Invalid(NOT_NOW)
    return tuple(ToolCall(call.id, call.name, read_arguments(call.arguments)) for call in calls)


def _repair(reply: Reply, flaw: str, most_output: int) -> tuple[Line, ...]:
    """What is said after an unusable answer: the answer, cut, and what is wrong with it."""
    words = SHORTER.format(tokens=most_output) if reply.end == "cut" else MEND.format(flaw=flaw)
    calls = "\n".join(f"{call.name} {call.arguments}" for call in reply.calls)
    quote = (reply.text.strip() or calls)[:LONGEST_QUOTE].strip()
    return (*((Said(quote),) if quote else ()), Asked(words))
