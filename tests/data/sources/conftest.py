"""Tests of the sources know the loopback and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from wire.guard import loopback_only
from wire.loopback import Stub

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _loopback() -> Iterator[None]:
    with loopback_only():
        yield


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A service without routes."""
    with Stub() as service:
        yield service
