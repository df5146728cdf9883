"""The archives that product tests put behind the gateway."""

from collections.abc import Iterator

import pytest

from tests.fakes.orthanc import Orthanc, running_orthanc
from tests.fakes.sample_studies import Samples, make_samples


@pytest.fixture(scope="session")
def orthanc() -> Iterator[Orthanc]:
    """One Orthanc for the whole run; tests share it, so each loads studies of its own."""
    with running_orthanc() as running:
        yield running


@pytest.fixture
def empty_orthanc() -> Iterator[Orthanc]:
    """An Orthanc that nobody else uses and that holds nothing yet."""
    with running_orthanc() as running:
        yield running


@pytest.fixture(scope="session")
def samples(orthanc: Orthanc) -> Samples:
    """What the shared Orthanc holds for tests that only read."""
    made = make_samples()
    for sample in made:
        orthanc.load(sample.file)
    return made
