"""A rehearsal: a study's every step at the size of a minute, so that its mistakes are found before the night.

The study is written anew with fewer facts, steps, samples and seeds and small random models of the same architecture
and tokenizer, and that study is run as any other. Its facts come from the study's own source, its recipes, prompts,
event rules, models and formulas are the study's.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomlkit

from factsurv.events.errors import InputError
from factsurv.events.files import atomic, write_table
from factsurv.events.rules import sustained_of
from factsurv.events.section import LONGEST_NAME
from factsurv.flows.followed import follows
from factsurv.flows.progress import Board
from factsurv.flows.study_file import StudyFile, read_study
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.sources.biography_forms import FORMS
from factsurv.training.spec import FactsSpec, ModelSpec, layer_numbers

SUFFIX = "-rehearsal"
FACTS, SEEDS, SAMPLES, PRETRAINING = 60, 2, 4, 20
SMALLER = {"width": 64, "layers": 2, "heads": 4, "inner": None}  # of a model from random weights
PEOPLE = {"individuals": 64, "unseen": 16, "new": 16}  # of biographies, of whom some are taken
PROBES, EVERY = 6, 6  # checkpoints after the baseline, and epochs between them
WHEN = ("schedule", "every", "at", "unit", "checkpoints")  # keys of [probe]
COUNTS = "rehearsed-counts.arrow"
LEARNING_RATE = 3e-3  # with which a small random model learns some of so few facts in so few steps


def rehearsal(path: Path, results: Path) -> Path:
    """Write the study that rehearses the one at ``path``; returns its file, in a results folder of its own.

    Raises
    ------
    InputError
        What the study itself would be refused for, too; or the name of the rehearsal's folder is taken.
    """
    study = read_study(path)
    if study.simulation:
        raise InputError("a simulation is no longer than its rehearsal would be", str(path), "run the study itself")
    folder = results / called(study)
    own = folder / "rehearsal.toml"
    if (folder / "manifest.json").exists() and not own.is_file():
        raise InputError("these results are no rehearsal's", str(folder), "name another folder with --results")
    with Board() as board:
        board.say("rehearsal: facts and small models are made")
        facts, counts, models, told = _parts(study, board)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remedy = "name another folder with --results"
        raise InputError(f"cannot be made ({error.strerror})", str(folder), remedy) from error
    write_table(folder / "rehearsed.arrow", facts)
    if counts is not None:
        write_table(folder / COUNTS, counts)
    with atomic(own) as file:
        file.write(tomlkit.dumps(_rehearsed(study, models, told, folder)).encode())
    return own


def _parts(study: StudyFile, board: Board) -> tuple[Any, Any, dict[str, Path], list[str]]:
    """The facts as a table, their counts if any, the small model of each arm, and what is not as in the study."""
    from factsurv.training.facts.counts import of_facts
    from factsurv.training.facts.gather import gather
    from factsurv.training.facts.stored_facts import to_arrow
    from factsurv.training.models.prepared import prepared_model, prepared_series
    from factsurv.training.models.small_model import small_model
    from factsurv.training.models.small_series import small_series

    less_of = {"pretrain_steps": PRETRAINING, "pretrain_batch": 16}
    fewer = {k: min(getattr(study.facts, k), n) for k, n in PEOPLE.items()}
    source = study.facts.model_copy(update=fewer) if study.facts.source == "biographies" else study.facts
    found = gather(source, study.model.pretrain_steps * study.model.pretrain_batch)
    whole, few = found.facts, some_of(found.facts)
    counts = None if found.counts is None else of_facts(found.counts, few, "rehearsal").table()
    told = [f"{len(few)} of {len(whole) if source is study.facts else biography_facts(study.facts)} facts"]
    made: dict[ModelSpec, Path] = {}
    models: dict[str, Path] = {}
    for arm, (model, _) in study.recipes().items():
        if model.name == "scratch":
            models[arm] = Path(prepared_model(model.model_copy(update=SMALLER), source, board.say)[0])
            continue
        if model.series is not None:
            if model.name == "tiny":
                kept = _steps(study)
                shorter = {"series": kept, "pretrain_steps": int(kept[-1][4:]), "pretrain_batch": 64}
                models[arm] = Path(prepared_series(model.model_copy(update=shorter), study.facts, board.say).place)
                continue
            models[arm], notes = small_series(model, few, study.probe, _checkpoints(study), board.say)
            told += [*notes, f"arm {arm}: {_checkpoints(study)} checkpoints of a small model that learns a little"]
            continue
        if model.name == "tiny":
            less = model.model_copy(update={k: min(getattr(model, k), v) for k, v in less_of.items()})
            models[arm] = Path(prepared_model(less, study.facts, board.say)[0])
            continue
        key = ModelSpec(name=model.name, revision=model.revision)
        if key not in made:
            made[key], notes = small_model(key, board.say)
            told += notes
        models[arm] = made[key]
    if made:
        names = ", ".join(sorted({model.name for model in made}))
        told.append(f"small random models of the architecture and tokenizer of {names}")
    if any(model.name == "scratch" for model, _ in study.recipes().values()):
        told.append("models of width 64 and 2 layers from the same random weights in every repetition")
    if any(model.name == "tiny" for model, _ in study.recipes().values()):
        told.append(f"tiny models pretrained for at most {PRETRAINING} steps")
    return to_arrow(few), counts, models, list(dict.fromkeys(told))


def biography_facts(spec: FactsSpec) -> int:
    """How many facts the source has, without making them."""
    return (spec.individuals + spec.unseen + spec.new) * len(spec.attributes or FORMS)


def called(study: StudyFile) -> str:
    """Name of a study's rehearsal, and of its results folder."""
    return study.study.name[: LONGEST_NAME - len(SUFFIX)] + SUFFIX


