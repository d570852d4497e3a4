"""The generator where loudness tells little: is it better than what is simpler, and how fast?

Infants cry, laugh and babble without a pixel (pipeline/nursery/unseen.py): one sound goes with many
faces. Several trainings, each judged on infants that it never met against every baseline, among
them own implementations of FaceFormer, CodeTalker and Imitator trained on the same; then steps
against quality, speed, and, where they are asked for, ablations.

    cradle bench generator --json generator.json
    cradle bench generator --minutes 120 --steps 3000 --peer-steps 3000 --keep harder --ablations
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.generator.judge import HUMBLE, OURS, SHUFFLED
from pipeline.generator.params import Evaluate, Peers, Train
from pipeline.generator.results import DECIDING
from tests.bench import _judged
from tests.bench._ablations import ablations
from tests.bench._figures import Figure, report
from tests.bench._judged import Judged
from tests.bench._speed import speed
from tests.bench._unseen import make_pack

PEERS = ("faceformer", "codetalker", "imitator")
SWEEP = (50, 8, 4, 2)
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
    ("beat", "beat_alignment"),
    ("laugh", "laugh_rate"),
    ("babble", "babble_rate"),
)


def main(argv: Sequence[str]) -> int:
    """Run and print; 0 where every figure that is asked for is reached."""
    options = arguments().parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        root = options.keep or Path(folder)
        if not (root / "data/pack/meta.json").exists():
            make_pack(root / "data/pack", options.minutes, options.noise)
        meta = _judged.read_meta(root)
        print(
            f"{meta['minutes']:.0f} min of {meta['infants']} infants, no pixel rendered", flush=True
        )
        found = measured(root, options)
    if options.json:
        options.json.write_text(json.dumps({"data": meta, **found["json"]}, indent=2) + "\n")
    return report("the generator, on infants that it never met", found["figures"])


def arguments() -> argparse.ArgumentParser:
    """Sizes, and what is measured besides quality."""
    parser = argparse.ArgumentParser(
        prog="cradle bench generator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--minutes", type=float, default=12, help="of sound, in all (%(default)s)")
    add("--seeds", type=int, default=3, help="trainings, each of another seed (%(default)s)")
    add("--steps", type=int, default=Train().steps, help="training steps (%(default)s)")
    add("--peer-steps", type=int, default=150, help="those of the published models (%(default)s)")
    add("--peers", nargs="*", choices=PEERS, default=PEERS, help="which of them (all)")
    add("--samples", type=int, default=10, help="samples of a sound (%(default)s)")
    add("--sample-steps", type=int, default=Evaluate().sample_steps, help="DDIM steps")
    add("--sweep", nargs="*", type=int, default=SWEEP, help="steps to compare (%(default)s)")
    add("--repeats", type=int, default=5, help="of what is timed (%(default)s)")
    add("--device", default="cpu", help="that speed is measured on (%(default)s)")
    add("--threads", type=int, default=1, help="that speed is measured with (%(default)s)")
    add("--noise", type=float, default=0.15, help="latent noise of the fit (%(default)s)")
    add("--ablations", action="store_true", help="one more training a part that is left out")
    add("--keep", type=Path, help="keep data and generator in this folder, and use what is there")
    add("--json", type=Path, help="write everything here")
    return parser


def measured(root: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure all that was asked for; the JSON of it and the figures that are asked."""
    peers = Peers(methods=list(options.peers), steps=options.peer_steps)
    pairs = [
        (
            Train(seed=seed, steps=options.steps),
            Evaluate(
                seeds=[seed],
                videos=0,
                samples=options.samples,
                sample_steps=options.sample_steps,
                peers=peers,
            ),
        )
        for seed in range(options.seeds)
    ]
    judged = _judged.trained_and_judged(root, pairs)
    oracles = _judged.possible(root, pairs[-1][1])
    print(table(judged, oracles), flush=True)
    sweep = _judged.by_steps(root, pairs[-1][1], list(options.sweep))
    print(sweep_table(sweep), flush=True)
    fast = speed(root, options.device, options.threads, options.repeats)
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
        found["ablations"] = ablations(root, *pairs[0])
    return {"json": found, "figures": figures}


