"""What the Croissant vocabulary for responsible AI asks of a dataset, answered from the facts.

The keys are the vocabulary's own; the datasheet answers with the same words where it asks the same.
"""

from __future__ import annotations

from pipeline.core.reasons import Reason
from pipeline.dataset.facts import Facts
from pipeline.dataset.words import listed, plain

Answers = dict[str, str | list[str]]


def answers(facts: Facts) -> Answers:
    """Every answer, by the vocabulary's name for the question."""
    return {
        **_collected(facts),
        **_worked_on(facts),
        **_annotated(facts),
        "dataBiases": _biases(facts),
        "dataLimitations": _limitations(facts),
        "dataUseCases": [
            "Training and judging generators that turn an infant's non-verbal voice into motion of "
            "a face.",
            "Study of how infants' voice and expression go together, over many infants.",
            "Not: to recognise, find or describe a particular child; to diagnose; to judge a "
            "child's state in care.",
        ],
        "dataSocialImpact": (
            "Synthetic infants that move plausibly serve animation, simulation and teaching. The "
            "same can fake recordings of children; what Cradle's generator makes is marked as "
            "synthetic, and others should keep to that."
        ),
        "personalSensitiveInformation": _personal(facts),
        "dataReleaseMaintenancePlan": (
            "A clip that its owner takes back is left out of the next version and never fetched "
            "again; who holds an older version is asked to delete it, with copies that libraries "
            "cache. The version's last part is a digest of the content."
        ),
    }


def consents(facts: Facts) -> dict[str, int]:
    """How many clips came under which consent."""
    return {plain(name): int(n) for name, n in facts.clips.groupby("consent").size().items()}


def dropped(facts: Facts) -> dict[str, int]:
    """How many clips were not kept, by reason, over all stages."""
    counts: dict[str, int] = {}
    for reasons in facts.dropped.values():
        for reason, count in reasons.items():
            counts[reason] = counts.get(reason, 0) + count
    return counts


def _collected(facts: Facts) -> Answers:
    made, kept = facts.synthetic_share, facts.clips["clip"].nunique()
    kind = "Software Collection" if made == 1 else "Manual Human Curator"
    origin = (
        f"{made:.0%} of the frames are synthetic: rendered by a program that knows the truth. "
        if made
        else ""
    )
    lost = [
        f"{count} {reason} ({Reason.named(reason).explanation.rstrip('.')})"
        for reason, count in dropped(facts).items()
    ]
    return {
        "dataCollection": (
            f"{origin}Clips stand in a catalogue with source, licence and consent, "
            f"fetched, measured and judged by rules: of {facts.came_in} clips {kept} are inside, "
            f"from {facts.clips['source'].nunique()} sources. Consent, in clips: "
            f"{listed(consents(facts))}."
        ),
        "dataCollectionType": [kind] if made in (0, 1) else [kind, "Software Collection"],
        "dataCollectionMissingData": (
            f"Of {facts.came_in} clips were dropped: {'; '.join(lost) or 'none'}. Frames of judged "
            f"clips that were dropped: {listed(_frames(facts))}."
        ),
        "dataCollectionRawData": (
            "Videos with sound. They are no part of the dataset, which holds no picture and no "
            "sound, only what was measured of them."
        ),
    }


def _worked_on(facts: Facts) -> Answers:
    backends = facts.meta["backends"]

    def by(stage: str) -> str:
        return " and ".join(plain(found["name"]) for found in backends.get(stage, [])) or "unknown"

    return {
        "dataPreprocessingProtocol": [
            f"Video at {facts.fps:g} frames a second, sound at 16 kHz ({by('download')}).",
            f"The infant's voice is separated from the rest ({by('isolate')}).",
            f"Faces are found and what can be seen of them is measured ({by('landmarks')}).",
            "Frames and clips that fail a threshold are dropped, short gaps carried over.",
            f"A morphable model is fitted: one identity and age a clip, one expression and pose a "
            f"frame ({by('fit')}).",
            f"The voice becomes {facts.meta['feature']['width']} numbers a frame ({by('pack')}).",
        ],
        "dataImputationProtocol": (
            f"{1 - facts.measured_share:.1%} of the frames were not measured; their expression and "
            "pose lie on the line between their measured neighbours, and the column valid is false."
        ),
    }


def _annotated(facts: Facts) -> Answers:
    tools = [
        f"{stage}: {plain(found['name'])} {found['digest']}"
        for stage, many in facts.meta["backends"].items()
        for found in many
    ]
    return {
        "dataAnnotationProtocol": [
            "The vocalization is what the catalogue claims, held against what is heard. Everything "
            "else is measured by machine. A reviewer may overrule by hand, with a reason.",
        ],
        "annotationsPerItem": "One claim of the vocalization, one measurement of the rest.",
        "machineAnnotationTools": tools or ["unknown"],
    }


def _biases(facts: Facts) -> list[str]:
    yields = [f"{name} {got} of {n}" for name, (got, n) in facts.yields.items()]
    sounding = (facts.index.groupby("vocalization")["frames"].sum() / facts.fps).round(1)
    seconds = [f"{name} {value:g}" for name, value in sounding.items()]
    said = [
        "The rules keep what can be measured: bright, near, frontal, uncovered faces and voices "
        "that stand out. Frames dropped: " + listed(_frames(facts)) + ".",
        f"Clips inside of those offered: {', '.join(yields) or 'none'}.",
        f"Seconds by vocalization: {', '.join(seconds) or 'none'}.",
        facts.ages,
        "Sex, health, language at home and country are not recorded, so that no balance over them "
        "can be shown. How often clips are kept by tone of skin, age, light and loudness is told "
        "in the report of the run that made the dataset.",
    ]
    if facts.synthetic_share:
        said.append(
            f"{facts.synthetic_share:.0%} of the frames are synthetic; figures taken on them say "
            "nothing about real infants."
        )
    return said


def _limitations(facts: Facts) -> list[str]:
    return [
        f"{len(facts.index)} spans, {facts.seconds:.0f} s, {facts.clips['source'].nunique()} "
        "sources; what is learned from them holds for no others by itself.",
        "Expression, pose and age are estimates of a fitted model, not measurements of anatomy; "
        "age is in that model's own units.",
        "Latents belong to one morphable model, which meta.json names by digest, and mean nothing "
        "in another.",
        "It is no measure of what an infant feels or needs.",
    ]


def _personal(facts: Facts) -> list[str]:
    made = facts.synthetic_share
    whose = (
        "All spans are synthetic and are about nobody."
        if made == 1
        else "Measurements of the faces and voices of infants, who are a vulnerable group and "
        "cannot consent for themselves; by what right each is here stands in sources.parquet."
    )
    return [
        whose,
        "Latents of a living face and features of a voice are personal data, and biometric "
        "data where they are used to recognise somebody. No embedding made to recognise is stored.",
        "Not inside: names, addresses, pictures, sounds.",
    ]


def _frames(facts: Facts) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reasons in facts.frames_dropped.values():
        for reason, count in reasons.items():
            counts[reason] = counts.get(reason, 0) + count
    return counts
