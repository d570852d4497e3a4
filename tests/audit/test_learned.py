"""What the report says of the generator."""

import json

import pandas as pd

from pipeline.audit.learned import learned

ROW = {"lve_mm2": 4.0, "aperture_dtw_mm": 1.0, "l_pcc": 0.6, "l_ccc": 0.5}
SAMPLES = {"samples": 10, "diversity_mm": 1.5, "lve_mean_mm2": 6, "lve_best_mm2": 3}


def written(data):
    (data / "metrics").mkdir()
    (data / "evaluate").mkdir()
    figures = {
        "spans": 4,
        "ours": ROW | SAMPLES | {"lve_of_mean_mm2": 4.5},
        "faceformer": ROW | {"lve_mm2": 5.0},
    }
    (data / "metrics/evaluate.json").write_text(json.dumps(figures))
    kind = {"vocalization": "cry", "method": "ours", "spans": 3, "laugh_rate": None} | ROW
    pd.DataFrame([kind | {"babble_rate": None}]).to_csv(data / "evaluate/by_vocalization.csv")
    row = ("ours", "faceformer", "lve_mm2", 1.0, 0.5, 1.5, 0.01, 0.04, 7)
    columns = ["own", "than", "metric", "gain", "low", "high", "p", "p_holm", "sources"]
    pd.DataFrame([row], columns=columns).to_csv(data / "evaluate/margins.csv", index=False)
    heads = ["span_id", "frame", "truth", "ours", "shuffled", "mean_face", "faceformer"]
    rows = [("a__0", frame, 3.0, 3.1, 5.0, 2.0, 2.5) for frame in range(9)]
    pd.DataFrame(rows, columns=heads).to_csv(data / "evaluate/aperture.csv", index=False)
    return learned(data, 0.0)


def test_every_method_is_named_and_the_best_is_marked(tmp_path):
    found = written(tmp_path)
    names = dict(found.rows)
    assert set(names) == {"the generator", "FaceFormer, own implementation"}
    assert [cell.best for cell in names["the generator"]][:1] == [True]
    assert [cell.best for cell in names["FaceFormer, own implementation"]][:1] == [False]


def test_gains_are_told_with_their_sources_and_corrected_p(tmp_path):
    (text,) = written(tmp_path).gains
    assert text.startswith("the generator, LVE: better than FaceFormer")
    assert "0.500 to 1.500, 7 sources, p 0.040 after correction" in text


def test_vocalizations_have_their_own_figures_and_no_rate_where_there_is_none(tmp_path):
    ((name, cells),) = written(tmp_path).kinds
    assert name == "cry"
    assert cells == ["3", "4.000", "1.000", "0.600", "0.500", "–", "–"]


def test_an_aperture_is_drawn_of_the_truth_and_of_every_method_together(tmp_path):
    (plot,) = written(tmp_path).apertures
    assert plot.title == "a__0"
    names = [line.name for line in plot.lines]
    assert names == ["truth", "ours", "shuffled", "mean face", "faceformer"]


def test_variety_is_told_in_words(tmp_path):
    assert "10 samples of a sound lie 1.50 mm apart" in written(tmp_path).variety


def test_what_was_published_is_apart_from_what_was_measured(tmp_path):
    found = written(tmp_path)
    assert dict(found.published)["CodeTalker"] == ["25.37", "2.48", "0.045", "0.011"]
    assert not {name for name, _ in found.published} & {name for name, _ in found.rows}
