"""The ruff rules that point at real defects, each with its severity and what breaks. No rule of style is among them.

A title of None takes ruff's own message, which names the culprit. The codes are those of docs.astral.sh/ruff/rules.
"""

from typing import NamedTuple

from bot.domain.findings import Severity

INFO, MINOR, MAJOR, CRITICAL, BLOCKER = Severity


class Lint(NamedTuple):
    """What one ruff rule means to a reviewer. `in_tests` False: the rule misfires in tests and is dropped there."""

    severity: Severity
    title: str | None
    detail: str
    in_tests: bool = True


SYNTAX = Lint(
    BLOCKER, None,
    "Python cannot parse the file, so importing it fails at once. Correct the syntax at this line.",
)  # fmt: skip

_FORMAT = "The format string and its arguments do not fit together, so this line raises when it runs. Make them agree."
_UNUSED_ARGUMENT = (
    "An argument is passed that the format string never shows: one of the two is wrong. Make them agree."
)
_COMPILE = "Python refuses to compile this, so importing the module fails. Move or remove the statement."
_RETURN_TYPE = (
    "Python calls this method and insists on that type: anything else raises TypeError when it is used."
)
_NOT_RAISED = "What looks like a check or an action has no effect. Do what was meant, or delete the line."
_BLOCKING = (
    "While it runs, every other task of the event loop stands still. Use the asynchronous call, or a thread."
)
_SHELL = "Whoever controls a part of the string can run any command. Pass the arguments as a list, without a shell."
_LOGGING = "The message and its arguments do not fit together, so the record is lost. Make them agree."
_TLS = "Anyone between the two ends can read and change the traffic. Leave verification on, or add the missing CA."
_STALE = "The call returns before the work is done, or never does it. Await it, or keep a reference and await it later."

