"""One table: every fault against every source. The answer is whole or a typed error, never a part."""

from __future__ import annotations

import importlib
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from wire.case import CHANGED, COMPLETE, QUICK, Bench, Case
from wire.loopback import RETRY_AFTER_S, Fault, Stub

from tradeterm.core.errors import SourceBusy, SourceDown, SourceError
from tradeterm.core.market import Bars

if TYPE_CHECKING:
    from tradeterm.data.sources import Source

ALWAYS = 1_000
# Answers that never end, whatever comes of them in the meantime: nothing but the limit of a whole answer ends them.
DRIPS = (Fault.DRIP, Fault.DRIP_HEAD)
LISTENING = replace(QUICK, read_s=1.0)
SOON = replace(LISTENING, attempts=2, answer_s=0.3)


def cases() -> list[Case]:
    found = []
    for path in sorted((Path(__file__).parent / "cases").glob("[a-z]*.py")):
        found.extend(importlib.import_module(f"wire.cases.{path.stem}").CASES)
    return found


CASES = cases()
TABLE = [
    pytest.param(case, fault, id=f"{case.label}-{fault.value}")
    for case in CASES
    for fault in Fault
    if fault not in case.leaves_out
]
ERRORS = [row for row in TABLE if isinstance(row.values[0].outcome(row.values[1]), type)]
EVERY_CASE = pytest.mark.parametrize("case", [pytest.param(case, id=case.label) for case in CASES])


@pytest.fixture
def bench(stub: Stub, tmp_path: Path) -> Bench:
    return Bench(stub=stub, patience=QUICK, folder=tmp_path)


def asked(case: Case, source: Source) -> Bars:
    return source.bars(case.instrument, case.timeframe, case.start_ns, case.end_ns)


def is_transient(outcome: object) -> bool:
    return isinstance(outcome, type) and issubclass(outcome, (SourceBusy, SourceDown))


def same(one: Bars, other: Bars) -> bool:
    names = ("ts", "open", "high", "low", "close", "volume", "known_at")
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names)


@EVERY_CASE
def test_a_healthy_service_gives_every_bar_once_and_in_order(case: Case, bench: Bench) -> None:
    case.serve(bench.stub)
    bars = asked(case, case.build(bench))
    assert len(bars) == case.rows
    order = np.lexsort((bars.known_at, bars.ts))
    assert np.array_equal(order, np.arange(len(bars)))
    assert bars.ts[0] >= case.start_ns
    assert bars.known_at.max() <= case.end_ns
    assert np.isfinite(bars.close).all()
    assert (bars.known_at > bars.ts).all()


@pytest.mark.parametrize(("case", "fault"), TABLE)
def test_a_lasting_fault_is_a_typed_error_or_no_fault_at_all(case: Case, fault: Fault, bench: Bench) -> None:
    case.serve(bench.stub)
    whole = asked(case, case.build(bench))
    bench.stub.fail_next(fault, ALWAYS, path=case.data_path)
    outcome = case.outcome(fault)
    if isinstance(outcome, type):
        source = case.build(replace(bench, patience=SOON) if fault in DRIPS else bench)
        began = time.monotonic()
        with pytest.raises(outcome) as caught:
            asked(case, source)
        assert type(caught.value) is outcome
        complain(case, caught.value)
        if fault in DRIPS:
            assert "no whole answer in time" in str(caught.value)
            assert time.monotonic() - began < 10 * SOON.attempts * SOON.answer_s
        if fault is Fault.FLOOD:
            assert f"an answer of more than {QUICK.largest_mb} MB" in str(caught.value)
        return
    found = asked(case, case.build(bench))
    if outcome == COMPLETE:
        assert same(found, whole)
        return
    assert outcome == CHANGED
    assert np.array_equal(found.ts, whole.ts)
    assert np.count_nonzero(found.close != whole.close) == 1


@pytest.mark.parametrize(("case", "fault"), ERRORS)
def test_a_fault_that_passes_is_waited_for_and_a_refusal_is_not_repeated(
    case: Case, fault: Fault, bench: Bench
) -> None:
    case.serve(bench.stub)
    whole = asked(case, case.build(bench))
    outcome = case.outcome(fault)
    source = case.build(replace(bench, patience=LISTENING) if fault in DRIPS else bench)
    before = len(bench.stub.asked(case.data_path))
    bench.stub.fail_next(fault, 1, path=case.data_path)
    if is_transient(outcome):
        assert same(asked(case, source), whole)
        assert bench.waits
        if fault is Fault.BUSY_RETRY_AFTER:
            assert max(bench.waits) >= RETRY_AFTER_S
        return
    with pytest.raises(outcome):
        asked(case, source)
    questions = [(request.path, str(request.query)) for request in bench.stub.asked(case.data_path)[before:]]
    assert len(set(questions)) == len(questions)


@EVERY_CASE
def test_a_service_that_stays_down_is_asked_as_often_as_patience_says(case: Case, bench: Bench) -> None:
    case.serve(bench.stub)
    source = case.build(bench)
    bench.stub.fail_next(Fault.ERROR_500, ALWAYS, path=case.data_path)
    with pytest.raises(SourceDown) as caught:
        asked(case, source)
    assert len(bench.stub.asked(case.data_path)) == QUICK.attempts
    assert caught.value.attempts == QUICK.attempts
    assert f"asked {QUICK.attempts} times" in str(caught.value)


@EVERY_CASE
def test_after_enough_failures_the_service_is_left_alone(case: Case, bench: Bench) -> None:
    case.serve(bench.stub)
    bench = replace(bench, patience=replace(QUICK, breaker_failures=2))
    source = case.build(bench)
    bench.stub.fail_next(Fault.ERROR_503, ALWAYS, path=case.data_path)
    for _ in range(3):
        with pytest.raises(SourceDown):
            asked(case, source)
    assert len(bench.stub.asked(case.data_path)) == 2


def complain(case: Case, error: SourceError) -> None:
    """The message is one line that names source and symbol; nothing that can be printed holds a secret."""
    text = str(error)
    assert "\n" not in text
    assert case.instrument.symbol in text
    assert text.startswith(f"{case.name} ")
    everything = "".join(traceback.format_exception(error)) + repr(error)
    for secret in case.secrets:
        assert secret not in everything
