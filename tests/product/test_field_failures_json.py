"""JSON that archives write and that no strict reader takes; what is wrong spoils nothing else."""

import json
from typing import Any, NoReturn

import pytest

from tests.fakes.gateway import Gateway
from tests.fakes.pacs import Reply
from tests.fakes.pacs_answers import (
    DICOM_JSON,
    INSTANCE,
    ROOT,
    SERIES_PATH,
    behind_a_pacs,
    metadata,
)

METADATA = f"{SERIES_PATH}/metadata"


def strictly(body: bytes) -> Any:
    """JSON of RFC 8259 and nothing more: Python's own reader takes NaN unless told."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"a bare {constant}")

    return json.loads(body.decode("utf-8"), parse_constant=refuse)


async def answered(gateway: Gateway, path: str) -> list[dict[str, Any]]:
    async with gateway.get(path) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == DICOM_JSON
        found: list[dict[str, Any]] = strictly(await response.read())
        return found


async def through_the_gateway(text: str | bytes, path: str = METADATA) -> list[dict[str, Any]]:
    """What leaves where the archive's answer is `text`."""
    body = text if isinstance(text, bytes) else text.encode()
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + path, Reply(headers={"Content-Type": DICOM_JSON}, body=body))
        return await answered(gateway, path)


def series_with(attribute: str) -> str:
    """Three instances, of which the second has an attribute of raw JSON text."""
    datasets = [metadata(x00080018={"vr": "UI", "Value": [f"{INSTANCE}.{n}"]}) for n in (1, 2, 3)]
    texts = [json.dumps(dataset) for dataset in datasets]
    texts[1] = texts[1][:-1] + "," + attribute + "}"
    return "[" + ",".join(texts) + "]"


def shows_all_three(datasets: list[dict[str, Any]]) -> dict[str, Any]:
    """The second of three instances, none of which is missing."""
    uids = [dataset["00080018"]["Value"] for dataset in datasets]
    assert uids == [[f"{INSTANCE}.{number}"] for number in (1, 2, 3)]
    return datasets[1]


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("[NaN, -Infinity, 1.0]", ["NaN", "-Infinity", 1.0]),
        ("[nan, -inf, 1.0]", ["NaN", "-Infinity", 1.0]),
        ('["-Infinity", -1]', ["-Infinity", -1]),
        ('["NaN", "inf", "Infinity", 2]', ["NaN", "Infinity", "Infinity", 2]),
        ("[Infinity, 1e400, 0.5]", ["Infinity", "Infinity", 0.5]),
        ("[1, null, 2]", [1, None, 2]),
        ('["1.5", "-2"]', [1.5, -2]),
    ],
)
@pytest.mark.parametrize("vr", ["FL", "FD"])
@pytest.mark.parametrize("tag", ["00189313", "00091001"])
async def test_a_number_that_is_none_stays_in_its_place_as_text(
    tag: str, vr: str, written: str, values: list[Any]
) -> None:
    """https://github.com/microsoft/dicom-server/issues/3530"""
    attribute = f'"{tag}":{{"vr":"{vr}","Value":{written}}}'
    second = shows_all_three(await through_the_gateway(series_with(attribute)))

    assert second[tag] == {"vr": vr, "Value": values}


async def test_a_number_that_is_none_inside_of_a_sequence_is_text_too() -> None:
    attribute = '"00189346":{"vr":"SQ","Value":[{"00189324":{"vr":"FD","Value":[NaN]}}]}'
    second = shows_all_three(await through_the_gateway(series_with(attribute)))

    assert second["00189346"]["Value"][0]["00189324"]["Value"] == ["NaN"]


async def test_words_that_look_like_numbers_stay_as_they_are_inside_of_texts() -> None:
    attribute = '"00104000":{"vr":"LT","Value":["NaN, -Infinity \\" nan"]},"00189313":'
    attribute += '{"vr":"FD","Value":[NaN]}'
    second = shows_all_three(await through_the_gateway(series_with(attribute)))

    assert second["00104000"]["Value"] == ['NaN, -Infinity " nan']


