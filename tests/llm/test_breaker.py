"""When a model is left alone, and when it is tried again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Declined, NoModel, OverBudget, PlatformError, TooLong, Unavailable, Unusable
from bot.llm.breaker import CLOSED, FAULTS, LASTING, PAUSE, PROBE, WINDOW, Circuit, LocalBreaker

BUSY = Unavailable("busy")
REFUSED = NoModel("the key is refused")
MODEL = "some:model"


class Watch:
    """A breaker and its clock."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.breaker = LocalBreaker(lambda: self.now)

    def ask(self, error: BaseException | None = None) -> None:
        self.breaker.admit(MODEL)
        self.breaker.ended(MODEL, error)

    def fail(self, times: int = FAULTS) -> None:
        for _ in range(times):
            self.ask(BUSY)

    def refusal(self) -> PlatformError | None:
        try:
            self.breaker.admit(MODEL)
        except PlatformError as error:
            return error
        return None


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_one_fault_fewer_than_it_takes_leaves_it_closed(watch: Watch) -> None:
    watch.fail(FAULTS - 1)
    assert watch.refusal() is None


def test_five_faults_in_a_row_open_it_for_a_minute(watch: Watch) -> None:
    watch.fail()
    error = watch.refusal()
    assert isinstance(error, Unavailable)
    assert (str(error), error.retry_after) == ("busy (not asked again for now)", PAUSE)
    watch.now += PAUSE - 0.1
    assert watch.refusal() is not None
    watch.now += 0.1
    assert watch.refusal() is None


def test_an_answer_between_faults_starts_the_count_again(watch: Watch) -> None:
    watch.fail(FAULTS - 1)
    watch.ask()
    watch.fail(FAULTS - 1)
    assert watch.refusal() is None


def test_faults_that_are_long_ago_do_not_count(watch: Watch) -> None:
    watch.fail(FAULTS - 1)
    watch.now += WINDOW + 1
    watch.fail(1)
    assert watch.refusal() is None


def test_a_refused_key_opens_it_at_once_and_for_long(watch: Watch) -> None:
    watch.ask(REFUSED)
    watch.now += LASTING - 1
    error = watch.refusal()
    assert type(error) is NoModel
    assert str(error) == "the key is refused (not asked again for now)"
    watch.now += 1
    assert watch.refusal() is None


@pytest.mark.parametrize("opened_by", [BUSY, REFUSED])
def test_one_probe_at_a_time_goes_out_and_closes_it_when_it_is_answered(
    watch: Watch, opened_by: PlatformError
) -> None:
    watch.breaker.ended(MODEL, opened_by)
    for _ in range(FAULTS):
        watch.breaker.ended(MODEL, opened_by)
    watch.now += LASTING
    assert watch.refusal() is None
    assert isinstance(watch.refusal(), type(opened_by))
    watch.breaker.ended(MODEL)
    assert [watch.refusal(), watch.refusal()] == [None, None]


def test_a_probe_that_fails_opens_it_again_at_its_first_fault(watch: Watch) -> None:
    watch.fail()
    watch.now += PAUSE
    watch.fail(1)
    assert isinstance(watch.refusal(), Unavailable)


def test_a_probe_that_never_reports_is_given_up(watch: Watch) -> None:
    watch.fail()
    watch.now += PAUSE
    assert watch.refusal() is None
    watch.now += PROBE - 1
    assert watch.refusal() is not None
    watch.now += 1
    assert watch.refusal() is None


def test_a_fault_of_a_request_from_before_it_opened_does_not_hold_it_open_longer(watch: Watch) -> None:
    watch.fail()
    watch.now += PAUSE / 2
    watch.breaker.ended(MODEL, BUSY)
    watch.now += PAUSE / 2
    assert watch.refusal() is None


@pytest.mark.parametrize("kind", [TooLong, Unusable, Declined])
def test_a_model_that_says_no_to_one_prompt_is_not_a_broken_model(
    watch: Watch, kind: Callable[[str], PlatformError]
) -> None:
    for _ in range(3 * FAULTS):
        watch.ask(kind("no"))
    watch.fail(FAULTS - 1)
    watch.ask(kind("no"))
    watch.fail(1)
    assert watch.refusal() is None


@pytest.mark.parametrize("error", [OverBudget("spent"), KeyboardInterrupt(), ValueError()])
def test_what_is_not_the_models_doing_teaches_nothing(watch: Watch, error: BaseException) -> None:
    watch.fail(FAULTS - 1)
    watch.ask(error)
    assert watch.refusal() is None
    watch.fail(1)
    assert watch.refusal() is not None


def test_each_model_is_judged_alone(watch: Watch) -> None:
    watch.fail()
    watch.breaker.admit("another:model")


ENDS = st.sampled_from([None, BUSY, REFUSED, OverBudget("spent")])


@given(st.lists(st.tuples(st.floats(0, 700), ENDS), max_size=40))
def test_whatever_happened_it_is_tried_again_within_ten_minutes(
    events: list[tuple[float, BaseException | None]],
) -> None:
    now, circuit = 1_000.0, CLOSED
    for pause, error in events:
        now += pause
        circuit = circuit.after(error, now)
    circuit.admitted(now + LASTING)


@given(st.lists(st.tuples(st.floats(0, 100), ENDS), max_size=40))
def test_while_it_is_open_at_most_one_request_is_out(
    events: list[tuple[float, BaseException | None]],
) -> None:
    now, circuit = 1_000.0, Circuit(until=1_060.0, reason="busy")
    out = 0
    for pause, error in events:
        now += min(pause, PROBE - 1)
        if out:
            circuit, out = circuit.after(error, now), 0
        try:
            circuit = circuit.admitted(now)
        except (NoModel, Unavailable):
            continue
        if circuit.until:
            out += 1
            with pytest.raises((NoModel, Unavailable)):
                circuit.admitted(now)


def test_threads_at_once_send_one_probe() -> None:
    watch = Watch()
    watch.fail()
    watch.now += PAUSE
    with ThreadPoolExecutor(8) as pool:
        refusals = list(pool.map(lambda _: watch.refusal(), range(40)))
    assert refusals.count(None) == 1