def quality(judged: Judged, oracles: dict[str, Any]) -> Iterator[Figure]:
    """What is asked of quality, and what was reached."""
    figures, margins = judged.figures, judged.margins.set_index(["than", "metric"])
    ours = figures[OURS]
    for rival in judged.methods[1:]:
        for metric in DECIDING:
            row = margins.loc[(rival, metric)]
            yield Figure(
                f"better {metric} than {rival}, low end",
                float(row["low"]),
                0.0,
                ">=",
                note=f"gain {row['gain']:.3f}, p {row['p_holm']:.4f} corrected",
            )
    peers = [name for name in judged.methods if name not in (OURS, SHUFFLED, *HUMBLE)]
    if peers:
        best = min(figures[name]["lve_mm2"] for name in peers)
        yield Figure("LVE for that of the best published model", ours["lve_mm2"] / best, 0.7)
    yield Figure("aperture PCC, best of the samples", ours["aperture_pcc_best"], 0.8, ">=")
    yield Figure("aperture PCC, mean of the samples", ours["aperture_pcc_mean"])
    yield Figure("aperture CCC, best of the samples", ours["aperture_ccc_best"], 0.75, ">=")
    yield Figure("aperture CCC, mean of the samples", ours["aperture_ccc_mean"])
    yield Figure("mouth closed on silence, F1", ours.get("silence_closed_f1", 0.0), 0.95, ">=")
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


def steps_kept(sweep: dict[int, dict[str, float]]) -> Iterator[Figure]:
    """How much few steps lose against the most."""
    if len(sweep) < 2:
        return
    most = max(sweep)
    for few in sorted(set(sweep) - {most}, reverse=True):
        for name, asked in (("lve_mean_mm2", 0.02), ("diversity_mm", 0.05)):
            lost = abs(sweep[few][name] / sweep[most][name] - 1)
            yield Figure(
                f"{few} steps against {most}, change of {name}", lost, asked if few == 8 else None
            )


def speeds(fast: dict[str, float]) -> Iterator[Figure]:
    """How fast it is."""
    asked = {"offline_times_real_time": 5.0}
    for name, value in fast.items():
        yield Figure(name.replace("_", " "), value, asked.get(name), ">=")


def table(judged: Judged, oracles: dict[str, Any]) -> str:
    """Every method's metrics, and what is possible."""
    rows = {name: judged.figures[name] for name in judged.methods}
    rows |= {name: oracles[name] for name in ("another_face", "mean_of_faces")}
    lines = [f"{'':14}" + "".join(f"{title:>9}" for title, _ in COLUMNS)]
    for method, row in rows.items():
        cells = "".join(f"{row.get(name, float('nan')):9.3f}" for _, name in COLUMNS)
        lines.append(f"{method:14}{cells}")
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
    return row["method"] == OURS and row["metric"] in DECIDING


def spread(row: dict[str, Any]) -> str:
    """Word how sure a figure is."""
    return (
        f"{row['metric']}: {row['mean']:.3f} ({row['low']:.3f} to {row['high']:.3f} over infants), "
        f"spread over seeds {row['seed_spread']:.3f}, over infants {row['source_spread']:.3f}"
    )


def sweep_table(sweep: dict[int, dict[str, float]]) -> str:
    """Steps against quality."""
    names = ("lve_mean_mm2", "lve_best_mm2", "lve_of_mean_mm2", "diversity_mm", "seconds")
    lines = ["steps" + "".join(f"{name:>17}" for name in names)]
    lines += [
        f"{count:5}" + "".join(f"{row[name]:17.3f}" for name in names)
        for count, row in sweep.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
