"""Whatever a stranger writes, nothing on this machine or its network is asked or read."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipeline import media
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.sources import grab
from tests.media import making
from tests.sources.server import serving

HIDDEN = "127.0.0.2"
"""Another address of this machine; nobody allowed it."""
HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
# The fetcher's own guard, over many requests, so that yt-dlp is imported once.
DRIVER = """
    import functools, importlib.util, json, socket, sys
    spec = importlib.util.spec_from_file_location("grab", sys.argv[1])
    grab = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(grab)
    told = json.load(sys.stdin)
    asked = socket.getaddrinfo

    def lying(host, port, *more, **how):
        return asked(told["hidden"] if host == "innocent.example" else host, port, *more, **how)

    socket.getaddrinfo = lying
    sys.addaudithook(functools.partial(grab.refuse_private, grab.resolve(["127.0.0.1"])))
    json.dump([grab.grab(request) for request in told["requests"]], sys.stdout)
"""


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A server that nobody may reach, and what reached it."""
    folder = tmp_path / "trap"
    folder.mkdir()
    making.clip(folder / "clip.mp4")
    making.clip(folder / "part.ts")
    with serving(folder, HIDDEN) as hidden:
        yield hidden


def baited(folder: Path, hidden: str) -> list[str]:
    """Write pages and playlists that lead to `hidden`; returns their names."""
    part, clip = f"{hidden}/part.ts", f"{hidden}/clip.mp4"
    mpd = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        f'mediaPresentationDuration="PT1S"><BaseURL>{hidden}/</BaseURL><Period><AdaptationSet '
        'mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>clip.mp4</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    )
    baits = {
        "segments.m3u8": f"{HEAD}#EXTINF:1.5,\n{part}\n#EXT-X-ENDLIST\n",
        "variants.m3u8": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{hidden}/list.m3u8\n",
        "key.m3u8": f'{HEAD}#EXT-X-KEY:METHOD=AES-128,URI="{hidden}/key"\n#EXTINF:1,\n{part}\n',
        "map.m3u8": f'{HEAD}#EXT-X-MAP:URI="{clip}"\n#EXTINF:1,\nfile:///etc/passwd\n',
        "manifest.mpd": mpd,
        "video.html": f"<html><title>a</title><video src='{clip}'></video></html>",
        "frame.html": f"<html><title>a</title><iframe src='{hidden}/embed'></iframe></html>",
        "card.html": f"<html><meta property='og:video' content='{clip}'/><title>a</title></html>",
        "moved.html": f"<html><meta http-equiv='refresh' content='0; url={clip}'/></html>",
        "local.html": "<html><title>a</title><video src='file:///etc/passwd'></video></html>",
        "feed.rss": f"<rss version='2.0'><channel><item><link>{clip}</link></item></channel></rss>",
    }
    for name, text in baits.items():
        (folder / name).write_text(text)
    return list(baits)


@pytest.mark.parametrize("section", [None, [0, 5]])
def test_no_page_list_redirect_or_name_leads_to_a_private_address(
    section: list[float] | None, trap: tuple[str, list[str]], tmp_path: Path
) -> None:
    hidden, reached = trap
    port = hidden.rsplit(":", 1)[1]
    site, out = tmp_path / "site", tmp_path / "out"
    site.mkdir()
    out.mkdir()
    names = baited(site, hidden)
    hosts = (
        *(HIDDEN, "localhost", "innocent.example", "2130706434", "0x7f000002", "127.2"),
        *("[::ffff:127.0.0.2]", "[::1]", "0.0.0.0", "169.254.169.254"),
    )
    with serving(site) as (address, asked):
        (site / "hidden").write_text(f"{hidden}/clip.mp4")
        baits = [f"{address}/{name}" for name in names] + [f"{address}/to_hidden"]
        baits += [f"http://{host}:{port}/clip.mp4" for host in hosts]
        answers = grabbed(baits, out, section)
    assert reached == []
    assert {f"/{name}" for name in names} <= set(asked), "every bait was taken"
    assert ["reason" in answer for answer in answers] == [True] * len(baits)
    written = [path.read_bytes() for path in out.rglob("*") if path.is_file()]
    assert not any(b"root:" in content or b"ftyp" in content for content in written)


def grabbed(baits: list[str], out: Path, section: list[float] | None) -> list[dict[str, str]]:
    """What the fetcher says of each address."""
    about = {"local": False, "max_bytes": 10**7, "max_s": 99, "max_side_px": 640, "wait_s": 3}
    about |= {"attempts": 1, "backoff_s": 0, "pause_s": 0, "bytes_per_s": 0, "cookies": ""}
    about |= {"section": section}
    allowed = {"extractors": [".*"], "generic": True, "allow_hosts": ["127.0.0.1"]}
    requests = [{"address": bait, "folder": str(out), **about, **allowed} for bait in baits]
    done = subprocess.run(
        [sys.executable, "-I", "-c", textwrap.dedent(DRIVER), grab.__file__],
        input=json.dumps({"requests": requests, "hidden": HIDDEN}),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[dict[str, str]] = json.loads(done.stdout)
    return answers


def test_a_site_that_nobody_vouches_for_is_not_asked(tmp_path: Path) -> None:
    making.clip(tmp_path / "clip.mp4")
    with serving(tmp_path, certificate=vouched_for_by_itself(tmp_path)) as (address, reached):
        assert address.startswith("https://")
        [answer] = grabbed([f"{address}/clip.mp4"], tmp_path, None)
    assert answer["reason"] == "unreachable"
    assert "CERTIFICATE_VERIFY_FAILED" in answer["words"]
    assert reached == []


def vouched_for_by_itself(folder: Path) -> Path:
    """A key and a certificate for this machine, made by it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "site.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize("kind", ["hls", "concat", "sdp", "dash"])
def test_no_file_makes_the_decoder_ask_or_read_anything_else(
    kind: str, trap: tuple[str, list[str]], tmp_path: Path
) -> None:
    hidden, reached = trap
    making.clip(tmp_path / "secret.ts")
    texts = {
        "hls": f"{HEAD}#EXTINF:1,\n{hidden}/part.ts\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile {hidden}/part.ts\nfile secret.ts\n",
        "sdp": f"v=0\no=- 0 0 IN IP4 {HIDDEN}\nc=IN IP4 {HIDDEN}\nm=video 9 RTP/AVP 96\n",
        "dash": f'<?xml version="1.0"?><MPD><BaseURL>{hidden}/clip.mp4</BaseURL></MPD>',
    }
    path, out = tmp_path / "film.mp4", tmp_path / "out"
    path.write_text(texts[kind])
    out.mkdir()
    with pytest.raises(ClipFailed) as failed:
        media.normalise(path, out, media.Limits())
    assert failed.value.reason is Reason.NOT_MEDIA
    assert (reached, list(out.iterdir())) == ([], [])
