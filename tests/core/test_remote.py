"""A store elsewhere: what is missing moves, whole and checked, and nothing that was taken back."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pipeline.core import remote as module
from pipeline.core import vault
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.core.remote import Held, Remote, RemoteError, pull, push
from pipeline.core.store import Entry, Failure, Store

BUCKET = "study"


def digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


ANNA, BEN = digest("anna"), digest("ben")
FACE = Held(ANNA, digest("anna's media"), "face", digest("anna's face"))
VOICE = Held(ANNA, digest("anna's media"), "voice", digest("anna's voice"))
OTHER = Held(BEN, digest("ben's media"), "face", digest("ben's face"))
FAILED = Held(BEN, digest("ben's media"), "voice", digest("ben's voice"))
ALL = [FACE, VOICE, OTHER, FAILED]


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a real S3 API on this machine."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield f"s3://{BUCKET}"
    server.stop()


@pytest.fixture(params=["a folder", "a bucket"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "a folder":
        return str(tmp_path / "shared")
    return f"{request.getfixturevalue('s3')}/{tmp_path.name}"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Measurements of two clips, a named failure among them."""
    store = Store(tmp_path / "here")
    for held in (FACE, VOICE, OTHER):
        with store.publish(held.step, held.key) as out:
            (out / "numbers.npz").write_bytes(held.key.encode() * 40)
            (out / "empty.json").write_bytes(b"")
    with suppress(ClipFailed), store.publish(FAILED.step, FAILED.key):
        raise ClipFailed(Reason.NO_VIDEO, "only sound")
    return store


def content(store: Store) -> dict[str, bytes]:
    files = (path for path in store.root.rglob("*") if path.is_file())
    return {str(path.relative_to(store.root)): path.read_bytes() for path in files}


def alter(url: str, path: str, bytes_: bytes) -> None:
    Remote(url)._put(path, bytes_)


def test_what_was_pushed_is_there_elsewhere_and_nothing_moves_twice(
    store: Store, url: str, tmp_path: Path
) -> None:
    elsewhere = Store(tmp_path / "elsewhere")
    first, second = (push(store, Remote(url), ALL) for _ in range(2))
    assert (first.moved, first.already) == (4, 0)
    assert (second.moved, second.already, second.bytes) == (0, 4, 0)
    first, second = (pull(elsewhere, Remote(url)) for _ in range(2))
    assert (first.moved, first.already, first.refused) == (4, 0, {})
    assert (second.moved, second.already) == (0, 4)
    assert content(elsewhere) == content(store)
    assert isinstance(elsewhere.find("face", FACE.key), Entry)
    assert elsewhere.find("voice", FAILED.key) == Failure(Reason.NO_VIDEO, "only sound")
    assert elsewhere.root.stat().st_mode & 0o077 == 0


def test_one_more_moves_alone(store: Store, url: str, tmp_path: Path) -> None:
    push(store, Remote(url), ALL[:3])
    more = push(store, Remote(url), ALL)
    assert (more.moved, more.already) == (1, 3)


@pytest.mark.parametrize(
    ("file", "bytes_", "why"),
    [
        ("/numbers.npz", b"x" * 64 * 40, "not what was pushed"),
        ("/numbers.npz", FACE.key.encode() * 39, "not what was pushed"),
        ("/numbers.npz", FACE.key.encode() * 41, "not what was pushed"),
        (".json", b'{"numbers.npz": {"si', "cannot be read"),
        (".json", b"[]", "cannot be read"),
        (".json", b"{}", "empty"),
        (".json", b'{"../../../out.npz": {"size": 1, "sha256": ""}}', "no name"),
        (".json", b'{"/tmp/out.npz": {"size": 1, "sha256": ""}}', "no name"),
        (".json", b'{"model.pkl": {"size": 1, "sha256": ""}}', "no name"),
        (".json", b'{"gone.npz": {"size": 1, "sha256": ""}}', "is not there"),
    ],
)
def test_what_does_not_check_is_refused_by_name_and_the_rest_comes(
    store: Store, url: str, tmp_path: Path, file: str, bytes_: bytes, why: str
) -> None:
    push(store, Remote(url), ALL)
    alter(url, FACE.path + file, bytes_)
    elsewhere = Store(tmp_path / "elsewhere")
    done = pull(elsewhere, Remote(url))
    assert done.moved == 3
    assert list(done.refused) == [f"face/{FACE.key}"]
    assert why in done.refused[f"face/{FACE.key}"]
    assert elsewhere.find("face", FACE.key) is None
    left = {path.parts[-2] for path in elsewhere.root.rglob("*") if path.is_file()}
    assert left == {held.key for held in ALL[1:]}


@pytest.mark.parametrize(
    "path",
    [
        f"clips/{ANNA}/{ANNA}/../{ANNA}.json",
        f"clips/{ANNA}/{ANNA}/face/short.json",
        f"clips/{ANNA}/not_a_digest/face/{ANNA}.json",
        f"clips/{ANNA}/{ANNA}/face/{ANNA}/{ANNA}.json",
        f"other/{ANNA}/{ANNA}/face/{ANNA}.json",
        f"clips/{ANNA}/{ANNA}/.tmp-1/{ANNA}.json",
    ],
)
def test_a_name_that_leads_elsewhere_names_nothing(path: str) -> None:
    assert Held.listed_at(path) is None


