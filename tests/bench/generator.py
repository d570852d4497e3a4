"""The generator where loudness tells little: is it better than what is simpler, and how fast?

Infants cry, laugh and babble without a pixel (pipeline/nursery/unseen.py): one sound goes with many
faces. Several trainings, each judged on infants that it never met against every baseline, among
them own implementations of FaceFormer, CodeTalker and Imitator trained on the same; then steps
against quality, speed, and, where they are asked for, ablations.

    cradle bench generator --quick                   2 minutes: that it works, not how well
    cradle bench generator --json generator.json     half an hour on one idle core
    cradle bench generator --minutes 960 --steps 1500 --keep harder
                                                     4 hours of a core, less where there are more
    cradle bench generator --minutes 240 --steps 1500 --seeds 1 --peers --ablations \\
        --ablation-steps 150                         2 hours

One command from no data to the table. The training's defaults suit the few infants of the default
run; with MANY_INFANTS or more less is hidden and roughened, as nobody is learned by heart, more is
told of an infant, more of the sound's past is heard, and the ear learns before the rest does (all
of it chosen on other infants than those judged). A rival sees as many batches as the generator and
its ear, and Imitator adapts to the spans that what is called familiar has seen. With `--keep` what
was made, trained and judged, the published models too, is taken from the folder wherever it came
about by the same parameters.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from pipeline.generator.judge import EXPECTED, FAMILIAR, HUMBLE, OURS, OWN, SHUFFLED
from pipeline.generator.params import Distil, Evaluate, Peers, Train
from pipeline.generator.results import DECIDING, rivals
from tests.bench import _judged
from tests.bench._ablations import ablations
from tests.bench._figures import Figure, report
from tests.bench._judged import Judged
from tests.bench._speed import speed
from tests.bench._stream import streaming
from tests.bench._unseen import make_pack

PEERS = ("faceformer", "codetalker", "imitator")
SWEEP = (50, 8, 4, 2)
MANY_INFANTS = 100
MANY_HABITS, LOOK_BACK_FRAMES = 33, 24
"""Of a training on so many; chosen on validation infants."""
SAID = {
    OURS: "a sample",
    EXPECTED: "what is expected",
    OURS + FAMILIAR: "a sample, the infant known",
    EXPECTED + FAMILIAR: "what is expected, the infant known",
}
COLUMNS = (
    ("LVE mm2", "lve_mm2"),
    ("LVE mm", "lve_l2_mm"),
    ("DTW mm", "aperture_dtw_mm"),
    ("L-PCC", "l_pcc"),
    ("L-CCC", "l_ccc"),
    ("A-PCC", "aperture_pcc"),
    ("A-CCC", "aperture_ccc"),
    ("FDD", "fdd_abs_mm2"),
    ("F1", "mouth_closed_f1"),
    ("F1 quiet", "silence_closed_f1"),
    ("upper", "upper_spread"),
    ("lower", "lower_spread"),
    ("jerk", "jerk"),
    ("beat", "beat_alignment"),
    ("laugh", "laugh_rate"),
    ("babble", "babble_rate"),
)


def main(argv: Sequence[str]) -> int:
    """Run and print; 0 where every figure that is asked for is reached."""
    options = chosen(argv)
    with tempfile.TemporaryDirectory() as folder:
        root = options.keep or Path(folder)
        pack = root / "data/pack"
        if not (pack / "meta.json").exists():
            make_pack(pack, options.minutes, options.noise)
        elif not (pack / "alike.npz").exists():
            arguments().error(f"--keep {root}: its data are of an older bench; remove {pack}")
        meta = _judged.read_meta(root)
        print(
            f"{meta['minutes']:.0f} min of {meta['infants']} infants, no pixel rendered", flush=True
        )
        found = measured(root, options)
    if options.json:
        options.json.write_text(json.dumps({"data": meta, **found["json"]}, indent=2) + "\n")
    return report("the generator, on infants that it never met", found["figures"])


QUICK = (
    *("--minutes=3", "--seeds=1", "--steps=20", "--peer-steps=5", "--samples=3"),
    *("--sweep", "4", "2", "--sweep-spans=2", "--distil-from=3", "--distil-batches=5"),
    *("--ablation-steps=10", "--stream-minutes=0.2", "--repeats=1"),
)


def chosen(argv: Sequence[str]) -> argparse.Namespace:
    """Read options; what `--quick` stands for comes first, so that others still hold."""
    quick = QUICK if "--quick" in argv else ()
    return arguments().parse_args([*quick, *argv])


def arguments() -> argparse.ArgumentParser:
    """Sizes, and what is measured besides quality."""
    parser = argparse.ArgumentParser(
        prog="cradle bench generator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help=f"small: {' '.join(QUICK)}")
    add("--minutes", type=float, default=12, help="of sound, in all (%(default)s)")
    add("--seeds", type=int, default=3, help="trainings, each of another seed (%(default)s)")
    add("--steps", type=int, default=300, help="training steps (%(default)s)")
    add("--look-ahead", type=int, help="frames of sound that a face waits for (as train has it)")
    add("--ear-steps", type=int, help="those of the ear before (twice --steps, of many infants)")
    add("--peer-steps", type=int, help="those of the published models (as many as both)")
    add("--peers", nargs="*", choices=PEERS, default=PEERS, help="which of them (all)")
    add("--samples", type=int, default=10, help="samples of a sound (%(default)s)")
    add("--sample-steps", type=int, default=Evaluate().sample_steps, help="DDIM steps")
    add(
        "--temperature", type=float, default=Evaluate().temperature, help="of samples (%(default)s)"
    )
    add("--sweep", nargs="*", type=int, default=SWEEP, help="steps to compare (%(default)s)")
    add("--sweep-spans", type=int, default=30, help="spans they are compared on (%(default)s)")
    add("--distil", type=int, default=2, help="steps to distil to; 0 for none (%(default)s)")
    add("--distil-from", type=int, default=9, help="those of the first teacher (%(default)s)")
    add("--distil-batches", type=int, default=200, help="a halving (%(default)s)")
    add("--stream-minutes", type=float, default=10, help="to follow as they come (%(default)s)")
    add("--repeats", type=int, default=5, help="of what is timed (%(default)s)")
    add("--device", default="cpu", help="that speed is measured on (%(default)s)")
    add("--threads", type=int, default=1, help="that speed is measured with (%(default)s)")
    add("--noise", type=float, default=0.15, help="latent noise of the fit (%(default)s)")
    add("--ablations", action="store_true", help="one more training a part that is left out")
    add("--ablation-steps", type=int, help="of those trainings (--steps)")
    add("--keep", type=Path, help="keep data and generator in this folder, and use what is there")
    add("--json", type=Path, help="write everything here")
    return parser


def measured(root: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure all that was asked for; the JSON of it and the figures that are asked."""
    trainings = [learning(root, options, seed) for seed in range(options.seeds)]
    pairs = [(training, judging(options, training)) for training in trainings]
    judged = _judged.trained_and_judged(root, pairs)
    oracles = _judged.possible(judged.place, pairs[-1][1])
    print(table(judged, oracles), flush=True)
    sweep = swept(judged.place, options, *pairs[-1])
    print(sweep_table(sweep), flush=True)
    fast = speed(judged.place, options.device, options.threads, options.repeats)
    fast |= streaming(judged.place, options.device, options.threads, options.stream_minutes)
    found: dict[str, Any] = {
        "methods": judged.figures,
        "margins": judged.margins.to_dict("records"),
        "certainty": judged.certainty.to_dict("records"),
        "possible": oracles,
        "runs": judged.runs,
        "steps": sweep,
        "speed": fast,
    }
    figures = [*quality(judged, oracles), *steps_kept(sweep), *speeds(fast)]
    if options.ablations:
        found["ablations"] = ablations(root, *pairs[0], options.ablation_steps or options.steps)
    return {"json": found, "figures": figures}


