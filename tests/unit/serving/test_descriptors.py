"""How many connections a process may hold."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.serving.descriptors import most_connections


@contextmanager
def descriptors(soft: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("soft", [512, 1024])
def test_more_descriptors_are_asked_for_and_half_of_them_left_for_all_else(soft: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with descriptors(soft):
        most = most_connections()
        granted = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert granted == (65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536))
    assert most == granted // 2