LINTS: dict[str, Lint] = {
    # Names that do not exist.
    "F821": Lint(CRITICAL, None,
         "The line raises NameError when it runs. Import or define the name, or correct its spelling."),
    "F822": Lint(MAJOR, None,
         "Importing * from this module raises AttributeError. "
         "Define the name or take it out of __all__."),
    "F823": Lint(CRITICAL, None,
         "The name is assigned later in the function, so this raises UnboundLocalError. Assign it "
         "first, or declare it global."),
    "F811": Lint(MINOR, None,
         "The earlier definition is never used: one of the two is a "
         "slip or a leftover. Rename or delete one.", in_tests=False),
    "F401": Lint(INFO, None, "Nothing uses it. Delete the import."),
    "F841": Lint(INFO, None, "The value is computed and thrown away: use it or delete the assignment."),
    "F842": Lint(INFO, None, "The variable is declared and never gets a value. Delete the line."),
    "F402": Lint(MINOR, None,
         "After the loop the imported name means the last item. Rename the loop variable."),
    # What does not compile.
    "F404": Lint(CRITICAL, None,
         "Python accepts __future__ imports at the top of a file only, "
         "so importing the module fails. Move it up."),
    "F406": Lint(CRITICAL, None, _COMPILE),
    "F407": Lint(CRITICAL, None, "No such feature exists, so importing the module fails. Correct the name."),
    "F621": Lint(CRITICAL, None, _COMPILE),
    "F622": Lint(CRITICAL, None, _COMPILE),
    "F701": Lint(CRITICAL, None, _COMPILE),
    "F702": Lint(CRITICAL, None, _COMPILE),
    "F704": Lint(CRITICAL, None, _COMPILE),
    "F706": Lint(CRITICAL, None, _COMPILE),
    "F707": Lint(CRITICAL, None,
         "A bare except must be the last one, so importing the module fails. Move it to the end."),
    "PLE0115": Lint(CRITICAL, None, _COMPILE),
    "PLE0117": Lint(CRITICAL, None,
         "No enclosing function binds the name, so importing the "
         "module fails. Bind it there, or use global."),
    "PLE0118": Lint(CRITICAL, None,
         "A name used before its global statement is a syntax error. Put the statement first."),
    "PLE1142": Lint(CRITICAL, None,
         "Outside an async function await is a syntax error. Make "
         "the function async, or run the coroutine.", in_tests=False),
    "PLE1700": Lint(CRITICAL, None,
         "In an async function yield from is a syntax error. Loop with async for and yield."),
    # Format strings and logging.
    "F501": Lint(MAJOR, None, _FORMAT),
    "F502": Lint(MAJOR, None, _FORMAT),
    "F503": Lint(MAJOR, None, _FORMAT),
    "F504": Lint(MINOR, None, _UNUSED_ARGUMENT),
    "F505": Lint(MAJOR, None, _FORMAT),
    "F506": Lint(MAJOR, None, _FORMAT),
    "F507": Lint(MAJOR, None, _FORMAT),
    "F508": Lint(MAJOR, None, _FORMAT),
    "F509": Lint(MAJOR, None, _FORMAT),
    "F521": Lint(MAJOR, None, _FORMAT),
    "F522": Lint(MINOR, None, _UNUSED_ARGUMENT),
    "F523": Lint(MINOR, None, _UNUSED_ARGUMENT),
    "F524": Lint(MAJOR, None, _FORMAT),
    "F525": Lint(MAJOR, None, _FORMAT),
    "PLE1300": Lint(MAJOR, None, _FORMAT),
    "PLE1307": Lint(MAJOR, None, _FORMAT),
    "PLE1205": Lint(MAJOR, None, _LOGGING),
    "PLE1206": Lint(MAJOR, None, _LOGGING),
    "G101": Lint(MAJOR, None,
         "Logging refuses to overwrite a field of its record and raises KeyError. Use another key."),
    # Comparisons and conditions that always, or never, hold.
    "F631": Lint(MAJOR, "This assertion can never fail",
         "A non-empty tuple is always true, so nothing is checked. Remove the parentheses."),
    "F634": Lint(MAJOR, "This condition is always true",
         "A non-empty tuple is always true. Remove the parentheses or the comma."),
    "F632": Lint(MAJOR, "Identity is compared where equality is meant",
         "Whether two equal literals are the same object depends on "
         "the interpreter. Compare with == or !=."),
    "B015": Lint(MAJOR, "The result of this comparison is thrown away",
         "An assert or an assignment was probably meant. Write it, or delete the line."),
    "PLW0129": Lint(MAJOR, "This assertion can never fail",
         "A non-empty string is always true, so nothing is checked. Assert "
         "the condition, with the text after a comma."),
    "PLW0177": Lint(MAJOR, "Nothing equals NaN",
         "Every comparison with NaN is false, even with itself. Use math.isnan."),
    "PLW0711": Lint(MAJOR, None,
         "Only one of the exceptions is caught: the operator picks it "
         "before except sees them. List them in a tuple."),
    "PLW0133": Lint(MAJOR, "The exception is created but not raised",
         "Execution goes on as if nothing had happened. Put raise in front."),
    "RUF030": Lint(MINOR, None,
         "print returns None, so a failing assertion says nothing. Give the text itself."),
    "RUF034": Lint(MINOR, "Both branches of this condition are the same",
         "The condition has no effect: one branch is a slip. Correct it or drop the condition."),
    "RUF040": Lint(MINOR, None,
         "The number is not shown as a message: a comparison was "
         "probably meant. Correct the assertion."),
    "RUF060": Lint(MINOR, None,
         "Nothing is in an empty collection, so this is always false. Correct the collection."),
    "PLR0124": Lint(MINOR, None, "The result never changes: one side is probably a slip. Correct it."),
    "SIM222": Lint(MINOR, None,
         "The rest of the condition has no effect, often a leftover of debugging. Restore it."),
    "SIM223": Lint(MINOR, None,
         "The rest of the condition has no effect, often a leftover of debugging. Restore it."),
    "SIM220": Lint(MAJOR, None, "A value and its negation: the condition never holds. Correct one of them."),
    "SIM221": Lint(MAJOR, None, "A value or its negation: the condition always holds. Correct one of them."),
    "PGH005": Lint(MAJOR, None,
         "A mock accepts any attribute, so this passes whatever the code does. Call the assert method."),
    # Values shared by accident.
    "B006": Lint(MAJOR, "A mutable default is shared by all calls",
         "What one call puts in, the next call finds there. Default to None and make a new one inside."),
    "B039": Lint(MAJOR, "A mutable default is shared by all contexts",
         "What one context puts in, the others find there. Default to "
         "None and make a new one where it is read."),
    "RUF008": Lint(MAJOR, "A mutable default is shared by all instances",
         "What one instance puts in, the others find there, or the class refuses it. Use "
         "field(default_factory=...)."),
    "RUF024": Lint(MAJOR, "All keys share one mutable value",
         "A change under one key shows under all. Use a dict comprehension."),
    "B023": Lint(MINOR, None,
         "Called after the loop has moved on, the function sees the last "
         "value. Bind the value as a default argument."),
    "B020": Lint(MAJOR, None, "After the first step the iterable is gone. Rename the loop variable."),
    "B031": Lint(MAJOR, None,
         "A group can be read once; the second reading finds nothing. Make it a list first."),
    "B035": Lint(MAJOR, None,
         "Every step overwrites the same entry, so only the last "
         "survives. Use the loop variable in the key."),
    "PLW1507": Lint(MAJOR, None,
         "The copy still writes to the process's environment. Use os.environ.copy()."),
    "B003": Lint(MAJOR, None,
         "The new mapping never reaches the environment of this process or "
         "its children. Clear and update os.environ."),
    # Values lost.
    "F601": Lint(MAJOR, None,
         "Only the last value of the key survives. Rename or delete one of the entries."),
    "F602": Lint(MAJOR, None,
         "Only the last value of the key survives. Rename or delete one of the entries."),
    "B025": Lint(MINOR, None, "The second handler never runs. Merge the two, or correct its exception."),
    "PIE794": Lint(MINOR, None, "Only the last definition of the field counts. Rename or delete one."),
    "PIE796": Lint(MINOR, None,
         "Members with one value are aliases of one another. Give each its own value."),
    "PLW0127": Lint(MINOR, None, "The assignment does nothing: another name was probably meant. Correct it."),
    "PLW0128": Lint(MINOR, None,
         "The name is assigned twice at once, so the first value is lost. Rename one."),
    "PLE0241": Lint(CRITICAL, None,
         "A class cannot have the same base twice: creating it raises TypeError. Delete one."),
    "PLE1132": Lint(CRITICAL, None,
         "The call raises TypeError because an argument is given twice. Delete one."),
    # What raises, or swallows what is raised.
    "B016": Lint(CRITICAL, None,
         "Only exceptions can be raised, so this raises TypeError "
         "instead. Raise an exception with that text."),
    "F901": Lint(MAJOR, "NotImplemented is not an exception",
         "Raising it raises TypeError instead. Raise NotImplementedError."),
    "B012": Lint(MAJOR, None,
         "It discards an exception on its way out, so failures pass "
         "unseen. Move it out of the finally block."),
    "B029": Lint(MAJOR, "This except catches nothing",
         "An empty tuple matches no exception. Name those to catch."),
    "B030": Lint(MAJOR, None,
         "When something is raised, this line raises TypeError in "
         "its place. Name exception classes only."),
    "B017": Lint(MINOR, None,
         "The test passes on any failure, also on a wrong one. Expect "
         "the exact exception, or match its text."),
    "PLE0704": Lint(MAJOR, None,
         "Outside an except block there is nothing to raise again: it raises RuntimeError."),
    "B022": Lint(MINOR, None, "Without an exception it suppresses nothing. Name those to suppress."),
    # Methods with rules of their own.
    "PLE0100": Lint(CRITICAL, None,
         "Creating an instance raises TypeError. Move the yield to another method."),
    "PLE0101": Lint(CRITICAL, None, "Creating an instance raises TypeError. Return nothing."),
    "PLE0237": Lint(MAJOR, None,
         "The class has __slots__ without that name, so this "
         "raises AttributeError. Add it to __slots__."),
    "PLE0302": Lint(MAJOR, None,
         "Python calls this method with a fixed number of arguments and "
         "raises TypeError. Correct the signature."),
    "PLE0303": Lint(MAJOR, None, _RETURN_TYPE),
    "PLE0304": Lint(MAJOR, None, _RETURN_TYPE),
    "PLE0305": Lint(MAJOR, None, _RETURN_TYPE),
    "PLE0307": Lint(MAJOR, None, _RETURN_TYPE),
    "PLE0308": Lint(MAJOR, None, _RETURN_TYPE),
    "PLE0309": Lint(MAJOR, None, _RETURN_TYPE),
    "PLE1519": Lint(MAJOR, None,
         "On a method it dispatches on self, not on the argument. Use functools.singledispatchmethod."),
    "PLE1520": Lint(MAJOR, None,
         "Outside a class it does not dispatch on the first argument. Use functools.singledispatch."),
    "PLR0206": Lint(MAJOR, None,
         "A property is read without arguments, so every read raises TypeError. Make it a method."),
    "PLW0211": Lint(MINOR, None,
         "A static method gets no instance, so the caller must pass one "
         "by hand. Drop the decorator or the argument."),
    "PLW0245": Lint(MAJOR, None,
         "Without the call it is the class super itself, and the "
         "attribute is not found. Write super()."),
    "RUF033": Lint(MAJOR, None,
         "The default of __post_init__ overrides what the field says. Put the default on the field."),
    "RUF049": Lint(MAJOR, None, "Members compare equal to one another. Drop the dataclass decorator."),
    # Calls that do something else than they look like.
    "B002": Lint(MAJOR, "Python has no ++ operator",
         "It negates twice, or adds two plus signs, and changes nothing. Write += 1."),
    "B005": Lint(MAJOR, "strip() with several characters removes any of them",
         "It takes a set of characters, not a word, and may eat more "
         "than meant. Use removeprefix or removesuffix."),
    "PLE1310": Lint(MAJOR, "strip() with a repeated character",
         "It takes a set of characters, not a word. Use removeprefix or removesuffix."),
    "B021": Lint(MINOR, "An f-string is no docstring",
         "Python does not keep it as the documentation. Use a plain string."),
    "B026": Lint(MINOR, None,
         "The unpacked values come before the keyword whatever the order here says. Put them first."),
    "B032": Lint(MINOR, None, "It annotates and assigns nothing: = was probably meant. Correct it."),
    "B034": Lint(MINOR, None, "The third position is a count, not flags. Pass them by name."),
    "F633": Lint(MAJOR, None, "It is the Python 2 form; here it raises TypeError. Use print(..., file=...)."),
    "PLE0643": Lint(MAJOR, None, "The index is out of range, so this raises IndexError. Correct it."),
    "RUF016": Lint(MAJOR, None,
         "Sequences take integers and slices only, so this raises TypeError. Convert the index."),
    "RUF026": Lint(MAJOR, None,
         "Given by name it becomes an entry of the dict, and there is "
         "no default. Pass it as the first argument."),
    "RUF032": Lint(MINOR, None, "The float is inexact before Decimal sees it. Pass a string."),
    "PLE0604": Lint(MAJOR, None,
         "Importing * from this module raises TypeError. Put names as strings into __all__."),
    "PLE0605": Lint(MAJOR, None,
         "Importing * from this module raises TypeError. Make __all__ a list or tuple of strings."),
    "PLE1507": Lint(MAJOR, None, "Names of environment variables are strings, so this raises TypeError."),
    "PLW1501": Lint(MAJOR, None, "No such mode exists, so open raises ValueError. Correct it."),
    "PLW1508": Lint(MINOR, None,
         "The variable, when set, is a string, the default is not: the type "
         "depends on the machine. Convert the result."),
    "PLW2101": Lint(MAJOR, "This lock protects nothing",
         "A lock made here is a new one for every caller. Make one that all callers share."),
    "W605": Lint(MINOR, None,
         "Newer Pythons warn here, later ones refuse the file. Use "
         "a raw string or double the backslash."),
    "T100": Lint(MAJOR, "A debugger call is left in",
         "The process stops here and waits for a terminal that nobody watches. Delete it."),
    # Asynchronous code.
    "ASYNC105": Lint(MAJOR, None, _STALE),
    "RUF006": Lint(MAJOR, "The task may vanish before it is done",
         "The event loop keeps only a weak reference, so the task can be "
         "collected half done. Keep a reference to it."),
    "ASYNC210": Lint(MAJOR, None, _BLOCKING, in_tests=False),
    "ASYNC212": Lint(MAJOR, None, _BLOCKING, in_tests=False),
    "ASYNC220": Lint(MAJOR, None, _BLOCKING, in_tests=False),
    "ASYNC221": Lint(MAJOR, None, _BLOCKING, in_tests=False),
    "ASYNC222": Lint(MAJOR, None, _BLOCKING, in_tests=False),
    "ASYNC250": Lint(MAJOR, None, _BLOCKING, in_tests=False),
    "ASYNC251": Lint(MAJOR, None, _BLOCKING, in_tests=False),
    # Security.
    "S102": Lint(MAJOR, "exec runs text as code",
         "Whoever controls the text controls the process. Use a parser or a table of functions.", in_tests=False),
    "S307": Lint(MAJOR, "eval runs text as code",
         "Whoever controls the text controls the process. Use ast.literal_eval or a parser.", in_tests=False),
    "S301": Lint(MINOR, "Unpickling can run any code",
         "Whoever can write the data controls the process. Use JSON, or sign what is pickled.", in_tests=False),
    "S302": Lint(MINOR, "marshal is not safe on data from outside",
         "Crafted data can crash or take over the process. Use JSON.", in_tests=False),
    "S306": Lint(MINOR, None,
         "Another process can take the name before this one opens it. Use tempfile.mkstemp.", in_tests=False),
    "S323": Lint(MAJOR, None, _TLS, in_tests=False),
    "S324": Lint(INFO, None,
         "Collisions can be made. Use SHA-256; where nothing depends on it, say usedforsecurity=False.",
         in_tests=False),
    "S501": Lint(MAJOR, "Certificates are not verified", _TLS, in_tests=False),
    "S502": Lint(MAJOR, None, "The protocol version is broken. Use TLS 1.2 or newer.", in_tests=False),
    "S503": Lint(MAJOR, None, "The protocol version is broken. Use TLS 1.2 or newer.", in_tests=False),
    "S506": Lint(MAJOR, "This YAML loader can run any code",
         "Whoever can write the document controls the process. Use yaml.safe_load.", in_tests=False),
    "S507": Lint(MAJOR, "SSH host keys are not verified", _TLS, in_tests=False),
    "S113": Lint(MAJOR, "A request without a time limit",
         "If the other side never answers, this waits for ever. Pass timeout=.", in_tests=False),
    "S201": Lint(MAJOR, "Flask runs in debug mode",
         "Its debugger lets anyone who reaches it run code. Turn it off outside development.", in_tests=False),
    "S602": Lint(MAJOR, "A command is built for a shell", _SHELL, in_tests=False),
    "S605": Lint(MAJOR, "A command is built for a shell", _SHELL, in_tests=False),
    "S608": Lint(MINOR, "SQL is put together from strings",
         "If any part comes from outside, it can change the query. Pass the values as parameters.", in_tests=False),
    "S612": Lint(MAJOR, None,
         "Whoever connects can run code through the configuration. Verify what is received.", in_tests=False),
}  # fmt: skip
