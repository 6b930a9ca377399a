"""The headless pipeline: refresh, validate, train if due, predict, realise, backtest snapshot, report."""

from tradeterm.daily.run import STEPS, DailyResult, Planned, StepResult, plan_daily, run_daily

__all__ = ["STEPS", "DailyResult", "Planned", "StepResult", "plan_daily", "run_daily"]
