"""Where a BulkDataURI leads: below the backend that gave it, or nowhere."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.backends.bulkdata_location import is_below, relative_location
from gateway.dicom.resources import Resource

BASE = "http://orthanc:8042/dicom-web"
INSTANCE = Resource("1.2", "1.2.3", "1.2.3.4")
SERIES = Resource("1.2", "1.2.3")
STUDY = Resource("1.2")
BULK = "studies/1.2/series/1.2.3/instances/1.2.3.4/bulk/60003000"


def located(uri: str, requested: Resource = INSTANCE, base: str = BASE) -> str | None:
    return relative_location(uri, base, requested)


@pytest.mark.parametrize(
    "uri",
    [
        f"{BASE}/{BULK}",
        f"http://ORTHANC:8042/dicom-web/{BULK}",
        f"/dicom-web/{BULK}",
        "bulk/60003000",
        "../1.2.3.4/bulk/60003000",
        "../" * 7 + "dicom-web/" + BULK,
        f"//orthanc:8042/dicom-web/{BULK}",
    ],
)
def test_a_uri_at_the_backend_is_its_path_below_the_base(uri: str) -> None:
    assert located(uri) == BULK


def test_a_relative_uri_is_relative_to_the_metadata_it_was_found_in() -> None:
    assert located("instances/1.2.3.4/bulk/1", SERIES) == (
        "studies/1.2/series/1.2.3/instances/1.2.3.4/bulk/1"
    )
    assert located("series/1.2.3/instances/1.2.3.4/bulk/1", STUDY) == (
        "studies/1.2/series/1.2.3/instances/1.2.3.4/bulk/1"
    )
    assert located("../../bulkdata/abc", STUDY) == "bulkdata/abc"


@pytest.mark.parametrize(
    "uri",
    [
        f"http://127.0.0.1:8042/dicom-web/{BULK}",
        f"https://orthanc:8042/dicom-web/{BULK}",
        f"http://orthanc/dicom-web/{BULK}",
        f"https://archive.internal/dcm4chee-arc/aets/DCM4CHEE/rs/{BULK}",
        f"//archive.internal/rs/{BULK}",
        f"/other/prefix/{BULK}",
    ],
)
def test_an_archive_that_knows_itself_by_another_name_is_understood(uri: str) -> None:
    assert located(uri) == BULK
    assert located(uri, SERIES) == BULK
    assert located(uri, STUDY) == BULK


def test_a_query_is_kept_as_it_is() -> None:
    uri = "http://elsewhere/" + BULK + "?sig=a%2Bb%2f&offset=132"

    assert located(f"{BASE}/bulkdata/x?path=a%2Fb") == "bulkdata/x?path=a%2Fb"
    assert located(uri) == BULK + "?sig=a%2Bb%2f&offset=132"


@pytest.mark.parametrize(
    "uri",
    [
        *("http://evil.example/", "http://evil.example/bulkdata/abc", "http://orthanc:8042/other"),
        *("http://evil.example/studies/1.2", "file:///etc/passwd", "ftp://orthanc/" + BULK),
        *("javascript:alert(1)", "http://[::1", "http://orthanc:99999/dicom-web/" + BULK, ""),
        *(f"{BASE}", f"{BASE}/", f"{BASE}x/bulkdata/1", "http://elsewhere/xstudies/1.2/series/1/b"),
        *(f"{BASE}/{BULK}#fragment\\", f"{BASE}/bulk\\60", "bulk/ 6", "bulk/\r\nX: y", "bulk/\x00"),
        *("..", "../../../../../../../etc/passwd", f"{BASE}/a/../../admin", f"{BASE}/%2e%2e/admin"),
        *(f"{BASE}/a/..%2fadmin", f"{BASE}/a/%2E./admin", f"{BASE}/a%5c..%5cadmin", f"{BASE}//x"),
        *(f"{BASE}/%252e%252e/x", f"{BASE}/a/..;/admin", f"{BASE}/a/..%3bx/admin", f"{BASE}/é"),
        *(f"{BASE}/bulk/{'x' * 9000}", f"http://elsewhere/{BULK}/../../../x"),
    ],
)
def test_what_leads_elsewhere_is_nowhere(uri: str) -> None:
    assert located(uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        f"{BASE}/studies/9.9/series/1.2.3/instances/1.2.3.4/bulk/1",
        f"{BASE}/studies/1.2/series/9.9/instances/1.2.3.4/bulk/1",
        f"{BASE}/studies/1.2/series/1.2.3/instances/9.9/bulk/1",
        "http://elsewhere/studies/9.9/series/1.2.3/instances/1.2.3.4/bulk/1",
        "../9.9/bulk/1",
        f"{BASE}/store/studies/9.9/series/1.2.3/instances/1.2.3.4/bulk/1",
        "/dicom-web/store/studies/1.2/series/9.9",
        f"{BASE}/studies/9.9/series/1.2.3/instances/1.2.3.4/bulk/1?x=/studies/1.2/series/1.2.3",
        f"{BASE}/%73tudies/9.9/series/1.2.3/instances/1.2.3.4/bulk/1",
        f"{BASE}/studies/9.9/studies/1.2/series/1.2.3/instances/1.2.3.4/bulk/1",
    ],
)
def test_another_patients_bulk_data_is_nowhere(uri: str) -> None:
    assert located(uri) is None


def test_a_base_at_the_root_of_its_host_has_all_below_it() -> None:
    assert located(f"http://pacs/{BULK}", base="http://pacs") == BULK
    assert located("https://pacs:443/x/y", base="https://pacs") == "x/y"


@pytest.mark.parametrize("location", [BULK, "bulkdata/abc", "x?a=../b", "x?u=http://y", "a%20b"])
def test_a_path_below_the_base_is_below(location: str) -> None:
    assert is_below(location)


@pytest.mark.parametrize(
    "location",
    [
        *("", "/", "/x", "//evil/x", "http://evil/x", "http:x", "..", "../x", "x/..", "x/../y"),
        *("./x", "x//y", "x/", "x\\y", "x#y", "x y", "é", "%2e%2e/x", "x/%2E%2e/y", "x%2fy"),
        *("x%5Cy", "x%00", "x%252fy", "..;a/x", "x\n"),
    ],
)
def test_a_path_that_may_lead_out_of_the_base_is_not(location: str) -> None:
    assert not is_below(location)


@settings(deadline=None)
@given(st.text(alphabet="./\\%2eEfF5cC;:?#ab@ ", max_size=24))
def test_whatever_is_found_stays_below_the_base(uri: str) -> None:
    location = located(uri)

    assert location is None or is_below(location)
