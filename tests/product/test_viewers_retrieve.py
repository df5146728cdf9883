"""Each viewer's requests for frames, files and bulk data, as it sends them, read as it reads them.

In front of a real Orthanc. A body is taken apart by the rules of the client that asked for it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.exact_requests import Answer, Headers, exchange
from tests.fakes.gateway import Gateway, gateway_before
from tests.fakes.orthanc import Orthanc
from tests.fakes.sample_studies import PDF, PROFILE, Sample, Samples
from tests.fakes.viewer_headers import BROWSER, EZ_WSI, browser
from tests.fakes.viewer_parsing import cornerstone_frame, js_client_parts, parts_by_parameter

BASE = "/dicom-web"
EXPLICIT = "1.2.840.10008.1.2.1"
KINDS = ["slice", "colour", "rle", "jpeg_ls", "jpeg_2000", "jpeg"]
REENCODED = {"1.2.840.10008.1.2.2"}

OHIF = 'multipart/related; type="application/octet-stream"; transfer-syntax="*"'
OHIF_UNQUOTED = "multipart/related; type=application/octet-stream; transfer-syntax=*"
JS_CLIENT = 'multipart/related; type="application/octet-stream"'
SLIM = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
PYTHON = 'multipart/related; type="*/*"'
MICROSOFT = 'application/octet-stream;transfer-syntax="*"'
STATIC_WADO = "*/*"

FRAME_ACCEPTS = {
    "OHIF": OHIF,
    "OHIF without quotes, Cornerstone": OHIF_UNQUOTED,
    "the JavaScript dicomweb-client": JS_CLIENT,
    "Slim, EZ-WSI": SLIM,
    "the Python dicomweb-client": PYTHON,
    "Microsoft's client": MICROSOFT,
    "OHIF with staticWado": STATIC_WADO,
    "an older OHIF, which names the syntax twice": f"{OHIF}; transfer-syntax=*",
}


@pytest.fixture
async def gateway(orthanc: Orthanc, samples: Samples) -> AsyncIterator[Gateway]:
    async with gateway_before(orthanc.dicom_web) as running:
        yield running


def sample_of(samples: Samples, kind: str) -> Sample:
    return samples.slices[2] if kind == "slice" else getattr(samples, kind)


async def asked(gateway: Gateway, target: str, headers: Headers) -> Answer:
    return await exchange(gateway.port, "GET", f"{BASE}{target}", headers)


def syntax_sent(sample: Sample) -> str:
    """How the sample leaves: as stored, but for native syntaxes that do not go over the web."""
    return EXPLICIT if sample.transfer_syntax in REENCODED else sample.transfer_syntax


def check_multipart(answer: Answer, types: tuple[str, ...]) -> list[bytes]:
    """The parts of an answer that every client can take apart, each part's head checked."""
    assert answer.headers["Content-Encoding"] is None
    assert answer.content_type.startswith("multipart/related; ")
    assert answer.body.startswith(b"--")
    parts = parts_by_parameter(answer.content_type, answer.body)
    for headers, _ in parts:
        essence, _, parameter = headers["Content-Type"].partition("; transfer-syntax=")
        assert essence in types
        assert parameter.replace(".", "").isdigit() or not parameter
        assert sum(len(name) + len(value) + 4 for name, value in headers.items()) < 900
    contents = [content for _, content in parts]
    assert js_client_parts(answer.body) == contents
    return contents


def same_frame(frame: bytes, source: bytes) -> bool:
    """An archive may pad a compressed frame, or leave out the padding, which is none of it."""
    return frame.rstrip(b"\0") == source.rstrip(b"\0")


@pytest.mark.parametrize("accept", FRAME_ACCEPTS.values(), ids=list(FRAME_ACCEPTS))
@pytest.mark.parametrize("kind", KINDS)
async def test_cornerstone_decodes_the_frame_that_any_client_gets(
    gateway: Gateway, samples: Samples, kind: str, accept: str
) -> None:
    sample = sample_of(samples, kind)
    answer = await asked(gateway, f"{sample.path}/frames/1", browser(accept))

    assert answer.status == 200, answer.body
    frame = cornerstone_frame(answer.content_type, answer.body)
    assert frame.transfer_syntax == syntax_sent(sample)
    assert same_frame(frame.pixels, sample.frames[0])
    if accept == MICROSOFT:
        assert (
            answer.content_type
            == f"application/octet-stream; transfer-syntax={syntax_sent(sample)}"
        )
    else:
        types = (
            "application/octet-stream",
            "image/jpeg",
            "image/jls",
            "image/jp2",
            "image/dicom-rle",
        )
        assert len(check_multipart(answer, types)) == 1


