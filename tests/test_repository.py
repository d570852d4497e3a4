"""The repository keeps its own rules: dvc.yaml, params.yaml, README and the code agree."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from pipeline.__main__ import COMMANDS
from pipeline.core.code import PROJECT, imports, is_module, module_file
from pipeline.core.params import ParamsError
from pipeline.core.reasons import Reason
from pipeline.params import STAGES, Everything, load

GRAPH: dict[str, Any] = yaml.safe_load((PROJECT / "dvc.yaml").read_text())
SOURCES = sorted([*PROJECT.glob("pipeline/**/*.py"), *PROJECT.glob("stages/*.py")])
TESTS = sorted(PROJECT.glob("tests/**/*.py"))
# What one domain may take from another beside the core; everything else meets in files.
SHARED = {
    "media": set(),
    "nursery": {"morph", "media"},
    "generator": {"dataset"},
    "audit": {"media", "morph", "dataset"},
}
DOMAINS = {"sources", "media", "voice", "face", "morph", "dataset", "generator", "audit", "nursery"}
TOP = {
    ".ci",
    ".dvc",
    ".dvcignore",
    ".gitignore",
    "LICENSE",
    "Makefile",
    "README.md",
    "data",
    "dvc.lock",
    "dvc.yaml",
    "models",
    "params.yaml",
    "pipeline",
    "pyproject.toml",
    "stages",
    "tests",
    "uv.lock",
}


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return listed.stdout.split("\n")[:-1]


def everything_imported(module: str) -> set[Path]:
    seen: set[Path] = set()
    ahead = [module]
    while ahead:
        path = module_file(ahead.pop())
        if path not in seen:
            seen.add(path)
            ahead += [*imports(path), *named(path)]
    return seen


def named(path: Path) -> Iterator[str]:
    """Modules that a registry of backends names, and imports when one is asked for."""
    for call in ast.walk(ast.parse(path.read_text())):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Registry":
            texts = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant)]
            yield from (text for text in texts if isinstance(text, str) and is_module(text))


def paths(listed: list[Any]) -> list[str]:
    return [item if isinstance(item, str) else next(iter(item)) for item in listed]


def test_the_graph_has_the_nine_stages_in_order() -> None:
    assert tuple(GRAPH["stages"]) == STAGES
    for name, stage in GRAPH["stages"].items():
        assert stage["cmd"] == f"python -m stages.{name}"


@pytest.mark.parametrize("name", STAGES)
def test_deps_cover_what_a_stage_imports(name: str) -> None:
    deps = [PROJECT / dep for dep in paths(GRAPH["stages"][name]["deps"])]
    made = [PROJECT / out for stage in GRAPH["stages"].values() for out in paths(stage["outs"])]
    assert all(dep.exists() or dep in made or "metrics" in dep.parts for dep in deps)
    for path in everything_imported(f"stages.{name}"):
        inside = any(path == dep or path.is_relative_to(dep) for dep in deps)
        package = path.name == "__init__.py" and not _code(path)
        assert inside or package, f"{name} imports {path.relative_to(PROJECT)}, no dep covers it"


@pytest.mark.parametrize("name", STAGES)
def test_no_dep_is_idle_code(name: str) -> None:
    used = everything_imported(f"stages.{name}")
    for dep in paths(GRAPH["stages"][name]["deps"]):
        if dep.startswith(("pipeline/", "stages/")):
            folder = PROJECT / dep
            assert any(path == folder or path.is_relative_to(folder) for path in used), dep


def test_every_stage_writes_its_own_places() -> None:
    outs = [
        out
        for stage in GRAPH["stages"].values()
        for kind in ("outs", "metrics", "plots")
        for out in paths(stage.get(kind, []))
    ]
    assert len(outs) == len(set(outs))
    for one in outs:
        assert not any(other != one and other.startswith(f"{one}/") for other in outs)
    for name in STAGES:
        assert f"data/{name}" in outs


def test_the_main_graph_trains_no_weights_that_ship() -> None:
    """DVC joins graphs by files: an out of a recipe that a stage reads would be made first."""
    made = {
        (recipe.parent / stage.get("wdir", ".") / out).resolve()
        for recipe in PROJECT.glob("models/*/dvc.yaml")
        for stage in yaml.safe_load(recipe.read_text())["stages"].values()
        for kind in ("outs", "metrics", "plots")
        for out in paths(stage.get(kind, []))
    }
    assert made
    read = {(PROJECT / dep) for stage in GRAPH["stages"].values() for dep in paths(stage["deps"])}
    for out in made:
        assert not any(out == dep or out.is_relative_to(dep) for dep in read), out


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_its_own_section(name: str) -> None:
    assert name in GRAPH["stages"][name]["params"]
    assert "run" not in GRAPH["stages"][name]["params"], "how work is run changes no result"


def test_params_yaml_and_the_models_agree_both_ways() -> None:
    content = yaml.safe_load((PROJECT / "params.yaml").read_text())
    load(PROJECT)
    assert sorted(_missing(content, Everything, "")) == []


def test_every_parameter_is_described() -> None:
    assert [key for key, field in _fields(Everything, "") if not field.description] == []


@pytest.mark.parametrize("name", [*STAGES, "run", "nursery"])
def test_a_misspelt_key_is_refused_by_name(name: str, tmp_path: Path) -> None:
    content = yaml.safe_load((PROJECT / "params.yaml").read_text())
    content[name]["no_such_knob"] = 1
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(
        ParamsError, match=rf"params.yaml: {name}.no_such_knob: no such key; allowed"
    ):
        load(tmp_path)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_imports_run_one_way(path: Path) -> None:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    for name in imports(path):
        found = name.split(".")
        if parts[0] == "pipeline":
            assert found[0] == "pipeline", f"{path} imports {name}"
        if parts[:2] == ("pipeline", "core"):
            assert found[1:2] in ([], ["core"]), f"the core imports {name}"
        elif parts[0] == "pipeline" and parts[1] in DOMAINS and found[1:2] and found[1] in DOMAINS:
            allowed = {parts[1], "media"} | SHARED.get(parts[1], set())
            assert found[1] in allowed, f"{parts[1]} imports {name}"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_provoked_by_a_test(reason: Reason) -> None:
    wanted = re.compile(rf"Reason\.{reason.name}\b|[\"'`]{reason.value}[\"'`]")
    here = Path(__file__)
    assert any(wanted.search(path.read_text()) for path in TESTS if path != here), reason


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_given_by_the_code(reason: Reason) -> None:
    wanted = re.compile(rf"Reason\.{reason.name}\b")
    given = [path for path in SOURCES if path.name != "reasons.py"]
    assert any(wanted.search(path.read_text()) for path in given), reason


def test_every_command_of_the_readme_exists() -> None:
    readme = (PROJECT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.M))
    code = "\n".join(re.findall(r"```(?:sh|bash|console)?\n(.*?)```", readme, re.S))
    code += "\n" + "\n".join(re.findall(r"`([^`\n]+)`", readme))
    cradle = set(re.findall(r"^\s*\$?\s*(?:uv run )?cradle ([a-z-]+)", code, re.M))
    assert cradle
    assert cradle <= set(COMMANDS)
    assert set(re.findall(r"^make ([a-z]+)", code, re.M)) <= targets
    for path in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (PROJECT / path).exists(), path


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_helps_with_an_example(command: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "pipeline", command, "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"example:\n  cradle {command}" in shown.stdout


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from pipeline.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'mediapipe', 'pandas', 'demucs', 'cv2', 'numba'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True, capture_output=True)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_imported_without_its_models(name: str) -> None:
    program = (
        f"import sys, stages.{name}\n"
        "heavy = {'mediapipe', 'demucs', 'pyannote.audio', 'transformers'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True, capture_output=True)


DANGERS = {
    # Others' checkpoints are read as numbers and names; anything else in them is an error.
    "torch.load": r"\btorch\.load\((?![^)]*weights_only=True)",
    "pickle": r"\bpickle\b(?! import UnpicklingError$)|\bjoblib\b|allow_pickle\s*=\s*True",
    "a shell": r"shell\s*=\s*True|os\.system\(|os\.popen\(",
    "yaml.load": r"yaml\.load\(",
    "a bare except": r"except:\s*$",
    "eval": r"(?<![\w.])(?:eval|exec)\(",
}


@pytest.mark.parametrize("danger", sorted(DANGERS))
def test_dangerous_calls_are_absent(danger: str) -> None:
    wanted = re.compile(DANGERS[danger], re.M)
    found = [str(path) for path in SOURCES if wanted.search(_without_text(path))]
    assert found == []


def test_only_media_starts_processes() -> None:
    starts = re.compile(r"\bsubprocess\b|Popen\(")
    found = {
        path.relative_to(PROJECT).parts[1] for path in SOURCES if starts.search(_without_text(path))
    }
    assert found <= {"media"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{path.name}: {node.name}"


def test_a_stage_entry_is_thin() -> None:
    for name in STAGES:
        assert len((PROJECT / "stages" / f"{name}.py").read_text().splitlines()) <= 60


def test_nothing_stands_at_the_top_that_nobody_asked_for() -> None:
    assert {path.split("/")[0] for path in tracked()} <= TOP


def test_no_media_is_in_git() -> None:
    endings = (".mp4", ".mov", ".mkv", ".webm", ".wav", ".flac", ".ogg", ".mp3", ".m4a")
    assert [path for path in tracked() if path.lower().endswith(endings)] == []


def _code(path: Path) -> bool:
    body = ast.parse(path.read_text()).body
    return any(not isinstance(node, ast.Expr) for node in body)


def _without_text(path: Path) -> str:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.unparse(tree)


def _missing(content: Any, model: type[BaseModel], where: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if name not in content:
            yield f"{where}{name}"
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _missing(content[name], field.annotation, f"{where}{name}.")


def _fields(model: type[BaseModel], where: str) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _fields(inner, f"{where}{name}.")
        else:
            yield f"{where}{name}", field