def learning(root: Path, options: argparse.Namespace, seed: int) -> Train:
    """Parameters of a training; with many infants nobody is learned by heart."""
    many = _judged.read_meta(root)["infants"] >= MANY_INFANTS
    ear_steps = options.ear_steps
    if ear_steps is None:
        ear_steps = 2 * options.steps if many else 0
    params = Train(seed=seed, ear_steps=ear_steps, steps=options.steps)
    changed: dict[str, Any] = {}
    if options.look_ahead is not None:
        changed["look_ahead_frames"] = options.look_ahead
    if many:
        changed |= {"dropout": 0.0, "habits": MANY_HABITS, "look_back_frames": LOOK_BACK_FRAMES}
        params = params.model_copy(update={"jitter": 0.03, "drop_identity": 0.1})
    return params.model_copy(update={"network": params.network.model_copy(update=changed)})


def judging(options: argparse.Namespace, learning: Train) -> Evaluate:
    """Parameters of its judgement; the published models are trained from the same seed.

    They see as many batches as the generator does in all.
    """
    every = learning.ear_steps + learning.steps
    return Evaluate(
        seeds=[learning.seed],
        videos=0,
        samples=options.samples,
        sample_steps=options.sample_steps,
        temperature=options.temperature,
        peers=Peers(methods=list(options.peers), steps=options.peer_steps or every),
    )


