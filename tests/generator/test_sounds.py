import io
import struct

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from pipeline.generator.sounds import Resampler, SoundError, Streamed, opened


class Dribble(io.BytesIO):
    """A pipe that hands over a few bytes at a time, and can break."""

    def __init__(self, content: bytes, most: int = 7, breaks: bool = False) -> None:
        super().__init__(content)
        self.most, self.breaks = most, breaks

    def read1(self, size: int = -1, /) -> bytes:
        came = super().read1(min(size, self.most))
        if not came and self.breaks:
            raise ConnectionResetError("connection reset by peer")
        return came


def wav(sound: np.ndarray, rate_hz: int, subtype: str = "PCM_16") -> bytes:
    made = io.BytesIO()
    soundfile.write(made, sound, rate_hz, format="WAV", subtype=subtype)
    return made.getvalue()


def noise(samples: int, channels: int = 1) -> np.ndarray:
    made = np.random.default_rng(0).uniform(-0.5, 0.5, (samples, channels)).astype(np.float32)
    return made[:, 0] if channels == 1 else made


def heard(stream) -> np.ndarray:
    return np.concatenate(list(stream))


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 22_050, 44_100, 48_000, 44_099])
@pytest.mark.parametrize("size", [1, 100, 4096])
def test_resampled_pieces_are_the_whole(rate_hz, size):
    sound = noise(1500 if size == 1 else 9001)
    resampler = Resampler(rate_hz)
    pieces = [resampler.push(sound[at : at + size]) for at in range(0, len(sound), size)]
    common = np.gcd(16_000, rate_hz)
    wanted = resample_poly(sound.astype(float), 16_000 // common, rate_hz // common)
    made = np.concatenate([*pieces, resampler.finish()])
    np.testing.assert_allclose(made, wanted, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [8000, 44_100, 48_000])
def test_resampling_waits_under_3_ms(rate_hz):
    made = len(Resampler(rate_hz).push(noise(rate_hz)))
    assert 16_000 - 48 <= made <= 16_000


@pytest.mark.parametrize(
    ("subtype", "off"),
    [
        ("PCM_U8", 0.01),
        ("PCM_16", 1e-4),
        ("PCM_24", 1e-6),
        ("PCM_32", 1e-6),
        ("FLOAT", 0),
        ("DOUBLE", 0),
    ],
)
def test_a_wav_is_read_as_it_comes(subtype, off):
    sound = noise(1000)
    stream = Streamed(Dribble(wav(sound, 16_000, subtype)), "input")
    np.testing.assert_allclose(heard(stream), sound, atol=off)
    assert stream.troubles == []


def test_channels_are_mixed():
    sound = noise(500, 2)
    made = heard(Streamed(Dribble(wav(sound, 16_000, "FLOAT")), "input"))
    np.testing.assert_allclose(made, sound.mean(1), atol=1e-6)


def test_raw_samples():
    sound = (noise(500) * 32768).astype("<i2")
    made = heard(Streamed(Dribble(sound.tobytes()), "input", raw_rate_hz=16_000))
    np.testing.assert_allclose(made, sound / 32768, atol=1e-7)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_that_does_not_know_its_end_goes_to_the_end(size):
    content = bytearray(wav(noise(800), 16_000))
    content[40:44] = struct.pack("<I", size)
    stream = Streamed(Dribble(bytes(content)), "input")
    assert len(heard(stream)) == 800
    assert stream.troubles == []


@pytest.mark.parametrize(
    ("cut", "words"),
    [(200, "ended 200 bytes before its header said"), (201, "ended 201 bytes before")],
)
def test_a_stream_that_ends_early_says_so_and_gives_what_came(cut, words):
    stream = Streamed(Dribble(wav(noise(800), 16_000)[:-cut]), "input")
    assert len(heard(stream)) == 700 - cut % 2
    assert words in stream.troubles[0]


def test_half_a_sample_at_the_end_is_told_of():
    stream = Streamed(Dribble(b"\0" * 101), "input", raw_rate_hz=16_000)
    assert len(heard(stream)) == 50
    assert "in the middle of a sample" in stream.troubles[0]


def test_a_stream_that_breaks_says_so_and_gives_what_came():
    stream = Streamed(Dribble(b"\0" * 100, breaks=True), "input", raw_rate_hz=16_000)
    assert len(heard(stream)) == 50
    assert "broke off: connection reset" in stream.troubles[0]


def test_what_is_no_number_counts_as_silence():
    sound = noise(400)
    sound[[3, 50, 60]] = np.nan, np.inf, -np.inf
    made = heard(Streamed(Dribble(wav(sound, 16_000, "FLOAT")), "input"))
    assert np.isfinite(made).all()
    assert (made[[3, 50, 60]] == 0).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "nothing came"),
        (b"ID3\x04 this is no wav", "no WAV.*--raw-rate"),
        (wav(noise(9), 16_000)[:30], "ended before its samples"),
        (wav(noise(9), 16_000)[:12] + b"data\xff\xff\xff\xff", "does not say what its samples"),
        (wav(noise(9), 16_000)[:12] + b"LIST\xff\xff\xff\x7f", "no samples in the first"),
        (wav(noise(9), 16_000, "ULAW"), "format 7 with 8 bits.*PCM"),
        (wav(noise(9), 100), "input: 100 Hz; from 4000 to 384000"),
    ],
)
def test_what_is_no_sound_is_refused(content, words):
    with pytest.raises(SoundError, match=words):
        Streamed(Dribble(content), "input")


def test_a_file_comes_in_pieces(tmp_path):
    path = tmp_path / "long.flac"
    soundfile.write(path, noise(16_000 * 12), 16_000)
    with opened(path) as pieces:
        sizes = [len(piece) for piece in pieces]
    assert sizes == [80_000, 80_000, 32_000, 0]


def test_a_file_that_is_no_sound_is_refused(tmp_path):
    path = tmp_path / "not.wav"
    path.write_bytes(b"nothing")
    with pytest.raises(SoundError, match=r"not\.wav"), opened(path):
        pass
