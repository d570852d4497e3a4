from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.sources import address
from pipeline.sources.catalogue import (
    CatalogueError,
    Consent,
    Source,
    joined,
    read_sources,
    read_takedowns,
)

HEADER = "id,address,start_s,end_s,vocalization,age_months,source,licence,consent,note\n"
KINDS = ("cry", "laugh")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


def sources(root: Path, text: str, header: str = HEADER) -> list[Source]:
    (root / "data/sources.csv").write_text(header + text, encoding="utf-8")
    return read_sources(root, KINDS)


def complaints(root: Path, text: str, header: str = HEADER) -> list[str]:
    with pytest.raises(CatalogueError) as error:
        sources(root, text, header)
    return str(error.value).splitlines()


def test_the_shipped_catalogue_is_empty_and_valid(project: Path) -> None:
    header = (project / "data/sources.csv").read_text().splitlines()[0]
    assert set(header.split(",")) == set(Source.model_fields)
    read_sources(project, KINDS)
    read_takedowns(project)


def test_rows_are_typed(root: Path) -> None:
    rows = sources(
        root,
        "# a remark, and an empty line\n\n"
        "a_1,clips/anna 1.mp4,1.5,4,cry,7,anna,CC-BY-4.0,parental,\n"
        'b,"https://example.org/v?a=1,2",,,laugh,,,,platform_cc,"two\nlines, quoted"\n',
    )
    assert rows[0] == Source(
        id="a_1",
        address="clips/anna 1.mp4",
        start_s=1.5,
        end_s=4.0,
        vocalization="cry",
        age_months=7.0,
        source="anna",
        licence="CC-BY-4.0",
        consent=Consent.PARENTAL,
    )
    assert rows[1].address == "https://example.org/v?a=1,2"
    assert (rows[1].start_s, rows[1].age_months, rows[1].source) == (None, None, "b")
    assert rows[1].note == "two\nlines, quoted"


@pytest.mark.parametrize(("given", "middle"), [("3-6", 4.5), ("0 - 12", 6.0), ("2.5", 2.5)])
def test_an_age_may_be_a_band(root: Path, given: str, middle: float) -> None:
    (row,) = sources(root, f"a,a.mp4,,,cry,{given},,,parental,\n")
    assert row.age_months == middle


@pytest.mark.parametrize("given", ["6-3", "50-70", "3-", "-3", "3-6-9"])
def test_a_band_that_is_none_is_refused(root: Path, given: str) -> None:
    (said,) = complaints(root, f"a,a.mp4,,,cry,{given},,,parental,\n")
    assert "column age_months" in said
    assert "a number from 0 to 60, a band such as 3-6, or nothing" in said


def test_columns_may_stand_in_any_order_and_optional_ones_may_lack(root: Path) -> None:
    header = "\ufeffconsent, vocalization,id,address\n"
    (row,) = sources(root, "none,cry,a,x.mp4\n", header)
    assert (row.id, row.consent) == ("a", Consent.NONE)


def test_every_error_is_listed_at_once_with_line_column_and_what_is_allowed(root: Path) -> None:
    found = complaints(
        root,
        "Anna,a.mp4,,,cry,,,,parental,\n"  # 2
        "# remark\n"  # 3
        "ok,a.mp4,,,cry,,,,parental,\n"  # 4
        "ok,b.mp4,,,cry,,,,parental,\n"  # 5
        "b,ftp://x/y,-1,nan,howl,400,two words,,maybe,\n"  # 6
        "c,a.mp4,5,2,cry,,,,parental,\n"  # 7
        "d,a.mp4,,,cry\n"  # 8
        "e,,,,,,,,,\n",  # 9
    )
    where = [line.split(": ")[1] for line in found]
    assert where == [
        "line 2, column id",
        "line 5, column id",
        *(
            f"line 6, column {column}"
            for column in ("address", "consent", "start_s", "end_s", "age_months", "source")
        ),
        "line 7",
        "line 8",
        "line 9, column address",
        "line 9, column consent",
    ]
    text = "\n".join(found)
    assert "data/sources.csv: line 2, column id: 'Anna' is not allowed; matches [a-z0-9]" in text
    assert "'ok' stands in line 4 already" in text
    assert "'maybe' is not allowed; one of parental, platform_cc, public_domain" in text
    assert "end_s 2 is not after start_s 5" in text
    assert "has 5 columns, the header has 10" in text