def swept(
    root: Path, options: argparse.Namespace, learning: Train, judging: Evaluate
) -> dict[str, dict[str, float]]:
    """Steps against quality, by the generator in `root` and by one distilled from it."""
    found = _judged.by_steps(root, judging, list(options.sweep), options.sweep_spans)
    if options.distil:
        asked = Distil(
            steps=options.distil, from_steps=options.distil_from, batches=options.distil_batches
        )
        learning = learning.model_copy(update={"distil": asked})
        found |= _judged.distilled(root, learning, judging, options.sweep_spans)
    return found


def quality(judged: Judged, oracles: dict[str, Any]) -> Iterator[Figure]:
    """What is asked of quality, and what was reached."""
    figures, margins = judged.figures, judged.margins.set_index(["own", "than", "metric"])
    ours = figures[OURS]
    own_ones = [name for name in judged.methods if name in OWN]
    for own, rival, metric in product(own_ones, rivals(judged.methods), DECIDING):
        if not fair(own, rival):
            continue
        row = margins.loc[(own, rival, metric)]
        yield Figure(
            f"{SAID[own]}: better {metric} than {rival}, low end",
            float(row["low"]),
            0.0,
            ">=",
            note=f"gain {row['gain']:.3f}, p {row['p_holm']:.4f} corrected",
        )
    peers = [name for name in rivals(judged.methods) if name not in (SHUFFLED, *HUMBLE)]
    if peers:
        for own in own_ones:
            best = min(figures[name]["lve_mm2"] for name in peers if fair(own, name))
            ratio = figures[own]["lve_mm2"] / best
            yield Figure(f"{SAID[own]}: LVE for that of the best published model", ratio, 0.7)
        told = oracles["mean_of_alike"]["lve_mm2"] / min(figures[name]["lve_mm2"] for name in peers)
        yield Figure("all that sound and looks tell: LVE for that of the best published", told)
    yield Figure("aperture PCC, best of the samples", ours["aperture_pcc_best"], 0.8, ">=")
    yield Figure("aperture PCC, mean of the samples", ours["aperture_pcc_mean"])
    yield Figure("aperture CCC, best of the samples", ours["aperture_ccc_best"], 0.75, ">=")
    yield Figure("aperture CCC, mean of the samples", ours["aperture_ccc_mean"])
    for own in own_ones:
        closed = figures[own].get("silence_closed_f1", 0.0)
        yield Figure(f"{SAID[own]}: mouth closed on silence, F1", closed, 0.95, ">=")
    ratio = ours["diversity_mm"] / oracles["faces"]["diversity_mm"]
    yield Figure("diversity for the truth's own, at least", ratio, 0.7, ">=")
    yield Figure("diversity for the truth's own, at most", ratio, 1.3)
    yield Figure(
        "LVE, best of the samples for their mean", ours["lve_best_mm2"] / ours["lve_mean_mm2"], 0.8
    )
    for kind in ("laugh", "babble"):
        seen, true = ours.get(f"{kind}_rate"), ours.get(f"{kind}_rate_true")
        if seen is not None:
            note = f"the truth's own is {true:.2f}"
            yield Figure(f"{kind}: events off the sound's", abs(seen - 1), 0.1, note=note)


