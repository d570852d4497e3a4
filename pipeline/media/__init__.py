"""The only place that starts ffmpeg: probe, normalise, frames and sound in and out.

for frame in media.read_frames(path): ...            # (height, width, 3) uint8 RGB
samples, rate_hz = media.read_sound(path)            # float32 in -1..1
media.write_sound(path, samples, 16_000)
with media.VideoWriter(path, 320, 240, fps=30, sound=path) as video: video.write(frame)
media.probe(path).picture.width
media.normalise(path, out, limits).frames
media.redraw(path, out, lambda frame, number: 255 - frame)
"""

from pipeline.media.command import ffmpeg_path, ffmpeg_version
from pipeline.media.frames import read_frames
from pipeline.media.looks import EVERY, Looks
from pipeline.media.looks import FILE as LOOKS
from pipeline.media.looks import read as read_looks
from pipeline.media.normalising import (
    INFO,
    VIDEO,
    MediaInfo,
    normalise,
)
from pipeline.media.planning import FPS, Limits, Section
from pipeline.media.probing import Picture, Probe, Sound, probe
from pipeline.media.redrawing import redraw
from pipeline.media.sound import read_sound, write_sound
from pipeline.media.sounding import SOUND_16K, SOUND_44K, sound_samples
from pipeline.media.writer import VideoWriter

__all__ = [
    "EVERY",
    "FPS",
    "INFO",
    "LOOKS",
    "SOUND_16K",
    "SOUND_44K",
    "VIDEO",
    "Limits",
    "Looks",
    "MediaInfo",
    "Picture",
    "Probe",
    "Section",
    "Sound",
    "VideoWriter",
    "ffmpeg_path",
    "ffmpeg_version",
    "normalise",
    "probe",
    "read_frames",
    "read_looks",
    "read_sound",
    "redraw",
    "sound_samples",
    "write_sound",
]