@pytest.mark.parametrize(
    ("tag", "vr", "written", "values"),
    [
        ("00200011", "IS", '["1.0"]', ["1.0"]),
        ("00200011", "IS", '["7"]', [7]),
        ("00091002", "IS", '["2.5"]', ["2.5"]),
        ("00091002", "IS", "[2.5]", ["2.5"]),
        ("00091003", "DS", '["abc"]', ["abc"]),
        ("00180050", "DS", '["1.23456789012345678"]', ["1.23456789012345678"]),
        ("00180050", "DS", '["0.1234567890123456789012"]', ["0.1234567890123456789012"]),
        ("00180050", "DS", '["1.5", "x", "2"]', [1.5, "x", 2]),
        ("00180050", "DS", "[1.5]", [1.5]),
        ("00200013", "IS", '["99999999999999999999"]', ["99999999999999999999"]),
        ("00280010", "US", '["512"]', [512]),
    ],
)
async def test_a_value_that_breaks_its_vr_stays_as_text_and_spoils_nothing(
    tag: str, vr: str, written: str, values: list[Any]
) -> None:
    """https://github.com/pydicom/pydicom/issues/1693"""
    attribute = f'"{tag}":{{"vr":"{vr}","Value":{written}}}'
    second = shows_all_three(await through_the_gateway(series_with(attribute)))

    assert second[tag] == {"vr": vr, "Value": values}


@pytest.mark.parametrize("path", [METADATA, f"{SERIES_PATH}/instances"])
@pytest.mark.parametrize(
    ("written", "left"),
    [
        ('{"vr":"DS","Value":[""]}', {"vr": "DS"}),
        ('{"vr":"DS","Value":[null]}', {"vr": "DS"}),
        ('{"vr":"DS","Value":[]}', {"vr": "DS"}),
        ('{"vr":"DS","Value":null}', {"vr": "DS"}),
        ('{"vr":"DS","Value":""}', {"vr": "DS"}),
        ('{"vr":"DS"}', {"vr": "DS"}),
        ('{"vr":"DS","Value":["1","","3"]}', {"vr": "DS", "Value": [1, None, 3]}),
        ('{"vr":"DS","Value":[1,null,3]}', {"vr": "DS", "Value": [1, None, 3]}),
        ('{"vr":"DS","Value":"1\\\\\\\\3"}', {"vr": "DS", "Value": [1, None, 3]}),
    ],
)
async def test_what_is_empty_says_so_and_what_is_partly_empty_keeps_its_places(
    path: str, written: str, left: dict[str, Any]
) -> None:
    """https://github.com/pydicom/pydicom/issues/2221"""
    second = shows_all_three(await through_the_gateway(series_with(f'"00101030":{written}'), path))

    assert second["00101030"] == left


@pytest.mark.parametrize("vr", ["ST", "DA", "SQ", "PN", "UI", "TM", "LO", "OB", "UN", "AT", "FD"])
@pytest.mark.parametrize("value", ["", ',"Value":[]', ',"Value":[null]', ',"Value":[""]'])
async def test_an_empty_attribute_of_any_kind_is_its_vr_alone(vr: str, value: str) -> None:
    attribute = f'"00091010":{{"vr":"{vr}"{value}}}'
    second = shows_all_three(await through_the_gateway(series_with(attribute)))

    if vr == "SQ" and "[]" not in value and value:
        assert second["00091010"] == {"vr": "SQ", "Value": [{}]}
    else:
        assert second["00091010"] == {"vr": vr}


@pytest.mark.parametrize("name", ["[{}]", '[{"Alphabetic":""}]', "[null]", '[""]'])
async def test_an_empty_name_is_its_vr_alone(name: str) -> None:
    attribute = f'"00100010":{{"vr":"PN","Value":{name}}}'
    second = shows_all_three(await through_the_gateway(series_with(attribute)))

    assert second["00100010"] == {"vr": "PN"}


async def test_text_in_an_archives_own_character_set_leaves_as_unicode() -> None:
    attribute = '"00080005":{"vr":"CS","Value":["ISO_IR 100"]},'
    attribute += '"00100010":{"vr":"PN","Value":[{"Alphabetic":"Müller"}]}'
    second = shows_all_three(await through_the_gateway(series_with(attribute).encode("latin-1")))

    assert second["00100010"]["Value"] == [{"Alphabetic": "Müller"}]
    assert second["00080005"]["Value"] == ["ISO_IR 192"]