TYPED = {
    "jpeg": ("image/jpeg", "1.2.840.10008.1.2.4.50"),
    "jpeg_ls": ("image/jls", "1.2.840.10008.1.2.4.80"),
    "jpeg_2000": ("image/jp2", "1.2.840.10008.1.2.4.90"),
    "rle": ("image/dicom-rle", "1.2.840.10008.1.2.5"),
}


@pytest.mark.parametrize("quote", ['"', ""], ids=["quoted", "unquoted"])
@pytest.mark.parametrize(("kind", "named"), TYPED.items())
async def test_a_frame_is_labelled_with_the_type_and_syntax_that_were_asked_for(
    gateway: Gateway, samples: Samples, kind: str, named: tuple[str, str], quote: str
) -> None:
    """OHIF with requestTransferSyntaxUID, and the JavaScript client with mediaTypes."""
    sample, (essence, syntax) = sample_of(samples, kind), named
    accept = f'multipart/related; type="{essence}"; transfer-syntax={quote}{syntax}{quote}'
    answer = await asked(gateway, f"{sample.path}/frames/1", browser(accept))

    assert answer.status == 200, answer.body
    assert f'type="{essence}"' in answer.content_type
    ((headers, frame),) = parts_by_parameter(answer.content_type, answer.body)
    assert headers["Content-Type"] == f"{essence}; transfer-syntax={syntax}"
    assert same_frame(frame, sample.frames[0])


async def test_of_a_list_of_types_the_one_that_is_stored_is_sent(
    gateway: Gateway, samples: Samples
) -> None:
    """The JavaScript and Python clients list what their viewer decodes."""
    accept = ", ".join(
        f'multipart/related; type="{essence}"; transfer-syntax={syntax}'
        for essence, syntax in TYPED.values()
    )
    for kind, (essence, syntax) in TYPED.items():
        sample = sample_of(samples, kind)
        answer = await asked(gateway, f"{sample.path}/frames/1", browser(accept))
        ((headers, _),) = parts_by_parameter(answer.content_type, answer.body)
        assert headers["Content-Type"] == f"{essence}; transfer-syntax={syntax}"


@pytest.mark.parametrize("name", ["image/dicom+jpeg", "image/x-jls", "image/x-dicom-rle"])
async def test_old_names_of_types_are_understood(
    gateway: Gateway, samples: Samples, name: str
) -> None:
    kind = {"image/dicom+jpeg": "jpeg", "image/x-jls": "jpeg_ls", "image/x-dicom-rle": "rle"}[name]
    sample = sample_of(samples, kind)
    answer = await asked(
        gateway, f"{sample.path}/frames/1", browser(f'multipart/related; type="{name}"')
    )
    assert answer.status == 200
    frame = cornerstone_frame(answer.content_type, answer.body)
    assert frame.transfer_syntax == sample.transfer_syntax


async def test_what_a_url_says_of_the_type_wins_over_the_header(
    gateway: Gateway, samples: Samples
) -> None:
    sample = samples.slices[0]
    target = f"{sample.path}/frames/1?accept=application%2Foctet-stream"
    answer = await asked(gateway, target, browser('multipart/related; type="image/jpeg"'))
    assert answer.content_type == f"application/octet-stream; transfer-syntax={EXPLICIT}"
    assert answer.body == sample.frames[0]
    assert int(answer.headers["Content-Length"]) == len(sample.frames[0])


@pytest.mark.parametrize("query", ["lossy=jhc", "lossy=", "x", "accept_language=de&frame=7"])
async def test_parameters_that_a_loader_adds_are_ignored(
    gateway: Gateway, samples: Samples, query: str
) -> None:
    sample = samples.jpeg_2000
    plain = await asked(gateway, f"{sample.path}/frames/1", browser(OHIF))
    answer = await asked(gateway, f"{sample.path}/frames/1?{query}", browser(OHIF))
    assert (answer.status, answer.body) == (200, plain.body)