def test_a_vocalization_that_params_do_not_know_is_refused_with_those_they_know(root: Path) -> None:
    (found,) = complaints(root, "a,a.mp4,,,howl,,,,none,\n")
    assert found == (
        "data/sources.csv: line 2, column vocalization: 'howl' is not allowed; "
        "one of cry, laugh (vocalizations in params.yaml)"
    )


def test_an_error_in_a_field_of_several_lines_does_not_move_the_next_lines(root: Path) -> None:
    found = complaints(root, 'a,a.mp4,,,cry,,,,none,"x\ny\nz"\nB,a.mp4,,,cry,,,,none,\n')
    assert [line.split(": ")[1] for line in found] == ["line 5, column id"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            "id,adress,vocalization,consent\n",
            ["no such column 'adress'", "lacks the column address"],
        ),
        ("id,address,consent\n", ["lacks the column vocalization"]),
        ("id,id,address,vocalization,consent\n", ["names 'id' twice"]),
        ("", ["lacks the column"]),
    ],
)
def test_a_wrong_header_is_explained(root: Path, header: str, words: list[str]) -> None:
    text = "\n".join(complaints(root, "", header))
    assert all(word in text for word in words)


def test_what_is_no_table_is_explained(root: Path) -> None:
    with pytest.raises(CatalogueError, match=r"data/sources\.csv: not found"):
        read_sources(root, KINDS)
    (root / "data/sources.csv").write_bytes(HEADER.encode() + b"a,\xff,,,cry,,,,none,\n")
    with pytest.raises(CatalogueError, match="line 2: not UTF-8"):
        read_sources(root, KINDS)
    assert "not CSV" in complaints(root, 'a,"open,,,cry,,,,none,\n')[0]


@pytest.mark.parametrize(
    "text",
    [
        *("..", "a/b", "-x", "a\x00b", "CON:", "é", "a" * 65, "A", "_a", "a b", "<script>", "=1+1"),
        *("../../etc/passwd", "a\u202eb", "a.mp4", "%00"),
    ],
)
def test_a_strangers_text_is_no_id(root: Path, text: str) -> None:
    assert "column id" in complaints(root, f'"{text}",a.mp4,,,cry,,,,none,\n')[0]


@pytest.mark.parametrize(
    "text",
    [
        *("ftp://a/b", "file:///etc/passwd", "nursery:cry_1", "https://", "http://user:pw@host/x"),
        *("javascript:alert(1)", "data:video/mp4;base64,AA", "concat:a|b", "a\tb", "x" * 2001),
    ],
)
def test_addresses_that_are_refused(root: Path, text: str) -> None:
    assert "column address" in complaints(root, f'a,"{text}",,,cry,,,,none,\n')[0]


@pytest.mark.parametrize("text", ["a b.mp4", "/abs/a.mp4", "../a.mp4", "-x.mp4", "HTTPS://h/x"])
def test_addresses_that_are_taken(root: Path, text: str) -> None:
    assert sources(root, f'a,"{text}",,,cry,,,,none,\n')[0].address == text


def test_sections_of_one_recording_share_a_source(root: Path) -> None:
    rows = sources(
        root,
        "a,https://youtu.be/abcdefghijk,0,5,cry,,,,none,\n"
        "b,https://www.youtube.com/watch?v=abcdefghijk&t=9,9,12,cry,,,,none,\n"
        "c,x.mp4,0,5,cry,,,,none,\n"
        "d,./x.mp4,5,9,cry,,dora,,none,\n"
        "e,y.mp4,,,cry,,,,none,\n",
    )
    assert [row.source for row in rows] == ["a", "a", "dora", "dora", "e"]


