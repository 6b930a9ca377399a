"""Every state of every axis on series made by hand; lateness, missing inputs, revisions, and no look ahead."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panels import DAY, made_inputs, series

from tradeterm.engine.inputs import RegimeInputs, RegimeSeries
from tradeterm.engine.regime import (
    AXES,
    LATE,
    NEVER,
    STATES,
    UNKNOWN,
    RegimeFrame,
    RegimeState,
    Thresholds,
    active_states,
    classify,
    transitions,
)

HOUR = DAY // 24
SMALL = Thresholds(
    equity_ma=3, equity_momentum=(2, 4), realised_window=3, crypto_ma=3, crypto_momentum=(2,), hysteresis=(1, 1, 1, 1)
)
BITS = [field.name for field in fields(RegimeFrame)]


def now(inputs: RegimeInputs, *, at: int | None = None, thresholds: Thresholds = SMALL) -> RegimeState:
    """State at ``at``, or when the newest value became known."""
    known = [part.known_at[-1] for part in map(lambda f: getattr(inputs, f.name), fields(inputs)) if part is not None]
    time_ns = int(max(known)) if at is None else at
    return classify(np.array([time_ns]), inputs, thresholds).at_row(0)


# Equity: mean of the last 3; momentum = mean of the returns over 2 and over 4


@pytest.mark.parametrize(
    ("closes", "state"),
    [
        ([100, 101, 102, 103, 104], "BULL"),
        ([104, 103, 102, 101, 100], "BEAR"),
        # above the mean of 95.67, momentum (98/95 - 1 + 98/110 - 1) / 2 = -3.9 %
        ([110, 100, 95, 94, 98], "NEUTRAL"),
        # below the mean of 107, momentum (105/108 - 1 + 105/90 - 1) / 2 = +6.9 %
        ([90, 100, 108, 108, 105], "NEUTRAL"),
        # at the mean, momentum nothing
        ([100, 100, 100, 100, 100], "NEUTRAL"),
    ],
)
def test_the_equity_axis(closes: list[float], state: str) -> None:
    found = now(RegimeInputs(equity=series(closes)))
    assert found["equity"] == state
    assert found.status[0] == "fresh"
    assert found.reading[0] == closes[-1]
    assert found.reference[0] == pytest.approx(sum(closes[-3:]) / 3)


def test_the_equity_momentum_is_the_mean_of_its_spans() -> None:
    # +10 % over 2 and -5 % over 4: +2.5 % on average, and above the mean of 104: BULL, not the longer span alone
    found = now(RegimeInputs(equity=series([115.7894737, 100.0, 100.0, 102.0, 110.0])))
    assert found["equity"] == "BULL"


def test_an_axis_is_unknown_until_its_look_back_is_met() -> None:
    found = now(RegimeInputs(equity=series([100, 101, 102, 103])))
    assert (found["equity"], found.status[0], found.last[0]) == ("NEUTRAL", "unknown", None)


# Volatility


@pytest.mark.parametrize(
    ("level", "state"), [(14.99, "LOW"), (15.0, "NORMAL"), (25.0, "NORMAL"), (25.01, "HIGH"), (9.0, "LOW")]
)
def test_the_volatility_axis(level: float, state: str) -> None:
    assert now(RegimeInputs(volatility=series([20.0, level])))["volatility"] == state


def test_without_an_index_volatility_is_realised() -> None:
    # returns +1 %, -1 %, +1 %: deviation 0.011547, x sqrt(252) = 18.33 %
    closes = [100.0, 101.0, 99.99, 100.9899]
    found = now(RegimeInputs(equity=series(closes)))
    assert found["volatility"] == "NORMAL"
    assert found.reading[1] == pytest.approx(18.330, abs=1e-3)
    calm = now(RegimeInputs(equity=series([100.0, 100.5, 100.0, 100.5])))
    assert calm["volatility"] == "LOW"
    wild = now(RegimeInputs(equity=series([100.0, 104.0, 100.0, 104.0])))
    assert wild["volatility"] == "HIGH"


def test_the_index_stands_from_its_first_value_on() -> None:
    equity = series([100.0, 104.0, 100.0, 104.0, 100.0, 104.0])
    index = series([12.0], known=[5 * DAY])
    frame = classify(DAY * np.arange(3, 7), RegimeInputs(equity=equity, volatility=index), SMALL)
    assert [frame.at_row(row)["volatility"] for row in range(4)] == ["NORMAL", "HIGH", "LOW", "LOW"]


def test_an_index_that_stops_is_not_replaced() -> None:
    equity = series([100.0, 104.0] * 10)
    index = series([12.0, 12.0])
    found = now(RegimeInputs(equity=equity, volatility=index))
    assert (found["volatility"], found.status[1], found.last[1]) == ("NORMAL", "unknown", "LOW")


# Crypto: mean of 3, momentum over 2


@pytest.mark.parametrize(
    ("closes", "state"),
    [
        ([100, 101, 102], "RISK_ON"),
        ([102, 101, 100], "RISK_OFF"),
        ([104, 100, 103], "RISK_OFF"),  # above the mean, momentum down
        ([100, 104, 101], "RISK_OFF"),  # momentum up, below the mean
        ([100, 100, 100], "RISK_OFF"),
    ],
)
def test_the_crypto_axis(closes: list[float], state: str) -> None:
    assert now(RegimeInputs(crypto=series(closes)))["crypto"] == state


# Macro


@pytest.mark.parametrize(
    ("activity", "slope", "state"),
    [
        (52.0, 0.5, "EXPANSION"),
        (50.0, 0.0, "EXPANSION"),
        (52.0, -0.5, "SLOWDOWN"),
        (48.0, 0.5, "SLOWDOWN"),
        (45.0, 0.5, "SLOWDOWN"),
        (44.9, 0.5, "RECESSION"),
        (44.9, -0.5, "RECESSION"),
        (48.0, -0.5, "RECESSION"),
    ],
)
def test_the_macro_axis(activity: float, slope: float, state: str) -> None:
    found = now(RegimeInputs(activity=series([activity]), slope=series([slope])))
    assert found["macro"] == state
    assert (found.reading[3], found.reference[3]) == (activity, slope)


def test_macro_thresholds_belong_to_the_series() -> None:
    stand_in = replace(SMALL, activity_expansion=0.0, activity_recession=-0.7)
    assert now(RegimeInputs(activity=series([0.1]), slope=series([1.0])), thresholds=stand_in)["macro"] == "EXPANSION"


def test_macro_is_unknown_until_both_series_have_a_value() -> None:
    activity, slope = series([52.0], known=[5 * DAY]), series([0.5] * 9)
    frame = classify(DAY * np.array([4, 5]), RegimeInputs(activity=activity, slope=slope), SMALL)
    assert frame.at_row(0).status[3] == "unknown"
    assert frame.at_row(1)["macro"] == "EXPANSION"


def test_a_revision_of_an_older_period_is_not_the_newest_value() -> None:
    # periods 0 and 1 at 55 and 44; then period 0 is revised to 60: the newest stays period 1's 44
    activity = series([55.0, 44.0, 60.0], ordinal=[0, 1, 0])
    found = now(RegimeInputs(activity=activity, slope=series([0.5] * 3)))
    assert (found["macro"], found.reading[3]) == ("RECESSION", 44.0)


def test_a_revision_of_the_newest_period_is() -> None:
    activity = series([55.0, 44.0, 51.0], ordinal=[0, 1, 1])
    found = now(RegimeInputs(activity=activity, slope=series([0.5] * 3)))
    assert (found["macro"], found.reading[3]) == ("EXPANSION", 51.0)


def test_a_revision_of_an_older_period_does_not_put_off_the_next_value() -> None:
    # period 1 was due to be followed on day 10; the revision of period 0 on day 9 changes nothing about that
    activity = series(
        [55.0, 52.0, 60.0], ordinal=[0, 1, 0], known=[DAY, 2 * DAY, 9 * DAY], due=[2 * DAY, 10 * DAY, 99 * DAY]
    )
    found = now(RegimeInputs(activity=activity), at=11 * DAY)
    assert (found.status[3], found.age_ns[3]) == ("late", DAY)


# Age


@pytest.mark.parametrize(
    ("after_due", "status", "state"),
    [
        (-DAY, "fresh", "LOW"),
        (0, "fresh", "LOW"),
        (1, "late", "LOW"),
        (48 * HOUR, "late", "LOW"),
        (48 * HOUR + 1, "unknown", "NORMAL"),
    ],
)
def test_the_age_counts_from_when_the_next_value_was_due(after_due: int, status: str, state: str) -> None:
    # a Friday value whose next one is due on Monday is fresh all week-end
    due = 10 * DAY
    found = now(RegimeInputs(volatility=series([12.0], due=[due])), at=due + after_due)
    assert (found.status[1], found["volatility"], found.last[1]) == (status, state, "LOW")
    assert found.age_ns[1] == max(after_due, 0)


def test_unknown_axes_show_their_neutral_states() -> None:
    found = now(made_inputs(1, 60), at=500 * DAY)
    assert found.state == ("NEUTRAL", "NORMAL", "RISK_OFF", "SLOWDOWN")
    assert found.status == ("unknown",) * 4
    assert None not in found.last


def test_nothing_configured_is_unknown_everywhere() -> None:
    found = now(RegimeInputs(), at=DAY)
    assert found.state == ("NEUTRAL", "NORMAL", "RISK_OFF", "SLOWDOWN")
    assert found.last == (None,) * 4
    assert found.age_ns == (0,) * 4


@pytest.mark.parametrize(("activity_due", "slope_due"), [(30, 2), (2, 30)])
def test_macro_is_as_late_as_its_latest_series(activity_due: int, slope_due: int) -> None:
    inputs = RegimeInputs(
        activity=series([52.0], known=[DAY], due=[activity_due * DAY]),
        slope=series([0.5], known=[DAY], due=[slope_due * DAY]),
    )
    assert now(inputs, at=3 * DAY).age_ns[3] == DAY


def test_the_rules_in_force_are_those_of_the_last_and_the_neutral_state() -> None:
    times = np.array([DAY, 10 * DAY])
    frame = classify(times, RegimeInputs(volatility=series([30.0])), SMALL)
    first, second = active_states(frame, AXES.index("volatility"))
    high, normal = STATES[1].index("HIGH"), STATES[1].index("NORMAL")
    assert (first.tolist(), second.tolist()) == ([high, high], [high, normal])
    never, neutral = active_states(frame, AXES.index("equity"))
    assert never.tolist() == neutral.tolist() == [1, 1]


# Hysteresis


def volatility_states(levels: list[float], count: int) -> list[str]:
    thresholds = replace(SMALL, hysteresis=(1, count, 1, 1))
    values = series(levels)
    frame = classify(values.known_at, RegimeInputs(volatility=values), thresholds)
    return [frame.at_row(row)["volatility"][0] for row in range(len(levels))]


def test_an_axis_changes_after_enough_equal_values_in_a_row() -> None:
    levels = [20, 20, 30, 20, 30, 30, 20, 30, 10, 10]
    assert volatility_states(levels, 2) == ["N", "N", "N", "N", "N", "H", "H", "H", "H", "L"]
    assert volatility_states(levels, 1) == ["N", "N", "H", "N", "H", "H", "N", "H", "L", "L"]


def test_hysteresis_forgets_what_lies_before_its_memory() -> None:
    # a run that confirms HIGH, then values that never agree: the confirmed state is given up after a finite time
    thresholds = replace(SMALL, hysteresis=(1, 2, 1, 1))
    levels = [30.0] * 4 + [20.0, 30.0] * 60
    states = volatility_states(levels, 2)
    assert states[5:20] == ["H"] * 15
    assert "N" in states[-2:]
    assert states.index("N") < 4 + thresholds.lookback


# No look ahead, and a finite memory


def random_inputs(seed: int) -> RegimeInputs:
    """Inputs that start late, stop, stutter, revise and are missing."""
    rng = np.random.default_rng(seed)

    def one(low: float, high: float, *, revised: bool = False) -> RegimeSeries | None:
        count = int(rng.integers(0, 80))
        if rng.random() < 0.15:
            return None
        known = DAY * int(rng.integers(0, 40)) + np.cumsum(rng.choice([0, 6, 24, 24, 24, 72], count)) * HOUR
        if not revised:
            known = known + np.arange(count)
        ordinal = np.arange(count)
        if revised:
            # a new period comes at least with every fourth value: within the look-back of these small windows
            again = (rng.random(count) < 0.3) & (ordinal % 4 != 0)
            newest = np.cumsum(~again) - 1
            ordinal = np.maximum(np.where(again, newest - rng.integers(0, 3, count), newest), 0)
        values = rng.uniform(low, high) + np.cumsum(rng.normal(0.0, (high - low) / 8.0, count))
        return series(np.abs(values) + 1.0 if low > 0 else values, known=known, due=known + DAY, ordinal=ordinal)

    return RegimeInputs(
        equity=one(80, 120),
        volatility=one(10, 30),
        crypto=one(80, 120),
        slope=one(-1, 1, revised=True),
        activity=one(40, 60, revised=True),
    )


def last_values(inputs: RegimeInputs, count: int) -> RegimeInputs:
    parts = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
    return RegimeInputs(
        **{name: part and part.rows(max(0, len(part) - count), len(part)) for name, part in parts.items()}
    )


@settings(max_examples=150)
@given(seed=st.integers(0, 2**31), hysteresis=st.tuples(*[st.integers(1, 3)] * 4), day=st.integers(0, 110))
def test_the_state_at_t_has_the_same_bits_without_what_came_after(
    seed: int, hysteresis: tuple[int, int, int, int], day: int
) -> None:
    inputs = random_inputs(seed)
    thresholds = replace(SMALL, hysteresis=hysteresis)
    times = 4 * HOUR * np.arange(6 * 120)
    whole = classify(times, inputs, thresholds)
    row = 6 * day
    cut = inputs.upto(int(times[row]))
    for part in (classify(times[: row + 1], cut, thresholds), classify(times[row : row + 1], cut, thresholds)):
        for name in BITS:
            np.testing.assert_array_equal(getattr(part, name)[-1], getattr(whole, name)[row], err_msg=name)


@settings(max_examples=150)
@given(seed=st.integers(0, 2**31), hysteresis=st.tuples(*[st.integers(1, 3)] * 4), day=st.integers(60, 110))
def test_the_state_at_t_has_the_same_bits_on_its_look_back_alone(
    seed: int, hysteresis: tuple[int, int, int, int], day: int
) -> None:
    thresholds = replace(SMALL, hysteresis=hysteresis)
    inputs = random_inputs(seed)
    time_ns = np.array([day * DAY])
    whole = classify(time_ns, inputs, thresholds)
    part = classify(time_ns, last_values(inputs.upto(day * DAY), thresholds.lookback), thresholds)
    for name in BITS:
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name), err_msg=name)


def test_the_look_back_at_everyday_windows() -> None:
    thresholds = Thresholds()
    inputs = made_inputs(3, 900)
    for day in range(600, 900, 29):
        time_ns = np.array([day * DAY])
        whole = classify(time_ns, inputs, thresholds)
        part = classify(time_ns, last_values(inputs.upto(day * DAY), thresholds.lookback), thresholds)
        assert whole.status[0].tolist() == [0, 0, 0, 0]
        for name in BITS:
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name), err_msg=name)


# What is shown


def test_transitions_name_what_changed_and_when() -> None:
    values = series([20.0, 30.0, 30.0, 10.0])
    frame = classify(values.known_at, RegimeInputs(volatility=values), SMALL)
    found = [(item.time_ns, item.axis, item.before, item.after, item.reading) for item in transitions(frame)]
    assert found == [(2 * DAY, "volatility", "NORMAL", "HIGH", 30.0), (4 * DAY, "volatility", "HIGH", "LOW", 10.0)]


def test_becoming_unknown_and_known_again_are_transitions_even_where_the_shown_word_stays() -> None:
    # NORMAL, then overdue for more than 48 h on day 6: shown as NORMAL still, but nobody knows; on day 8 NORMAL again
    index = series([20.0, 30.0, 20.0, 20.0], known=[DAY, 2 * DAY, 3 * DAY, 8 * DAY])
    frame = classify(DAY * np.arange(1, 9), RegimeInputs(volatility=index), SMALL)
    assert [frame.at_row(row)["volatility"] for row in range(8)] == ["NORMAL", "HIGH", *["NORMAL"] * 6]
    found = [(item.time_ns // DAY, item.before, item.after) for item in transitions(frame)]
    assert found == [(2, "NORMAL", "HIGH"), (3, "HIGH", "NORMAL"), (7, "NORMAL", "UNKNOWN"), (8, "UNKNOWN", "NORMAL")]


def test_transitions_can_be_told_from_a_state_ahead_of_the_first_row() -> None:
    values = series([20.0, 20.0])
    frame = classify(values.known_at, RegimeInputs(volatility=values), SMALL)
    ahead = {"equity": "UNKNOWN", "volatility": "HIGH", "crypto": "RISK_ON"}
    found = [(item.time_ns, item.axis, item.before, item.after) for item in transitions(frame, ahead)]
    assert found == [(DAY, "volatility", "HIGH", "NORMAL"), (DAY, "crypto", "RISK_ON", "UNKNOWN")]
    assert transitions(frame.rows(0, 0), ahead) == []


def test_frames_can_be_cut_and_asked() -> None:
    frame = classify(DAY * np.arange(1, 5), RegimeInputs(volatility=series([20.0, 30.0, 30.0, 10.0])), SMALL)
    assert frame.is_state("volatility", "HIGH").tolist() == [False, True, True, False]
    assert len(frame.rows(1, 3)) == 2
    assert frame.rows(1, 3).at_row(1).time_ns == 3 * DAY
    assert (frame.status[0, 0], frame.last[0, 0]) == (UNKNOWN, NEVER)
    assert LATE not in frame.status