async def test_many_frames_in_one_request_are_as_many_parts(
    gateway: Gateway, samples: Samples
) -> None:
    for sample in (samples.colour, samples.rle):
        numbers = [*range(len(sample.frames), 0, -1), 1]
        target = f"{sample.path}/frames/{','.join(map(str, numbers))}"
        answer = await asked(gateway, target, (*EZ_WSI[:2], ("Accept", SLIM)))
        frames = check_multipart(answer, ("application/octet-stream",))
        assert len(frames) == len(numbers)
        for number, frame in zip(numbers, frames, strict=True):
            assert same_frame(frame, sample.frames[number - 1])


async def test_ranges_of_one_frame_fit_together(gateway: Gateway, samples: Samples) -> None:
    """Cornerstone's partial loading: the first bytes, and then the rest of the same body."""
    target = f"{samples.jpeg_2000.path}/frames/1"
    whole = await asked(gateway, target, browser(OHIF_UNQUOTED))
    first = await asked(gateway, target, (*browser(OHIF_UNQUOTED), ("Range", "bytes=0-1023")))
    rest = await asked(gateway, target, (*browser(OHIF_UNQUOTED), ("Range", "bytes=1024-")))
    size = len(whole.body)
    assert (first.status, rest.status) == (206, 206)
    assert first.headers["Content-Range"] == f"bytes 0-1023/{size}"
    assert rest.headers["Content-Range"] == f"bytes 1024-{size - 1}/{size}"
    assert first.body + rest.body == whole.body
    assert first.content_type == rest.content_type == whole.content_type


@pytest.mark.parametrize("frame", ["5", "999999", "1,5"])
async def test_a_frame_behind_the_last_is_not_found(
    gateway: Gateway, samples: Samples, frame: str
) -> None:
    answer = await asked(gateway, f"{samples.colour.path}/frames/{frame}", browser(OHIF))
    assert (answer.status, answer.content_type) == (404, "application/problem+json")


@dataclass(frozen=True)
class File:
    """A client's request for files, and whether it wants one bare."""

    client: str
    level: str
    headers: Headers
    bare: bool = False


def multipart_of_dicom(syntax: str = "") -> str:
    return f'multipart/related; type="application/dicom"{syntax}'


FILES = [
    File("OHIF, for a segmentation", "instance", browser(multipart_of_dicom())),
    File("OHIF, for a study", "study", browser(multipart_of_dicom())),
    File(
        "the JavaScript client, with a syntax",
        "instance",
        browser(multipart_of_dicom(f"; transfer-syntax={EXPLICIT}")),
    ),
    File("Slicer", "series", (("Accept", multipart_of_dicom()),)),
    File(
        "Weasis",
        "series",
        (("Accept", 'multipart/related;type="application/dicom";transfer-syntax=*'),),
    ),
    File(
        "Microsoft's client, for an instance",
        "instance",
        (("Accept", 'application/dicom;transfer-syntax="*"'),),
        bare=True,
    ),
    File(
        "Microsoft's client, for a study",
        "study",
        (("Accept", 'multipart/related; type="application/dicom";transfer-syntax="*"'),),
    ),
    File(
        "EZ-WSI, for an instance",
        "instance",
        (*EZ_WSI[:2], ("Accept", "application/dicom; transfer-syntax=*")),
        bare=True,
    ),
    File(
        "EZ-WSI, for a series",
        "series",
        (*EZ_WSI[:2], ("Accept", 'multipart/related; transfer-syntax=*; type="application/dicom"')),
    ),
    File("dwv", "instance", browser("application/dicom"), bare=True),
]


