"""The C library's allocator may be asked anywhere."""

import ctypes

import pytest

from gateway.serving.allocator import keep_freed_memory


def test_freed_memory_is_kept_where_the_c_library_can() -> None:
    keep_freed_memory()


def test_a_c_library_without_that_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    keep_freed_memory()
