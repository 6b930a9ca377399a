"""Files of labels: what is taken, and the one line that says what a file that isn't needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradeterm.core.errors import NotLabels
from tradeterm.core.time import from_iso, iso_date
from tradeterm.research.labels import LabelledPeriod, read_labels

TODAY = from_iso("2024-08-30")
HEADER = "axis,first,last,state,event\n"


def labels(tmp_path: Path, text: str | bytes) -> tuple[LabelledPeriod, ...]:
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_labels(path, today_ns=TODAY)


def test_periods_come_by_axis_and_day_with_their_lines(tmp_path: Path) -> None:
    found = labels(
        tmp_path,
        HEADER
        + "crypto,2020-01-01,2020-12-31,RISK_ON,halving\n"
        + 'equity,2008-01-02,2008-12-31,BEAR,"Bear Stearns, Lehman"\n'
        + "\n"
        + "equity,2007-01-01,2007-07-25,BULL,\n",
    )
    told = [(item.line, item.axis, iso_date(item.first_ns), iso_date(item.last_ns), item.state) for item in found]
    assert told == [
        (5, "equity", "2007-01-01", "2007-07-25", "BULL"),
        (3, "equity", "2008-01-02", "2008-12-31", "BEAR"),
        (2, "crypto", "2020-01-01", "2020-12-31", "RISK_ON"),
    ]
    assert [item.event for item in found] == ["", "Bear Stearns, Lehman", "halving"]


def test_what_a_spreadsheet_writes_is_taken_too(tmp_path: Path) -> None:
    text = "\ufeffState,Axis,First,Last,Author\r\nbull, Equity ,2007-01-01,2007-01-01,me\r\n\r\n,,,,\r\n"
    (found,) = labels(tmp_path, text)
    assert (found.axis, found.state, found.event, found.line) == ("equity", "BULL", "", 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"labels\.csv:1: no column 'axis'; the first line names the columns: axis,first,last,state,event"),
        ("axis,first,last,event\n", r"labels\.csv:1: no column 'state'"),
        ("axis,first,last,state,state\n", r"labels\.csv:1: column 'state' is there twice"),
        (HEADER, r"labels\.csv: no periods; write a line per period"),
        (
            HEADER + "equity,2008-01-02,2008-12-31,BEAR,Bear Stearns, Lehman\n",
            r'labels\.csv:2: 6 fields where the first line names 5; put an event that holds a comma in "quotes"',
        ),
        (HEADER + "equities,2008-01-02,2008-12-31,BEAR,\n", r":2: no axis 'equities'; did you mean 'equity'\?"),
        (HEADER + "rates,2008-01-02,2008-12-31,UP,\n", r":2: no axis 'rates'; one of equity, volatility, crypto, mac"),
        (HEADER + "equity,2008-01-02,2008-12-31,BULLISH,\n", r"equity has no state 'BULLISH'; did you mean 'BULL'\?"),
        (HEADER + "crypto,2018-01-02,2018-12-31,DOWN,\n", r"crypto has no state 'DOWN'; one of RISK_OFF, RISK_ON is"),
        (HEADER + "equity,02/01/2008,2008-12-31,BEAR,\n", r":2: first '02/01/2008' is no date since 1970; write it as"),
        (HEADER + "equity,2008-01-02,2008-02-30,BEAR,\n", r":2: last '2008-02-30' is no date"),
        (HEADER + "equity,2008-01-02T00:00Z,2008-12-31,BEAR,\n", r":2: first '2008-01-02T00:00Z' is no date"),
        (HEADER + "equity,1929-10-24,1932-07-08,BEAR,\n", r":2: first '1929-10-24' is no date since 1970"),
        (HEADER + "equity,2008-12-31,2008-01-02,BEAR,\n", r":2: last 2008-01-02 lies before first 2008-12-31"),
        (HEADER + "equity,2024-01-02,2024-08-30,BULL,\n", r":2: last 2024-08-30 is not over; end it by 2024-08-29"),
        (
            HEADER + "equity,2008-01-02,2008-12-31,BEAR,\nequity,2007-01-01,2008-01-02,BULL,\n",
            r":3: equity 2007-01-01 to 2008-01-02 overlaps 2008-01-02 to 2008-12-31 of line 2; a day has one state",
        ),
        (b"\xff\xfe\x00", r"labels\.csv: can't be read as CSV \(.*\); give a CSV file of axis,first,last,state,event"),
        (HEADER + 'equity,2008-01-02,2008-12-31,BEAR,"no end\n', r"labels\.csv: can't be read as CSV"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_what_to_do(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(NotLabels, match=said) as caught:
        labels(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotLabels, match=r"nowhere\.csv: can't be read as CSV \(No such file or directory\)"):
        read_labels(tmp_path / "nowhere.csv", today_ns=TODAY)


def test_the_same_days_of_two_axes_do_not_overlap(tmp_path: Path) -> None:
    text = HEADER + "equity,2008-01-02,2008-12-31,BEAR,\nmacro,2008-01-02,2008-12-31,RECESSION,\n"
    assert len(labels(tmp_path, text)) == 2