@pytest.mark.parametrize("file", FILES, ids=[file.client for file in FILES])
async def test_files_come_whole_and_each_is_labelled(
    gateway: Gateway, samples: Samples, file: File
) -> None:
    first = samples.slices[0]
    path, instances = {
        "study": (f"/studies/{first.study}", samples.study),
        "series": (first.series_path, samples.slices),
        "instance": (first.path, [first]),
    }[file.level]
    answer = await asked(gateway, path, file.headers)

    assert answer.status == 200, answer.body
    sent = {sample.file for sample in instances if sample.transfer_syntax not in REENCODED}
    if file.bare:
        assert answer.content_type == f"application/dicom; transfer-syntax={EXPLICIT}"
        assert {answer.body} == sent
        assert int(answer.headers["Content-Length"]) == len(answer.body)
        return
    assert 'type="application/dicom"' in answer.content_type
    contents = check_multipart(answer, ("application/dicom",))
    assert len(contents) == len(instances)
    assert sent <= set(contents)


async def test_weasis_fetches_a_series_by_the_url_of_its_search(
    gateway: Gateway, samples: Samples
) -> None:
    """It takes RetrieveURL for its base, and counts what comes."""
    sample = samples.slices[0]
    search = await asked(
        gateway, f"/series?0020000E={sample.series}&includefield=00081190,00201209", ()
    )
    (row,) = search.json
    url = row["00081190"]["Value"][0]
    assert url == f"{gateway.base}{sample.series_path}"
    answer = await asked(gateway, url.removeprefix(gateway.base), FILES[4].headers)
    parts = parts_by_parameter(answer.content_type, answer.body)
    assert len(parts) == row["00201209"]["Value"][0] == 5


BULK_ACCEPTS = {
    "OHIF, for a PDF": 'multipart/related; type="application/pdf", '
    'multipart/related; type="application/octet-stream"',
    "OHIF, for a video": JS_CLIENT,
    "Slim": SLIM,
    "the Python dicomweb-client": PYTHON,
    "OHIF with singlepart or staticWado": "*/*",
    "EZ-WSI": "application/octet-stream; transfer-syntax=*",
}


async def uri_of(gateway: Gateway, sample: Sample, *tags: str) -> str:
    """The BulkDataURI of an attribute, which may lie inside of sequences."""
    answer = await asked(gateway, f"{sample.path}/metadata", browser("application/dicom+json"))
    element: Any = {"Value": answer.json}
    for tag in tags:
        element = element["Value"][0][tag]
    return str(element["BulkDataURI"])


@pytest.mark.parametrize("accept", BULK_ACCEPTS.values(), ids=list(BULK_ACCEPTS))
async def test_bulk_data_is_fetched_by_its_uri_as_it_stands(
    gateway: Gateway, samples: Samples, accept: str
) -> None:
    """The URI is absolute and the gateway's own, so that a viewer sends its token there."""
    for uri, value in (
        (await uri_of(gateway, samples.document, "00420011"), PDF),
        (await uri_of(gateway, samples.colour, "00480105", "00282000"), PROFILE),
    ):
        assert uri.startswith(f"{gateway.base}/studies/")
        answer = await asked(gateway, uri.removeprefix(gateway.base), browser(accept))
        assert answer.status == 200, answer.body
        if accept.startswith("application/octet-stream"):
            assert answer.content_type.startswith("application/octet-stream")
            assert answer.body[: len(value)] == value
        else:
            (content,) = check_multipart(answer, ("application/octet-stream", "application/pdf"))
            assert content[: len(value)] == value


async def test_a_range_of_bulk_data_is_a_range_of_the_body(
    gateway: Gateway, samples: Samples
) -> None:
    uri = await uri_of(gateway, samples.document, "00420011")
    target = uri.removeprefix(gateway.base)
    accept = ("Accept", "application/octet-stream")
    for asked_for, expected in (("0-", PDF), ("10-19", PDF[10:20]), ("2000-2056", PDF[2000:2057])):
        answer = await asked(gateway, target, (*BROWSER, accept, ("Range", f"bytes={asked_for}")))
        assert answer.status == 206
        assert answer.body[: len(expected)] == expected


async def test_a_store_that_lacks_the_image_lets_slim_try_the_next_one(
    gateway: Gateway, samples: Samples
) -> None:
    missing = f"{samples.slices[0].series_path}/instances/1.2.3/frames/1"
    answer = await asked(gateway, missing, browser(SLIM))
    assert (answer.status, answer.content_type) == (404, "application/problem+json")