def some_of(facts: FactSet) -> FactSet:
    """Some facts of each relation and split, the first ones in their order, in proportion and never fewer than four.

    And those from which they follow.
    """
    rows = defaultdict(list)
    sets = [facts.column(name) for name in facts.sets]
    for i, cell in enumerate(zip(facts.column("relation"), facts.column("split"), *sets, strict=True)):
        rows[cell].append(i)
    share = FACTS / max(len(facts), FACTS)
    keep = {i for cell in rows.values() for i in cell[: max(4, round(share * len(cell)))]}
    row_of, links = {f: i for i, f in enumerate(facts.column("fact_id"))}, facts.several("links")
    waiting = sorted(keep)
    while waiting:
        waiting = [row_of[f] for i in waiting for f in links[i] if row_of[f] not in keep]
        keep.update(waiting)
    return replace(facts, table=facts.table.take(sorted(keep)))


def _rehearsed(study: StudyFile, models: dict[str, Path], told: list[str], folder: Path) -> dict[str, Any]:
    """The study as the file that rehearses it says it."""
    from factsurv.flows.gpus import visible

    data: dict[str, Any] = study.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    seeds, title = study.study.seeds[:SEEDS], f"REHEARSAL of {study.study.title or study.study.name}"
    longest = max(sustained_of(rule) for rule in study.analysis.rules)
    epochs, samples = EVERY * max(PROBES, longest + 2), min(study.probe.samples, SAMPLES)
    data["study"] |= {"name": called(study), "title": title, "seeds": seeds}
    data["facts"] = {"source": "stored", "path": str((folder / "rehearsed.arrow").resolve())}
    if (folder / COUNTS).is_file():
        data["facts"] |= {"counts": str((folder / COUNTS).resolve()), "parameters": study.facts.parameters}
        data["facts"] = {k: v for k, v in data["facts"].items() if v is not None}
    probe = {k: v for k, v in data.get("probe", {}).items() if k not in WHEN}
    slick = {"slick_samples": 2, "slick_prompts": min(study.probe.slick_prompts, 2)}
    data["probe"] = probe | ({} if follows(study) else {"every": EVERY}) | {"samples": samples} | slick
    room, arms, differs = len(visible()) or os.cpu_count() or 1, [], list(told)
    for arm, (model, tuning) in study.recipes().items():
        if model.series is not None:
            arms.append({"name": arm, "model": _followed(study, model, models[arm])})
            continue
        less: dict[str, Any] = {"epochs": epochs, "learning_rate": LEARNING_RATE}
        if tuning.processes > room:
            less |= {"processes": 1, "strategy": "ddp"}
            differs.append(f"arm {arm}: one process for {tuning.processes}, as this machine has room for {room}")
        if tuning.layers:
            less["layers"] = _scaled(tuning.layers, model, models[arm])
        if tuning.patterns:
            less["patterns"] = {"of": tuning.patterns.of, "checkpoint": min(tuning.patterns.checkpoint, PROBES)}
        own = tuning.model_dump(mode="json", exclude_none=True, exclude_defaults=True) | less
        small = {"name": str(models[arm]), "precision": model.precision}
        recipe: dict[str, Any] = {"name": arm, "tuning": own, "model": small}
        arms.append(recipe | ({"stage": _shorter(study, arm, epochs)} if study.stages()[arm] else {}))
    for graft in data.get("graft", []):
        arm = next(name for name in (graft.get("of"), *models) if name in models)
        for place in (p for p in (graft, graft.get("revert", {})) if "layers" in p):
            place["layers"] = _scaled(place["layers"], study.recipes()[arm][0], models[arm])
    data.pop("tuning", None)
    data.pop("model", None)
    data.pop("stage", None)
    if study.arm:
        data["arm"] = arms
    else:
        data |= {k: v for k, v in arms[0].items() if k != "name"}
    differs += [f"{samples} samples"] if follows(study) else [
        f"{len(seeds)} of {len(study.study.seeds)} seeds, {epochs} epochs, probed every {EVERY}, {samples} samples",
        f"a learning rate of {LEARNING_RATE:g}, so that something is learned",
    ]  # fmt: skip
    data["report"] = data.get("report", {}) | {"rehearsal": differs}
    return data


