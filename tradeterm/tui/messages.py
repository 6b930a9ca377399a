"""What the threads tell the app; newer news of the same thing replaces what still waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from tradeterm.core.market import BarKey
    from tradeterm.tui.jobs import Job
    from tradeterm.views.candles import Shown
    from tradeterm.views.comparison import ComparisonView
    from tradeterm.views.performance import PerformanceView
    from tradeterm.views.runs import RunView
    from tradeterm.views.series import SeriesView
    from tradeterm.views.signals import OutcomesView
    from tradeterm.views.why import WhyView

__all__ = [
    "ComparisonRead",
    "JobMoved",
    "LatchMoved",
    "PerformanceRead",
    "PollerStopped",
    "RunRead",
    "SeriesRead",
    "ViewUpdated",
    "WhyRead",
]


class ViewUpdated(Message):
    """A read model has changed, or can't be built: then ``trouble`` says why in one line."""

    def __init__(self, name: str, view: Any, trouble: str | None = None) -> None:
        super().__init__()
        self.name, self.view, self.trouble = name, view, trouble

    def can_replace(self, message: Message) -> bool:
        """Say whether this message makes a waiting one needless."""
        return isinstance(message, ViewUpdated) and message.name == self.name


class LatchMoved(Message):
    """The kill file has appeared, gone or changed; who gets this reads it again."""

    def can_replace(self, message: Message) -> bool:
        """Say whether this message makes a waiting one needless."""
        return isinstance(message, LatchMoved)


class JobMoved(Message):
    """A subprocess has made progress or ended."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job

    def can_replace(self, message: Message) -> bool:
        """Say whether this message makes a waiting one needless."""
        return isinstance(message, JobMoved) and message.job.number == self.job.number


class RunRead(Message):
    """A run was read in full, or can't be: then ``found`` says why in one line."""

    def __init__(self, run_id: str, found: RunView | str) -> None:
        super().__init__()
        self.run_id, self.found = run_id, found


class PerformanceRead(Message):
    """A run was read as its report shows it, with its newest fills, or can't be: then a line says why."""

    def __init__(self, run_id: str, found: PerformanceView | str, run: RunView | str) -> None:
        super().__init__()
        self.run_id, self.found, self.run = run_id, found, run


class ComparisonRead(Message):
    """Runs were read side by side, or can't be: then ``found`` says why in one line."""

    def __init__(self, run_ids: tuple[str, ...], found: ComparisonView | str) -> None:
        super().__init__()
        self.run_ids, self.found = run_ids, found


class PollerStopped(Message):
    """The poller met something it has no word for."""

    def __init__(self, failure: BaseException) -> None:
        super().__init__()
        self.failure = failure


class SeriesRead(Message):
    """A bar file was read in full, or can't be: then ``found`` says why in one line.

    bars : what of it can be drawn, None where that can't be read
    """

    def __init__(self, key: BarKey, found: SeriesView | str, bars: Shown | None = None) -> None:
        super().__init__()
        self.key, self.found, self.bars = key, found, bars


class ScoresRead(Message):
    """The scores of signals were read, or can't be: then ``found`` says why in one line."""

    def __init__(self, found: OutcomesView | str) -> None:
        super().__init__()
        self.found = found


class WhyRead(Message):
    """A decision was read, or can't be: then ``found`` says why in one line; asked : run, symbol and instant."""

    def __init__(self, asked: tuple[str, str | None, int | None], found: WhyView | str) -> None:
        super().__init__()
        self.asked, self.found = asked, found