def fair(own: str, rival: str) -> bool:
    """Whether a rival knows no more of the infant."""
    return own.endswith(FAMILIAR) or not rival.endswith(FAMILIAR)


def steps_kept(sweep: dict[str, dict[str, float]]) -> Iterator[Figure]:
    """How much few steps lose against the most."""
    counted = [int(count) for count in sweep if count.isdecimal()]
    if len(sweep) < 2 or not counted:
        return
    most = str(max(counted))
    for few in sweep:
        if few == most:
            continue
        for name, asked in (("lve_mean_mm2", 0.02), ("diversity_mm", 0.05)):
            lost = abs(sweep[few][name] / sweep[most][name] - 1)
            wanted = 0.05 if "distilled" in few else asked if few == "8" else None
            yield Figure(f"{few} steps against {most}, change of {name}", lost, wanted)


def speeds(fast: dict[str, float]) -> Iterator[Figure]:
    """How fast it is."""
    asked = {
        "offline_times_real_time": (5.0, ">="),
        "stream_look_ahead_ms": (200.0, "<="),
        "stream_frame_p95_ms": (20.0, "<="),
        "stream_times_real_time": (1.0, ">="),
        "stream_memory_grown_mb": (4.0, "<="),
    }
    for name, value in fast.items():
        wanted, op = asked.get(name, (None, ">="))
        yield Figure(name.replace("_", " "), value, wanted, op)


def table(judged: Judged, oracles: dict[str, Any]) -> str:
    """Every method's metrics, and what is possible."""
    rows = {name: judged.figures[name] for name in judged.methods}
    rows |= {name: oracles[name] for name in _judged.ORACLES}
    lines = [f"{'':18}" + "".join(f"{title:>9}" for title, _ in COLUMNS)]
    for method, row in rows.items():
        cells = "".join(f"{row.get(name, float('nan')):9.3f}" for _, name in COLUMNS)
        lines.append(f"{method:18}{cells}")
    truth = judged.figures[OURS]
    lines.append(
        f"of the truth itself: beat {truth.get('beat_alignment_true', float('nan')):.3f}, "
        f"laugh {truth.get('laugh_rate_true', float('nan')):.3f}, "
        f"babble {truth.get('babble_rate_true', float('nan')):.3f}"
    )
    lines += [
        f"seed {run['seed']}: trained {run['train_s']:.0f} s ({run['verdict']}), "
        f"judged {run['evaluate_s']:.0f} s, baselines' trainings among it"
        for run in judged.runs
    ]
    lines += [spread(row) for row in judged.certainty.to_dict("records") if told(row)]
    return "\n".join(lines)


def told(row: dict[str, Any]) -> bool:
    """Whether a row of certainties is printed."""
    return row["method"] in OWN and row["metric"] in DECIDING


def spread(row: dict[str, Any]) -> str:
    """Word how sure a figure is."""
    return (
        f"{SAID[row['method']]}, {row['metric']}: {row['mean']:.3f} "
        f"({row['low']:.3f} to {row['high']:.3f} over infants), "
        f"spread over seeds {row['seed_spread']:.3f}, over infants {row['source_spread']:.3f}"
    )


def sweep_table(sweep: dict[str, dict[str, float]]) -> str:
    """Steps against quality."""
    names = ("lve_mean_mm2", "lve_best_mm2", "lve_of_mean_mm2", "diversity_mm", "seconds")
    lines = [f"{'steps':12}" + "".join(f"{name:>17}" for name in names)]
    lines += [
        f"{count:12}" + "".join(f"{row[name]:17.3f}" for name in names)
        for count, row in sweep.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
