"""The keys of a search over one archive, whatever it ignores and refuses."""

import pytest

from tests.fakes.row_archive import (
    CONTEXT,
    RowArchive,
    numbers_of,
    search_for,
    search_in,
    service_of,
    studies,
    study,
)

MORE = "There are additional results that can be requested"
UNMATCHED = "The archive does not match these parameters, its results were matched afterwards"
UNDECIDED = "Whether the results match these parameters is not known"


async def test_a_key_that_the_archive_ignores_is_matched_and_told_of() -> None:
    rows = [study(number, t00100020="AB"[number % 2]) for number in range(40)]
    archive = RowArchive(rows=rows, ignored=frozenset({"00100020"}))

    result = await search_in(archive, "00100020=B&limit=3&offset=4")

    assert numbers_of(result.rows) == [9, 11, 13]
    assert result.warnings == (f"{UNMATCHED}: 00100020", MORE)


async def test_a_key_that_the_archive_refuses_is_matched_and_told_of() -> None:
    rows = [study(number, t00101010="AB"[number % 2]) for number in range(40)]
    archive = RowArchive(rows=rows, refused=frozenset({"PatientAge"}))

    result = await search_in(archive, "PatientAge=B&limit=3&offset=1")

    assert numbers_of(result.rows) == [3, 5, 7]
    assert result.warnings == (f"{UNMATCHED}: PatientAge", MORE)


async def test_a_key_that_was_seen_to_be_ignored_spoils_no_later_page() -> None:
    rows = [study(number, t00100020="BAAAAAAA"[number]) for number in range(8)]
    archive = RowArchive(rows=rows, ignored=frozenset({"PatientID"}))
    service = service_of(archive)

    pages = [
        await service.search_backend(
            archive, search_for(f"PatientID=A&limit=3&offset={n}"), CONTEXT
        )
        for n in (0, 3, 6)
    ]

    assert [numbers_of(page.rows) for page in pages] == [[1, 2, 3], [4, 5, 6], [7]]


async def test_the_rows_that_are_looked_at_are_bounded() -> None:
    rows = [study(number, t00100020="B") for number in range(3000)]
    archive = RowArchive(rows=rows, ignored=frozenset({"PatientID"}))

    result = await search_in(archive, "PatientID=A&limit=10", most=1000)

    assert result.rows == []
    assert result.warnings == (f"{UNMATCHED}: PatientID", MORE)
    assert [query.limit for query in archive.queries] == [11, 500, 500]


async def test_a_row_that_lacks_what_others_have_does_not_match_an_ignored_key() -> None:
    rows = [study(1), study(2, t00101010="030Y"), study(3, t00101010="031Y")]
    archive = RowArchive(rows=rows, refused=frozenset({"PatientAge"}))

    assert numbers_of((await search_in(archive, "PatientAge=030Y")).rows) == [2]


async def test_a_key_that_no_row_tells_of_is_named() -> None:
    archive = RowArchive(rows=studies(2), ignored=frozenset({"00091001"}))

    result = await search_in(archive, "00091001=x")

    assert numbers_of(result.rows) == [0, 1]
    assert result.warnings == (f"{UNDECIDED}: 00091001",)


async def test_an_attribute_is_asked_for_only_where_rows_need_not_have_it() -> None:
    archive = RowArchive()

    await search_in(archive, "PatientName=a&PatientAge=1&00091001=x&ImageType=")
    await search_in(archive, "PatientAge=1&includefield=00101010")
    await search_in(archive, "PatientAge=1&includefield=all")
    await search_in(archive, "RequestAttributesSequence.ScheduledProcedureStepID=7")

    assert [query.include for query in archive.queries] == [
        (("00101010",), ("00091001",)),
        (("00101010",),),
        (),
        (("00400275",),),
    ]


async def test_what_is_no_parameter_is_named() -> None:
    result = await search_in(RowArchive(rows=studies(1)), "NotAKeyword=1&includefield=Neither")

    assert numbers_of(result.rows) == [0]
    assert result.warnings == (
        "These parameters are not supported and were ignored: NotAKeyword, Neither",
    )


async def test_a_warning_does_not_grow_with_the_query() -> None:
    text = "&".join(f"{'x' * 500}{number}=1" for number in range(300))

    (warning,) = (await search_in(RowArchive(), text)).warnings

    assert len(warning) < 2000


@pytest.mark.parametrize(
    ("text", "refused", "warnings"),
    [
        (
            "fuzzymatching=true",
            "fuzzymatching",
            (
                "The fuzzymatching parameter is not supported. "
                "Only literal matching has been performed.",
            ),
        ),
        ("fuzzymatching=false", "fuzzymatching", ()),
        (
            "includefield=all",
            "includefield",
            ("The archive does not support this includefield parameter.",),
        ),
        # Only the gateway asked for a field.
        ("PatientAge=1", "includefield", (f"{UNDECIDED}: PatientAge",)),
    ],
)
async def test_what_the_archive_was_asked_again_without_is_told(
    text: str, refused: str, warnings: tuple[str, ...]
) -> None:
    archive = RowArchive(
        rows=studies(1), refused=frozenset({refused}), ignored=frozenset({"PatientAge"})
    )

    assert (await search_in(archive, text)).warnings == warnings


async def test_fuzzy_names_are_the_archive_s_to_match() -> None:
    archive = RowArchive(rows=[study(1, t00100010="Dow")], ignored=frozenset({"PatientName"}))

    assert numbers_of((await search_in(archive, "PatientName=Doe&fuzzymatching=true")).rows) == [1]
    assert numbers_of((await search_in(archive, "PatientName=Doe&fuzzymatching=false")).rows) == []


async def test_empty_values_are_found_in_an_archive_that_does_not_look_for_them() -> None:
    rows = [study(1, t00080050="A"), study(2, t00080050=None), study(3), study(4, t00080050="B")]
    archive = RowArchive(rows=rows)

    result = await search_in(archive, 'AccessionNumber=""&emptyvaluematching=true&limit=1&offset=1')

    assert numbers_of(result.rows) == [3]
    assert archive.queries[-1].parameters()[0] == ("AccessionNumber", "")
    assert archive.queries[-1].empty_value_matching is None


async def test_two_quotation_marks_are_a_value_like_any_other_by_default() -> None:
    archive = RowArchive(rows=[study(1, t00080050=None)])

    assert (await search_in(archive, 'AccessionNumber=""')).rows == []
    assert len(archive.queries) == 1


async def test_several_values_must_all_be_there_where_the_client_says_so() -> None:
    rows = [study(number) for number in range(3)]
    for row, modalities in zip(rows, (["CT"], ["CT", "PT"], ["PT"]), strict=True):
        row["00080061"] = {"vr": "CS", "Value": modalities}

    both = await search_in(
        RowArchive(rows=rows), "ModalitiesInStudy=CT,PT&multiplevaluematching=true"
    )
    either = await search_in(RowArchive(rows=rows), "ModalitiesInStudy=CT,PT")

    assert (numbers_of(both.rows), numbers_of(either.rows)) == ([1], [0, 1, 2])
