"""Sound and faces without pixels: one sound, many faces, and loudness that tells little."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.morph import model
from pipeline.nursery import performance
from pipeline.nursery import unseen as made_unseen
from pipeline.nursery.performance import RATE_HZ, perform
from pipeline.nursery.unseen import FPS, SOUND_HZ, alike, infant, latents, unseen

KINDS = ("cry", "laugh", "babble")
SPAN_S = 5.0


def made(kind, number=0, faces=1, who=3):
    return unseen(kind, infant(who), SPAN_S, np.random.default_rng([number, 7]), faces)


def test_who_looks_the_same_has_habits_of_its_own_around_what_looks_tell():
    who = infant(3)
    others = [alike(who, number) for number in range(400)]
    assert all(np.array_equal(other.identity, who.identity) for other in others)
    assert {other.age for other in others} == {who.age}
    assert len({other.habits for other in others} | {who.habits}) == 401
    everyone = [infant(number) for number in range(400)]
    for name in ("gain", "lead_s", "rest"):
        apart, all_ = (
            np.std([getattr(one.habits, name) for one in group]) for group in (others, everyone)
        )
        assert 0.2 * all_ < apart < 0.8 * all_


def test_faces_of_others_come_last_and_change_nothing_before():
    def shown(others):
        random = np.random.default_rng([5, 7])
        return unseen("cry", infant(3), SPAN_S, random, 2, others)

    alone, beside = shown([]), shown([alike(infant(3), 0), infant(9)])
    np.testing.assert_array_equal(alone.sound, beside.sound)
    assert [len(alone.faces), len(beside.faces)] == [2, 4]
    for face, same in zip(alone.faces, beside.faces[:2], strict=True):
        np.testing.assert_array_equal(face["jaw_drop"], same["jaw_drop"])
    assert np.abs(beside.faces[2]["jaw_drop"] - beside.faces[3]["jaw_drop"]).max() > 0.01


def loudness(sound):
    frames = sound[: round(SPAN_S * FPS) * (SOUND_HZ // 30)].reshape(-1, SOUND_HZ // 30)
    return 10 * np.log10((frames**2).mean(1) + 1e-9)


def explained(sounds, jaws):
    """R^2 of a line from the loudness of the frames around to the jaw."""
    rows = []
    for energy in sounds:
        padded = np.pad(np.maximum(energy - energy.max(), -40), 6, mode="edge")
        rows.append(np.lib.stride_tricks.sliding_window_view(padded, 13))
    inputs = np.column_stack([np.concatenate(rows), np.ones(sum(map(len, jaws)))])
    jaw = np.concatenate(jaws)
    found, *_ = np.linalg.lstsq(inputs, jaw, rcond=None)
    return 1 - ((jaw - inputs @ found) ** 2).sum() / ((jaw - jaw.mean()) ** 2).sum()


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_ranges_and_the_same_again(kind):
    first, again = made(kind, faces=2), made(kind, faces=2)
    assert first.sound.shape == (round(SPAN_S * SOUND_HZ),)
    assert np.abs(first.sound).max() <= 1
    np.testing.assert_array_equal(first.sound, again.sound)
    for face, same in zip(first.faces, again.faces, strict=True):
        for name, track in face.items():
            assert track.shape == (round(SPAN_S * FPS),)
            assert 0 <= track.min() <= track.max() <= 1
            np.testing.assert_array_equal(track, same[name])


def test_one_sound_goes_with_several_faces_that_share_its_rhythm():
    faces = [face["jaw_drop"] for face in made("cry", 1, faces=6).faces]
    alike = np.corrcoef(faces)[np.triu_indices(6, 1)]
    assert alike.min() > 0.4
    assert alike.mean() < 0.98
    funnels = [face["lip_funnel"].max() > 0 for n in range(8) for face in made("cry", n, 4).faces]
    assert 0.1 < np.mean(funnels) < 0.9


def test_loudness_tells_less_than_in_the_nursery_that_is_filmed():
    from pipeline.nursery.sound import infant as voice

    plain, hard = ([], []), ([], [])
    for number in range(9):
        kind = KINDS[number % 3]
        rng = np.random.default_rng([number, 8])
        shown = perform(kind, SPAN_S, rng)
        plain[0].append(loudness(voice(shown, SOUND_HZ, rng)))
        plain[1].append(shown.sampled(shown.actions["jaw_drop"], FPS))
        span = made(kind, number, who=number)
        hard[0].append(loudness(span.sound))
        hard[1].append(span.faces[0]["jaw_drop"])
    assert explained(*plain) > 0.6
    assert explained(*hard) < explained(*plain) - 0.15


def test_mouths_move_in_silence():
    moved = []
    for number in range(8):
        span = made("babble", number, who=number)
        energy = loudness(span.sound)
        quiet = energy < energy.max() - 25
        moved.append((span.faces[0]["jaw_drop"][quiet] > 0.12).mean())
    assert 0.02 < np.mean(moved) < 0.5


def test_a_gap_is_fidgeted_through_however_it_is_rounded():
    heard = replace(
        perform("babble", 1.5, np.random.default_rng(0)), events=((0.0, 0.22), (0.99, 1.5))
    )
    long_s = 0.99 - 0.22
    assert 0.99 - long_s < 0.22
    habits = replace(infant(0).habits, fidgets=1.0)
    times = np.arange(len(heard.energy)) / RATE_HZ
    moved = np.zeros(len(times), bool)
    for number in range(40):
        jaw, lips = made_unseen._fidgets(times, heard, habits, np.random.default_rng(number))
        moved |= (jaw > 0) | (lips > 0)
    assert moved[(times > 0.3) & (times < 0.9)].all()
    assert not moved[(times < 0.22) | (times > 0.99)].any()


def test_habits_are_told_by_face_and_age_and_go_on():
    infants = [infant(number) for number in range(80)]
    told = np.array([np.append(one.identity[:8], one.age) for one in infants])
    for habit in ("lead_s", "gain", "manner"):
        values = np.array([getattr(one.habits, habit) for one in infants])
        inputs = np.column_stack([told, np.ones(80)])
        found, *_ = np.linalg.lstsq(inputs, values, rcond=None)
        left = ((values - inputs @ found) ** 2).sum() / ((values - values.mean()) ** 2).sum()
        assert 0.05 < left < 0.6, habit
    assert infant(5).habits == infant(5).habits


def test_the_mouth_is_ahead_of_the_sound_by_habit():
    def lead(who):
        found = []
        for number in range(4):
            span = made("cry", number, who=who)
            energy = np.clip(loudness(span.sound) - loudness(span.sound).max() + 25, 0, None)
            jaw = span.faces[0]["jaw_drop"]
            scores = [np.corrcoef(energy[10:-10], np.roll(jaw, k)[10:-10])[0, 1] for k in range(9)]
            found.append(int(np.argmax(scores)))
        return np.mean(found)

    order = sorted(range(30), key=lambda number: infant(number).habits.lead_s)
    assert lead(order[0]) < lead(order[-1])


def test_latents_are_the_models_own():
    face = model.load()
    actions = made("laugh").faces[0]
    made_latents = latents(face, actions)
    frame = face.action_vector({name: float(track[40]) for name, track in actions.items()})
    np.testing.assert_allclose(made_latents[40], frame, atol=1e-4)


def test_silence_goes_too():
    span = made("silent")
    assert 0 < np.abs(span.sound).max() < 0.01
    assert span.faces[0]["jaw_drop"].max() < 0.6


def test_what_goes_with_the_opening_is_what_performances_have():
    for kind, rows in performance._FACES.items():
        led = {name: row[0] for name, row in rows.items() if row[0]}
        assert made_unseen._WITH_OPENING[kind] == led
