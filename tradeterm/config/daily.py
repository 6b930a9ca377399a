"""Settings of the daily run: what drift is worth a warning."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from tradeterm.config.marks import Face, Section

__all__ = ["Daily", "DriftLines"]


class DriftLines(Section):
    """Where drift begins to matter."""

    moderate: Face[Annotated[float, Field(gt=0)]]
    """Population stability index that is called moderate."""
    major: Face[Annotated[float, Field(gt=0)]]
    """Index that is called major."""
    hit_rate_z: Face[Annotated[float, Field(gt=0)]]
    """Distance of hits from the backtested probabilities that is called major, standard deviations."""
    least: Face[Annotated[int, Field(ge=1)]]
    """Values below which nothing is judged."""
    window: Face[Annotated[int, Field(ge=1)]]
    """Newest decisions that are compared with what was there before."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.moderate > self.major:
            raise ValueError("moderate <= major is needed")
        return self


class Daily(Section):
    """The daily run."""

    drift: DriftLines
    """What drift is worth a warning."""