def test_a_push_that_is_killed_leaves_no_measurement_and_is_gone_on_with(
    store: Store, url: str, tmp_path: Path
) -> None:
    assert killed_while(push, "_put", store, url) == -signal.SIGKILL
    elsewhere = Store(tmp_path / "elsewhere")
    half = pull(elsewhere, Remote(url))
    assert half.moved < 4
    assert half.refused == {}
    push(store, Remote(url), ALL)
    pull(elsewhere, Remote(url))
    assert content(elsewhere) == content(store)


def test_a_pull_that_is_killed_leaves_no_measurement_and_is_gone_on_with(
    store: Store, url: str, tmp_path: Path
) -> None:
    push(store, Remote(url), ALL)
    elsewhere = Store(tmp_path / "elsewhere")
    assert killed_while(pull, "_read", elsewhere, url) == -signal.SIGKILL
    whole = {held for held in ALL if elsewhere.find(held.step, held.key)}
    assert len(whole) < 4
    for held in whole:
        files = [it.root / held.step / held.key[:2] / held.key for it in (elsewhere, store)]
        assert len({tuple(sorted(path.name for path in folder.iterdir())) for folder in files}) == 1
    pull(elsewhere, Remote(url))
    assert content(elsewhere) == content(store)


def killed_while(do: object, at: str, store: Store, url: str) -> int | None:
    process = multiprocessing.get_context("spawn").Process(
        target=_until_killed, args=(do, at, store, url)
    )
    process.start()
    process.join()
    return process.exitcode


def _until_killed(do: object, at: str, store: Store, url: str) -> None:
    """Die at the third small file that is written, or file that is read."""
    original, count = getattr(Remote, at), iter(range(10))

    def dying(*arguments: object) -> object:
        if next(count) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)

    setattr(Remote, at, dying)
    module.TRANSFERS = 1
    if do is push:
        push(store, Remote(url), ALL)
    else:
        pull(store, Remote(url))


def test_what_is_taken_back_here_is_removed_there_and_does_not_come_back(
    store: Store, url: str, tmp_path: Path
) -> None:
    push(store, Remote(url), ALL)
    # Half a measurement, of parameters that are long gone.
    alter(url, f"clips/{ANNA}/{digest('older media')}/face/{digest('older')}/numbers.npz", b"x")
    assert Remote(url).withdraw({ANNA}) == 7
    assert Remote(url).of({ANNA}) == []
    assert Remote(url).held() == sorted([OTHER, FAILED])
    again = push(store, Remote(url), ALL)
    assert (again.moved, again.already, again.withdrawn) == (0, 2, {ANNA})
    elsewhere = Store(tmp_path / "elsewhere")
    assert pull(elsewhere, Remote(url)).moved == 2
    assert elsewhere.find("face", FACE.key) is None


def test_what_is_taken_back_here_only_is_not_pulled_and_the_next_push_removes_it(
    store: Store, url: str, tmp_path: Path
) -> None:
    push(store, Remote(url), ALL)
    elsewhere = Store(tmp_path / "elsewhere")
    done = pull(elsewhere, Remote(url), {FACE.media})
    assert (done.moved, done.withdrawn) == (2, {FACE.media})
    assert push(elsewhere, Remote(url), [], {FACE.media}).removed == 6
    assert Remote(url).of({ANNA}) == []
    assert Remote(url).withdrawn() == {FACE.media}


@pytest.mark.parametrize("media", [False, True])
def test_pictures_that_anyone_could_watch_stay_unless_somebody_says_so(
    store: Store, tmp_path: Path, media: bool
) -> None:
    film = Held(ANNA, FACE.media, "media", digest("anna's film"))
    with store.publish(film.step, film.key) as out:
        (out / "video.mp4").write_bytes(b"a child")
    done = push(store, Remote(str(tmp_path / "shared")), [*ALL, film], media=media)
    assert (done.moved, done.held_back) == ((5, 0) if media else (4, 1))


def test_sealed_pictures_travel_sealed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRADLE_MEDIA_KEY", "")
    vault.make_key(tmp_path / "key")
    vault.use(str(tmp_path / "key"), tmp_path / "here")
    film = Held(ANNA, FACE.media, "media", digest("anna's film"))
    with store.publish(film.step, film.key) as out:
        (out / "video.mp4").write_bytes(b"a child")
    url, elsewhere = str(tmp_path / "shared"), Store(tmp_path / "elsewhere")
    assert push(store, Remote(url), [film]).moved == 1
    pull(elsewhere, Remote(url))
    assert not any(b"a child" in path.read_bytes() for path in tmp_path.rglob("*.mp4"))
    assert vault.read(elsewhere.entry(film.step, film.key).path / "video.mp4") == b"a child"


def test_what_cannot_be_reached_says_where_and_what_to_do(
    store: Store, s3: str, tmp_path: Path
) -> None:
    with pytest.raises(RemoteError, match="nothing was pushed there"):
        pull(store, Remote(str(tmp_path / "nowhere")))
    with pytest.raises(RemoteError, match="nothing was pushed there"):
        pull(store, Remote("s3://no-such-bucket/store"))
    with pytest.raises(RemoteError, match="no-such-bucket"):
        push(store, Remote("s3://no-such-bucket/store"), ALL)
    with pytest.raises(RemoteError, match="uv sync --extra s3"):
        Remote("nosuchkind://bucket")
    with pytest.raises(RemoteError, match="a password in it"):
        Remote("s3://key:secret@bucket/store")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / module.MARK).write_text('{"format": 2}')
    with pytest.raises(RemoteError, match="another version"):
        pull(store, Remote(str(tmp_path / "odd")))
    with pytest.raises(RemoteError, match="another version"):
        push(store, Remote(str(tmp_path / "odd")), ALL)
