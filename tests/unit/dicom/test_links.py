"""Which resource a RetrieveURL leads to, on whatever host."""

import pytest

from gateway.dicom.links import resource_at
from gateway.dicom.resources import Resource


@pytest.mark.parametrize(
    ("url", "resource"),
    [
        ("http://inner:8080/rs/studies/1.2", Resource("1.2")),
        ("studies/1.2/", Resource("1.2")),
        ("/rs/studies/1.2/series/1.3?x=studies/9", Resource("1.2", "1.3")),
        ("https://a/studies/b/studies/1.2/series/1.3/instances/1.4", Resource("1.2", "1.3", "1.4")),
    ],
)
def test_the_end_of_a_path_names_the_resource(url: str, resource: Resource) -> None:
    assert resource_at(url) == resource


@pytest.mark.parametrize(
    "url",
    [
        "",
        "null",
        "http://inner/studies",
        "http://inner/studies/null",
        "http://inner/studies/1.2/series/undefined",
        "http://inner/studies/1.2/instances/1.4",
        "http://inner/studies/1.2/metadata",
        "http://inner/studies/1 2",
        "http://inner/wado?studyUID=1.2",
    ],
)
def test_what_names_no_resource_leads_nowhere(url: str) -> None:
    assert resource_at(url) is None
