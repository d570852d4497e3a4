"""Files that strangers send, each made on the spot, each with the one outcome it must have.

HOSTILE maps a name to (how to make it, what comes of it). The outcome is a Reason, or the
(width, height, frames) of what is kept.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.core.reasons import Reason
from tests.media.making import clip, ffmpeg

Outcome = Reason | tuple[int, int, int]
Make = Callable[[Path], None]
HOSTILE: dict[str, tuple[Make, Outcome]] = {}


def hostile(name: str, outcome: Outcome) -> Callable[[Make], Make]:
    """Register a maker under the name of its file."""

    def register(make: Make) -> Make:
        HOSTILE[name] = (make, outcome)
        return make

    return register


def derived(name: str, outcome: Outcome, *words: str, fps: float = 30, size: str = "96x64") -> None:
    """Register an ordinary clip with other words for its encoder."""
    HOSTILE[name] = (lambda path: clip(path, *words, fps=fps, size=size) and None, outcome)


def remuxed(path: Path, *words: str, before: tuple[str, ...] = ()) -> None:
    """Write an ordinary clip again, its streams untouched."""
    plain = clip(path.with_name("plain.mp4"))
    ffmpeg(*before, "-i", plain, "-c", "copy", *words, path)


# What is no media at all.


@hostile("zero.mp4", Reason.NOT_MEDIA)
def _zero(path: Path) -> None:
    path.write_bytes(b"")


@hostile("garbage.mp4", Reason.NOT_MEDIA)
def _garbage(path: Path) -> None:
    path.write_bytes(np.random.default_rng(3).bytes(50_000))


@hostile("page.mp4", Reason.NOT_MEDIA)
def _page(path: Path) -> None:
    path.write_text("<!doctype html><title>gone</title><video src='file:///etc/passwd'>")


@hostile("picture.mp4", Reason.NOT_MEDIA)
def _picture(path: Path) -> None:
    png = path.with_suffix(".png")
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=96x64", "-frames:v", "1", png)
    png.rename(path)


@hostile("animation.gif", Reason.NOT_MEDIA)
def _animation(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=96x64:d=1", path)


def _secret(path: Path) -> str:
    """A clip beside the file, which must not be read through it."""
    return clip(path.with_name("secret.ts")).name


@hostile("playlist.mp4", Reason.NOT_MEDIA)
def _playlist(path: Path) -> None:
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.5,\n"
    path.write_text(f"{head}{_secret(path)}\n#EXT-X-ENDLIST\n")


@hostile("playlist_of_the_network.mp4", Reason.NOT_MEDIA)
def _playlist_of_the_network(path: Path) -> None:
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.5,\n"
    path.write_text(f"{head}http://169.254.169.254/latest/meta-data\n#EXT-X-ENDLIST\n")


@hostile("concat.mp4", Reason.NOT_MEDIA)
def _concat(path: Path) -> None:
    path.write_text(f"ffconcat version 1.0\nfile {_secret(path)}\n")


@hostile("session.mp4", Reason.NOT_MEDIA)
def _session(path: Path) -> None:
    path.write_text("v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n")


@hostile("dash.mp4", Reason.NOT_MEDIA)
def _dash(path: Path) -> None:
    path.write_text('<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>')


# What lacks something.


@hostile("silent_film.mp4", Reason.NO_SOUND)
def _silent_film(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=96x64:d=1.5", "-pix_fmt", "yuv420p", path)


@hostile("sound_alone.mp4", Reason.NO_VIDEO)
def _sound_alone(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=d=1.5", path)


@hostile("sound.wav", Reason.NO_VIDEO)
def _wav(path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=d=1.5", path)


def _cover(path: Path) -> Path:
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=300x300", "-frames:v", "1", path.with_name("c.png"))
    return path.with_name("c.png")


@hostile("cover_art.m4a", Reason.NO_VIDEO)
def _cover_art(path: Path) -> None:
    inputs = ("-f", "lavfi", "-i", "sine=d=1.5", "-i", _cover(path))
    ffmpeg(*inputs, "-map", "0", "-map", "1", "-disposition:v", "attached_pic", "-c:v", "png", path)


@hostile("cover_art_and_film.mp4", (96, 64, 45))
def _cover_art_and_film(path: Path) -> None:
    plain = clip(path.with_name("plain.mp4"))
    maps = ("-map", "1", "-map", "0", "-c", "copy", "-disposition:v:0", "attached_pic")
    ffmpeg("-i", plain, "-i", _cover(path), *maps, path)


# What is damaged.


def _cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@hostile("cut_off.mp4", Reason.MEDIA_DAMAGED)
def _cut_off(path: Path) -> None:
    _cut(clip(path, "-movflags", "+faststart"), 0.6)


@hostile("cut_off_before_its_index.mp4", Reason.MEDIA_DAMAGED)
def _cut_off_before_its_index(path: Path) -> None:
    _cut(clip(path), 0.6)


@hostile("cut_off.mkv", Reason.MEDIA_DAMAGED)
def _cut_off_mkv(path: Path) -> None:
    _cut(clip(path), 0.5)


@hostile("cut_off.avi", Reason.MEDIA_DAMAGED)
def _cut_off_avi(path: Path) -> None:
    _cut(clip(path), 0.5)


@hostile("flipped.mp4", Reason.MEDIA_DAMAGED)
def _flipped(path: Path) -> None:
    content = bytearray(clip(path).read_bytes())
    body = content.index(b"mdat") + 800
    rng = np.random.default_rng(1)
    for place in rng.integers(body, body + 20_000, 400):
        content[place % len(content)] ^= int(rng.integers(1, 256))
    path.write_bytes(bytes(content))


@hostile("sound_overwritten.mkv", Reason.MEDIA_DAMAGED)
def _sound_overwritten(path: Path) -> None:
    import av

    plain = clip(path.with_name("plain.mkv"))
    content = bytearray(plain.read_bytes())
    with av.open(str(plain)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size > 20]
    for packet in packets[10:40]:
        place = bytes(content).index(packet)
        content[place : place + len(packet)] = b"\xff" * len(packet)
    path.write_bytes(bytes(content))


# What is too much.


@hostile("bomb.avi", Reason.TOO_LARGE)
def bomb(path: Path) -> None:
    """A small picture in an ordinary file, whose headers then claim 16000 x 16000."""
    plain = clip(path.with_name("plain.avi"), "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
    content = plain.read_bytes().replace(
        struct.pack("<II", 96, 64), struct.pack("<II", 16000, 16000)
    )
    sof = b"\xff\xc0\x00\x11\x08"
    content = content.replace(
        sof + struct.pack(">HH", 64, 96), sof + struct.pack(">HH", 16000, 16000)
    )
    path.write_bytes(content)


@hostile("thousand_a_second.mp4", Reason.TOO_LARGE)
def _thousand_a_second(path: Path) -> None:
    clip(path, fps=1000, span_s=2.5, size="16x16")


@hostile("long_pause.mp4", Reason.TOO_LONG)
def _long_pause(path: Path) -> None:
    clip(path, "-vf", "setpts='if(lt(N,40),PTS,PTS+5000/TB)'", "-fps_mode", "vfr")


@hostile("one_frame.mp4", Reason.TOO_SHORT)
def _one_frame(path: Path) -> None:
    clip(path, "-frames:v", "1")


# What is odd and sound.

derived("11_khz.mp4", (96, 64, 45), "-ar", "11025", "-ac", "1")
derived("six_channels.mp4", (96, 64, 45), "-ac", "6")
derived("25_a_second.mp4", (96, 64, 46), fps=25)
derived("60_a_second.mp4", (96, 64, 45), fps=60)
derived("24000_in_1001_s.mp4", (96, 64, 45), fps=24000 / 1001)
derived("variable.mkv", (96, 64, 45), "-vf", "select='not(mod(n,7)*mod(n,4))'", "-fps_mode", "vfr")
derived("ten_bit.mp4", (96, 64, 45), "-pix_fmt", "yuv420p10le")
HDR = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
derived("high_dynamic_range.mp4", (96, 64, 45), "-pix_fmt", "yuv420p10le", "-vf", HDR)
derived("interlaced.mp4", (96, 64, 45), "-flags", "+ilme+ildct", "-x264-params", "tff=1")
derived("8_khz.mp4", (96, 64, 45), "-ar", "8000", "-ac", "1")
derived("96_khz.mkv", (96, 64, 45), "-ar", "96000")
derived("full_colour.mp4", (96, 64, 45), "-pix_fmt", "yuv444p")
derived("tiny.mp4", (2, 2, 45), size="2x2")
derived("odd_sides.mp4", (98, 66, 45), "-pix_fmt", "yuv444p", size="97x65")
derived("stretched.mp4", (192, 64, 45), "-vf", "setsar=2")
derived("large.mp4", (640, 360, 45), size="1280x720")
derived("fragments.mp4", (96, 64, 46), "-movflags", "+frag_keyframe+empty_moov")
derived("reordered.mp4", (96, 64, 45), "-preset", "medium", "-bf", "3", "-g", "12")
derived("timecode.mov", (96, 64, 45), "-timecode", "00:00:00:00")
derived("-loglevel.mp4", (96, 64, 45))
derived("%d $(id) `;'\n.mp4", (96, 64, 45))
derived("realtime.webm", (96, 64, 45), "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus")
derived("mpeg.mpg", (96, 64, 45), "-c:v", "mpeg2video", "-c:a", "mp2", "-f", "mpeg")


@hostile("really_avi.mp4", (96, 64, 46))
def _really_avi(path: Path) -> None:
    clip(path.with_suffix(".avi")).rename(path)


@hostile("rotated_90.mp4", (64, 96, 45))
def _rotated_90(path: Path) -> None:
    remuxed(path, before=("-display_rotation", "90"))


@hostile("rotated_180.mp4", (96, 64, 45))
def _rotated_180(path: Path) -> None:
    remuxed(path, before=("-display_rotation", "180"))


@hostile("title_in_no_alphabet.mkv", (96, 64, 45))
def _title_in_no_alphabet(path: Path) -> None:
    content = clip(path, "-metadata", "title=abcdefgh").read_bytes()
    path.write_bytes(content.replace(b"abcdefgh", b"\x8d\xff\xfe\x00\x80abc"))


@hostile("rotated_270.mp4", (64, 96, 45))
def _rotated_270(path: Path) -> None:
    remuxed(path, before=("-display_rotation", "270"))


@hostile("long_subtitle.mp4", (96, 64, 45))
def _long_subtitle(path: Path) -> None:
    words = path.with_suffix(".srt")
    words.write_text("1\n00:00:00,500 --> 00:00:09,000\n<b>a stranger's words</b>\n")
    plain = clip(path.with_name("plain.mp4"))
    ffmpeg(
        "-i", plain, "-i", words, "-map", "0", "-map", "1", "-c", "copy", "-c:s", "mov_text", path
    )


@hostile("two_films.mp4", (96, 64, 45))
def _two_films(path: Path) -> None:
    plain = clip(path.with_name("plain.mp4"))
    small = clip(path.with_name("small.mp4"), size="32x32")
    flags = ("-disposition:v:0", "0", "-disposition:v:1", "default", "-c", "copy")
    ffmpeg("-i", small, "-i", plain, "-map", "0:v", "-map", "1:v", "-map", "1:a", *flags, path)


@hostile("negative_times.mkv", (96, 64, 36))
def _negative_times(path: Path) -> None:
    remuxed(path, "-output_ts_offset", "-0.3", "-avoid_negative_ts", "disabled")


@hostile("late_clock.ts", (96, 64, 45))
def _late_clock(path: Path) -> None:
    remuxed(path, "-output_ts_offset", "90000")
