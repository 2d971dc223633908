"""Storage for tests that need no disk."""

from __future__ import annotations

import pytest

from tests.memory_storage import MemoryStorage


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture(scope="session")
def new_storage() -> type[MemoryStorage]:
    return MemoryStorage
