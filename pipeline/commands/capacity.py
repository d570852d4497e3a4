"""`cradle capacity`: what a dataset of so many clips would take, by what clips have taken here."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from pipeline.core.capacity import (
    Capacity,
    Machines,
    Project,
    capacity,
    measured,
    most_in_memory,
)
from pipeline.core.errors import CradleError

EXAMPLE = "cradle capacity --clips 1000000 --cores 64 --memory-gb 128 --core-hour 0.04"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--clips", type=_count, required=True, help="such as 1000000 or 1e6")
    parser.add_argument("--cores", type=_count, required=True, help="of all machines together")
    parser.add_argument("--memory-gb", type=float, default=16.0, help="of the one with the tables")
    parser.add_argument("--gpus", type=int, default=0)
    parser.add_argument(
        "--gpu",
        action="append",
        default=[],
        type=_faster,
        metavar="STEP=CORES",
        help="how many cores one GPU stands for in a step, such as stem=40; may be repeated",
    )
    for name, text in (
        ("core-hour", "price of a core for an hour"),
        ("gpu-hour", "price of a GPU for an hour"),
        ("gb-month", "price of a GB of disk for a month"),
        ("gb-fetched", "price of a GB that comes in"),
    ):
        parser.add_argument(f"--{name}", type=float, default=0.0, help=text)
    parser.add_argument("--json", action="store_true", help="print it for a program")


def run(arguments: argparse.Namespace) -> int:
    """Say what it would take; nothing is measured."""
    project = measured(Path.cwd())
    if not project.steps:
        raise CradleError(
            "nothing was measured here yet, so what a clip takes is not known; `make run` first"
        )
    machines = Machines(
        cores=arguments.cores,
        memory_gb=arguments.memory_gb,
        gpus=arguments.gpus,
        faster=dict(arguments.gpu),
        core_hour=arguments.core_hour,
        gpu_hour=arguments.gpu_hour,
        gb_month=arguments.gb_month,
        gb_fetched=arguments.gb_fetched,
    )
    found = capacity(project, arguments.clips, machines)
    most = most_in_memory(project, machines)
    if arguments.json:
        told = {**asdict(found), "total_hours": found.total_hours, "clips_in_memory": most}
        print(json.dumps(told, indent=2))
    else:
        print(_words(arguments.clips, project, found, machines, most))
    return 0


def _words(clips: int, project: Project, found: Capacity, machines: Machines, most: int) -> str:
    gpus = f" and {machines.gpus} GPUs" if machines.gpus else ""
    return "\n".join(
        [
            *_parts(project, found),
            "",
            f"{clips:,} clips: {found.total_hours:,.1f} hours on {machines.cores:,} cores{gpus}",
            f"  {found.core_hours:,.0f} core-hours, {found.gpu_hours:,.0f} GPU-hours",
            f"  {found.disk_gb:,.1f} GB stored, {found.fetched_gb:,.1f} GB fetched",
            f"  {found.money:,.2f} in all, a month's disk included, at the prices given",
            f"  {found.memory_gb:,.1f} GB of tables in the largest stage; "
            f"{machines.memory_gb:g} GB hold those of {most:,} clips",
            *_breaks(clips, found, most),
        ]
    )


def _parts(project: Project, found: Capacity) -> list[str]:
    head = f"{'':20}{'s of a core, a clip':>20}{'kB, a clip':>12}{'hours':>12}"
    steps = [
        f"{name:20}{part.core_s:20.3f}{part.stored_bytes / 1e3:12,.0f}{found.steps[name]:12,.2f}"
        for name, part in project.steps.items()
    ]
    stages = [
        f"{'tables of ' + name:20}{line[1]:20.4f}{'':12}{found.stages[name]:12,.2f}"
        if line
        else f"{'tables of ' + name:20}{'not known: run it once with another number of clips':>64}"
        for name, line in project.stages.items()
    ]
    return [head, *steps, *stages]


def _breaks(clips: int, found: Capacity, most: int) -> list[str]:
    """Where it would break first."""
    told = []
    if clips > most:
        told.append(
            f"breaks first: tables no longer fit into memory beyond {most:,} clips; split the "
            "catalogue into projects of that size, or give the tables' machine more memory"
        )
    if found.alone_hours > 0.5 * found.total_hours:
        told.append(
            f"{found.alone_hours / found.total_hours:.0%} of the time is tables, which one core "
            "makes: more cores no longer help"
        )
    return told


def _count(text: str) -> int:
    try:
        count = int(float(text))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no number; such as 1000 or 1e6") from None
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; at least 1")
    return count


def _faster(text: str) -> tuple[str, float]:
    step, _, cores = text.partition("=")
    try:
        found = float(cores)
    except ValueError:
        found = 0.0
    if not step or found <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; a step and cores: stem=40")
    return step, found