@pytest.mark.parametrize(
    "group",
    [
        (
            "https://www.youtube.com/watch?v=-1q7jA3DXQM",
            "http://youtu.be/-1q7jA3DXQM?t=4",
            "https://m.youtube.com/shorts/-1q7jA3DXQM/",
            "https://www.youtube-nocookie.com/embed/-1q7jA3DXQM",
        ),
        ("https://Example.org/a/", "http://www.example.org/a#t=3", "https://example.org:443/a"),
        ("clips/a.mp4", "./clips/a.mp4", "clips//a.mp4"),
        ("https://example.org/a?x=1",),
        ("https://example.org/A",),
        ("https://example.org:8443/a",),
    ],
)
def test_spellings_of_one_address_are_the_same(group: tuple[str, ...]) -> None:
    assert len({address.same(text) for text in group}) == 1
    others = ("https://example.org/b", "clips/b.mp4", "https://youtu.be/aaaaaaaaaaa")
    assert all(address.same(one) != address.same(group[0]) for one in others)


def test_takedowns_name_an_id_or_an_address(root: Path) -> None:
    assert read_takedowns(root) == []
    path = root / "data/takedowns.csv"
    path.write_text(
        "id,address,date,reason\na,,2026-02-11,asked\n,http://youtu.be/abcdefghijk,2026-02-12,\n"
    )
    rows = sources(
        root,
        "a,x.mp4,,,cry,,,,none,\nb,x.mp4,,,cry,,,,none,\n"
        "c,https://www.youtube.com/watch?v=abcdefghijk,0,1,cry,,,,none,\n"
        "d,https://www.youtube.com/watch?v=abcdefghijk,1,2,cry,,,,none,\n",
    )
    takedowns = read_takedowns(root)
    covered = [row.id for row, it in itertools.product(rows, takedowns) if it.covers(row)]
    assert covered == ["a", "c", "d"]


def test_a_takedown_may_name_digests_alone(root: Path) -> None:
    path = root / "data/takedowns.csv"
    one, other = "0" * 63 + "a", "b" * 64
    path.write_text(f"digest,date\n{one} {other},2026-02-11\n{one},2026-02-11\n")
    assert [row.digest for row in read_takedowns(root)] == [(one, other), (one,)]
    path.write_text("digest,date\nabc,2026-02-11\n")
    with pytest.raises(CatalogueError, match="line 2, column digest: 'abc' is not allowed"):
        read_takedowns(root)


def test_every_error_of_the_takedowns_is_listed(root: Path) -> None:
    (root / "data/takedowns.csv").write_text(
        "id,address,date,reason\na,,yesterday,\n,,2026-01-01,\nA,,2026-01-01,\n"
    )
    with pytest.raises(CatalogueError) as error:
        read_takedowns(root)
    lines = str(error.value).splitlines()
    assert "line 2, column date: 'yesterday' is not allowed; a date such as" in lines[0]
    assert "line 3: names neither an id nor an address nor a digest" in lines[1]
    assert "line 4, column id" in lines[2]


def test_the_nursery_may_not_take_an_id(root: Path) -> None:
    rows = sources(root, "a,x.mp4,,,cry,,,,none,\n")
    with pytest.raises(CatalogueError, match="choose other ids"):
        joined(rows, [SimpleNamespace(id="a")])  # type: ignore[list-item]


def test_a_complaint_does_not_repeat_where_a_video_is(root: Path) -> None:
    (told,) = complaints(root, "a,https://user:secret@example.org/v,,,cry,,,,none,\n")
    assert "column address" in told
    assert "example.org" not in told
