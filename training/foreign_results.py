"""A results folder of runs that another trainer did, so that factsurv's analysis and report read it as their own."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from transformers import TrainingArguments

from factsurv.events.errors import InputError
from factsurv.events.files import atomic, digest, read_table, write_table
from factsurv.events.manifest import Manifest
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.stored_facts import to_arrow
from factsurv.training.label import Label
from factsurv.training.spec import ProbeSpec

NOTE = (
    "Trained outside factsurv by a transformers Trainer and probed by its callback FactProbe; settings under "
    "tuning are the Trainer's own where factsurv has the same, and factsurv's defaults otherwise. "
)


def check_folder(folder: Path, facts: FactSet, label: Label) -> None:
    """Refuse, before any training, a folder that this run cannot be added to.

    Raises
    ------
    InputError
        If its name cannot be a study's, it holds runs of other facts, or this run already.
    """
    if not re.match(r"^[A-Za-z0-9][A-Za-z0-9_-]*$", folder.resolve().name):
        raise InputError(f"{folder.name!r} cannot be a study's name", "folder", "use letters, digits, - and _")
    manifest = Manifest(folder)
    if "facts" not in manifest.steps:
        return
    stored = read_table(manifest.verified("facts.arrow"))
    table = to_arrow(facts)
    if not stored.equals(table, check_metadata=True):
        raise InputError("holds runs of other facts", str(folder), "give each fact set its own results folder")
    if f"run {label.run}" in manifest.steps:
        raise InputError(
            f"holds the run {label.run} already", str(folder), "give another seed or arm, or delete the folder"
        )


def write_run(
    folder: Path,
    facts: FactSet,
    label: Label,
    tables: Mapping[str, pa.Table],
    spec: ProbeSpec,
    model: Any,
    args: TrainingArguments,
    epochs: float,
) -> Path:
    """Add one run to a results folder: `facts.arrow`, its tables, `study.toml` and the manifest.

    Returns
    -------
    Path
        The study file: `factsurv analyze` takes it.

    Raises
    ------
    InputError
        As `check_folder`.
    """
    folder = folder.resolve()
    check_folder(folder, facts, label)
    began = datetime.datetime.now(datetime.UTC).isoformat("T", "seconds")
    manifest = Manifest(folder)
    if "facts" not in manifest.steps:
        write_table(folder / "facts.arrow", to_arrow(facts))
        manifest.record("facts", {"spec": {"source": facts.source}}, {"facts.arrow": len(facts)}, 0.0, began)
    made = {f"runs/{label.run}/{name}.arrow": table for name, table in tables.items()}
    for name, table in made.items():
        write_table(folder / name, table)
    key = {
        "spec": {"arm": label.arm, "seed": label.seed, "probe": spec.model_dump(), "trainer": args.to_dict()},
        "inputs": {"facts.arrow": digest(folder / "facts.arrow")},
    }
    key = json.loads(json.dumps(key, default=str))
    manifest.record(f"run {label.run}", key, {n: t.num_rows for n, t in made.items()}, 0.0, began)
    runs = [s["key"]["spec"] for n, s in manifest.steps.items() if n.startswith("run ")]
    with atomic(folder / "study.toml") as file:
        file.write(_study(folder.name, runs, spec, model, args, epochs).encode())
    return folder / "study.toml"


def _study(name: str, runs: list[dict], spec: ProbeSpec, model: Any, args: TrainingArguments, epochs: float) -> str:
    """A study file that says what is known of these runs; ``epochs`` were trained, whatever was asked for."""
    config = getattr(model, "peft_config", {})
    adapter = next(iter(config.values()), None)
    tuning: dict[str, Any] = {"method": "full" if adapter is None else "lora"}
    if getattr(adapter, "r", None):
        tuning |= {"rank": adapter.r, "alpha": round(adapter.lora_alpha)}  # type: ignore[union-attr]
    size = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
    tuning |= {"epochs": max(1, round(epochs)), "batch_size": size}
    tuning |= {"learning_rate": args.learning_rate or 1e-30, "weight_decay": args.weight_decay}
    sections: dict[str, dict[str, Any]] = {
        "study": {"name": name, "title": name, "seeds": sorted({r["seed"] for r in runs})},
        "facts": {"source": "stored", "path": "facts.arrow"},
        "model": {"name": model.config._name_or_path or model.config.model_type},
        "tuning": tuning,
        "probe": spec.model_dump(exclude_defaults=True),
        "report": {"note": NOTE},
    }
    arms = list(dict.fromkeys(r["arm"] for r in runs))
    lines = [f"[{s}]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in values.items()) for s, values in sections.items()]
    lines += [f"[[arm]]\nname = {_toml(arm)}\n" for arm in arms]
    return "\n".join(lines)


def _toml(value: Any) -> str:
    """A number, text, bool, table or list of these as TOML writes it; JSON's strings are TOML's."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