def _scaled(layers: str, model: ModelSpec, folder: Path) -> str:
    """The layers of the small model that stand where these do in the whole one."""
    from factsurv.training.models.depth import layer_count

    whole, small = layer_count(model), layer_count(ModelSpec(name=str(folder)))
    if layers == "all" or not whole or not small:
        return "all" if layers == "all" else "0"
    return ",".join(map(str, sorted({n * small // whole for n in layer_numbers(layers)})))


def _checkpoints(study: StudyFile) -> int:
    """Of a rehearsal of a series."""
    return max(PROBES, max(sustained_of(rule) for rule in study.analysis.rules) + 2) + 1


def _steps(study: StudyFile) -> list[str]:
    """Names of the checkpoints of a rehearsal of a series."""
    from factsurv.training.models.small_series import EVERY as steps

    return [f"step{steps * i}" for i in range(_checkpoints(study))]


def _followed(study: StudyFile, model: ModelSpec, folder: Path) -> dict[str, Any]:
    """[model] of a small series, whose positions are those of its steps, in the study's unit."""
    names = _steps(study)
    unit = "token" if study.analysis.time == "tokens" else "step"
    return {
        "name": str(folder), "precision": model.precision, "series": names,
        "positions": [float(n[4:]) for n in names], "unit": unit,
    }  # fmt: skip


def _shorter(study: StudyFile, arm: str, epochs: int) -> list[dict[str, Any]]:
    """The arm's stages; those before the event clock's origin are there to be passed through."""
    stages = study.stages()[arm]
    names = [stage.name for stage in stages]
    origin = names.index(study.analysis.origin) if study.analysis.origin in names else 0
    of_study = {"epochs", "steps", "learning_rate"}
    return [
        stage.model_dump(mode="json", exclude_none=True, exclude_unset=True, exclude=of_study)
        | {"epochs": EVERY if i < origin else epochs}
        for i, stage in enumerate(stages)
    ]
