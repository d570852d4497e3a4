"""Parameter models: what params.yaml may say, and errors that name file, key and range."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.core.errors import ParamsError


class Params(BaseModel):
    """One section of params.yaml: frozen, no unknown keys, units in the names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


P = TypeVar("P", bound=BaseModel)


def read(path: Path, model: type[P]) -> P:
    """Read a whole params file into `model`.

    Raises:
        ParamsError: the file is missing, is not YAML, or does not fit; every misfit is listed with
            its key and what is allowed there.
    """
    try:
        content = _plain(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: not found; run from the project's folder") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise ParamsError(
            f"{path}: should hold one section a stage, holds {type(content).__name__}"
        )
    return fit(content, model, str(path))


def _plain(text: str) -> Any:
    """What `safe_load` gives, by libyaml where it is there, which is ten times as fast."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def fit(content: Mapping[str, Any], model: type[P], where: str) -> P:
    """Fit plain values into `model`, naming `where` they came from in errors."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [_explain(item, model, where) for item in error.errors()]
        raise ParamsError("\n".join(lines)) from None


def _explain(item: Any, model: type[BaseModel], where: str) -> str:
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        allowed = ", ".join(sorted(_siblings(model, item["loc"])))
        return f"{where}: {key}: no such key; allowed here: {allowed}"
    if item["type"] == "missing":
        return f"{where}: {key}: is missing and has no default"
    return f"{where}: {key}: {item['msg'].lower()}; found {item['input']!r}"


def _siblings(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        inner = model.model_fields[part].annotation
        arguments = getattr(inner, "__args__", ())
        candidates = [inner, *arguments]
        model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(model.model_fields)
