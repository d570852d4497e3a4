"""A site on the loopback interface that behaves in every way that sites do."""

from __future__ import annotations

import functools
import http.server
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Site(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and a few addresses that misbehave."""

    asked: list[str]
    heads: list[dict[str, str]]
    """The headers of each of them."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.heads.append(dict(self.headers))
        special = {
            "/page": self._page,
            "/list": self._list,
            "/thief": self._thief,
            "/to_private": lambda: self._redirect("http://169.254.169.254/a.mp4"),
            "/to_hidden": lambda: self._redirect(Path(self.directory, "hidden").read_text()),
            "/to_file": lambda: self._redirect("file:///etc/passwd"),
            "/to_clip": lambda: self._redirect("/clip.mp4"),
            "/slow.mp4": self._slow,
            "/endless.mp4": self._endless,
            "/feed": self._feed,
            "/late.mp4": self._late,
            "/busy.mp4": self._busy,
            "/ranged.mp4": self._ranged,
            "/breaks.mp4": self._breaks,
            "/always_breaks.mp4": self._breaks,
            "/broken.mp4": lambda: self.send_error(503, "Down for the night"),
        }.get(self.path.split("?")[0])
        try:
            special() if special else super().do_GET()
        except (BrokenPipeError, ConnectionResetError):
            # The other side had enough, which is what these tests are about.
            self.close_connection = True

    def _answer(self, kind: str, body: bytes = b"", length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self, target: str) -> None:
        self.send_response(302)
        self.send_header("Location", target)
        self.end_headers()

    def _page(self) -> None:
        self._answer("text/html", b"<html><title>Video removed</title>Sorry.</html>")

    def _list(self) -> None:
        videos = b"<video src='/clip.mp4'></video><video src='/other.mp4'></video>"
        self._answer("text/html", b"<html><title>Two</title>" + videos + b"</html>")

    def _feed(self) -> None:
        items = "".join(
            f"<item><title>&lt;b&gt;a baby&lt;/b&gt;</title><link>http://{self.headers['Host']}/{name}"
            "</link></item>"
            for name in ("clip.mp4", "other.mp4", "mute.mp4")
        )
        text = f"<?xml version='1.0'?><rss version='2.0'><channel>{items}</channel></rss>"
        self._answer("application/rss+xml", text.encode())

    def _late(self) -> None:
        """Not there yet, until somebody puts it there."""
        there = Path(self.translate_path(self.path)).is_file()
        super().do_GET() if there else self.send_error(503, "Not yet")

    def _busy(self) -> None:
        """Not now, the first two times."""
        if sum(path == self.path for path in self.asked) > 2:
            self.path = "/clip.mp4"
            super().do_GET()
            return
        self.send_response(503 if len(self.asked) % 2 else 429)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _ranged(self) -> None:
        """Any part of long.mp4 that is asked for."""
        content = Path(self.directory, "long.mp4").read_bytes()
        asked = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")
        start, end = int(asked[0]), min(int(asked[1] or len(content)), len(content) - 1)
        body = content[start : end + 1]
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _breaks(self) -> None:
        """Half of what is asked for, then nothing more, until somebody wants to go on."""
        content = Path(self.directory, "clip.mp4").read_bytes()
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        body = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        goes_on = "always" not in self.path and any("bytes=0" not in it for it in self._ranges())
        self.wfile.write(body if goes_on else body[: len(body) // 2])
        self.close_connection = True

    def _ranges(self) -> list[str]:
        return [head["Range"] for head in self.heads if "Range" in head]

    def _thief(self) -> None:
        self._answer("text/html", b"<html><video src='file:///etc/passwd'></video></html>")

    def _slow(self) -> None:
        self._answer("video/mp4", length=1000)
        for _ in range(100):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.1)

    def _endless(self) -> None:
        self._answer("video/mp4")
        for _ in range(1000):
            self.wfile.write(bytes(1 << 16))


@contextmanager
def serving(
    folder: Path,
    host: str = "127.0.0.1",
    heads: list[dict[str, str]] | None = None,
    certificate: Path | None = None,
) -> Iterator[tuple[str, list[str]]]:
    """The site's address, and the list of what it was asked for; `heads` takes the headers.

    With a certificate and its key, in one file, it is asked by https.
    """
    asked: list[str] = []
    heads = [] if heads is None else heads
    handler = type("Handler", (Site,), {"asked": asked, "heads": heads})
    server = http.server.ThreadingHTTPServer(
        (host, 0), functools.partial(handler, directory=str(folder))
    )
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        scheme = "http" if certificate is None else "https"
        yield f"{scheme}://{host}:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
