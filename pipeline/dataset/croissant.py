"""Croissant metadata: what machines are told of a packed dataset.

data/pack/croissant.json    JSON-LD, Croissant 1.1 with its vocabulary for responsible AI

See https://docs.mlcommons.org/croissant. It names every other file of the folder with its SHA-256,
so it is written last.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.core.backends import file_digest
from pipeline.dataset import rai, shards
from pipeline.dataset.facts import Facts
from pipeline.dataset.rights import SOURCES, spdx
from pipeline.dataset.words import plain

Json = dict[str, Any]

CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
FORMATS = {
    ".parquet": "application/x-parquet",
    ".json": "application/json",
    ".md": "text/markdown",
}
MEANING = {
    "span_id": "The clip and the number of the span in it.",
    "clip": "The clip that the span was cut out of.",
    "source": "What clips of one infant share; no source is in two splits.",
    "split": "train, val or test.",
    "vocalization": "What is heard.",
    "start_frame": "Where the span begins in its clip, in frames.",
    "frames": "T, the length of the span in frames.",
    "valid_frames": "How many of its frames were measured.",
    "synthetic": "Made rather than filmed.",
    "expression": "(T, 64) standard deviations of the morphable model.",
    "pose": "(T, 6) rotation vector in radians, translation in mm.",
    "valid": "(T,) whether the frame was measured.",
    "audio": "(T, C) features of the infant's voice; the first is its energy in dB.",
    "identity": "(32,) standard deviations of the morphable model.",
    "age": "A standard deviation of the morphable model.",
    "licence": "As the catalogue words it.",
    "consent": "By what right: parental, platform_cc, public_domain, synthetic or none.",
    "vocalizations": "What is heard in its spans.",
    "clips": "The clips that the row is about.",
    "spans": "Spans of infants' voices and faces; in the table of sources, how many.",
    "sources": "By what right each source is here.",
    "seconds": "How long they are together.",
}
_TYPES = {
    pa.string(): "sc:Text",
    pa.bool_(): "sc:Boolean",
    pa.int32(): "cr:Int32",
    pa.float32(): "cr:Float32",
    pa.float64(): "cr:Float64",
}
_CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def metadata(facts: Facts, folder: Path) -> Json:
    """Describe the files that lie in `folder`."""
    files = sorted(path for path in folder.iterdir() if path.suffix in FORMATS)
    audio_width = facts.meta["feature"]["width"]
    in_shards = {"fileSet": {"@id": "shards"}}
    in_table = {"fileObject": {"@id": "sources.parquet"}}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        **_release(facts, shards.paths(folder)),
        **{f"rai:{name}": answer for name, answer in rai.answers(facts).items()},
        "distribution": [*(_file(path) for path in files), _shards(facts)],
        "recordSet": [
            _records("spans", ["span_id"], in_shards, shards.schema(audio_width)),
            _records("sources", ["source", "licence", "consent"], in_table, SOURCES),
        ],
    }


def version(facts: Facts, paths: list[Path]) -> str:
    """The publisher's version with a digest of the shards as its build."""
    digest = hashlib.sha256("".join(file_digest(path) for path in paths).encode()).hexdigest()
    return f"{facts.release.version}+{digest[:12]}"


def _release(facts: Facts, paths: list[Path]) -> Json:
    release, numbered = facts.release, version(facts, paths)
    organisation = {"@type": "sc:Organization", "name": release.publisher}
    said = {
        "name": release.name,
        "description": (
            "Infants' faces and non-verbal voices as numbers: for every frame expression, pose and "
            "features of the sound, for every span identity and age of a morphable model. No "
            "picture and no sound."
        ),
        "version": numbered,
        "datePublished": release.date,
        "license": _licences(facts),
        "citeAs": _bibtex(facts, numbered),
        "url": release.url,
        "creator": organisation if release.publisher else "",
        "publisher": organisation if release.publisher else "",
        "keywords": ["infant", "non-verbal", "3d face", "expression", *sorted(facts.offered)],
    }
    return {name: value for name, value in said.items() if value}


def _licences(facts: Facts) -> list[str]:
    known = {text: spdx(text) for text in sorted(set(facts.sources["licence"]))}
    named = [
        f"https://spdx.org/licenses/{name}" if name else f"{plain(text)} (see sources.parquet)"
        for text, name in known.items()
    ]
    return sorted(set(named)) or ["none, for nothing is inside"]


def _bibtex(facts: Facts, numbered: str) -> str:
    release = facts.release
    fields = {
        "title": f"{release.name}: infants' faces and voices as latents",
        "author": release.publisher,
        "year": release.date[:4],
        "version": numbered,
        "url": release.url,
    }
    said = [f"{name}={{{_braceless(value)}}}" for name, value in fields.items() if value]
    return f"@misc{{cradle, {', '.join(said)}}}"


def _braceless(text: str) -> str:
    return text.replace("{", "(").replace("}", ")")


def _file(path: Path) -> Json:
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": FORMATS[path.suffix],
        "sha256": file_digest(path),
    }


def _shards(facts: Facts) -> Json:
    return {
        "@type": "cr:FileSet",
        "@id": "shards",
        "name": "shards",
        "description": "The spans, in one or more files a split.",
        "encodingFormat": FORMATS[".parquet"],
        "includes": [f"{name}-*.parquet" for name in facts.splits] or ["*-*.parquet"],
    }


def _records(name: str, key: list[str], source: Json, columns: pa.Schema) -> Json:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": MEANING[name],
        "key": [{"@id": f"{name}/{column}"} for column in key],
        "field": [_field(name, source, column) for column in columns],
    }


def _field(records: str, source: Json, column: pa.Field) -> Json:
    shape, kind = _shape(column.type)
    field = {
        "@type": "cr:Field",
        "@id": f"{records}/{column.name}",
        "name": column.name,
        "description": MEANING[column.name],
        "dataType": ["sc:Text", "cr:Split"] if column.name == "split" else _TYPES[kind],
        "source": {**source, "extract": {"column": column.name}},
    }
    if shape:
        field |= {"isArray": True, "arrayShape": ",".join(map(str, shape))}
    return field


def _shape(kind: pa.DataType) -> tuple[list[int], pa.DataType]:
    """The shape of a list of lists, -1 where it varies, and what it is made of."""
    shape = []
    while pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        shape.append(kind.list_size if pa.types.is_fixed_size_list(kind) else -1)
        kind = kind.value_type
    return shape, kind
