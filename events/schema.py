"""The tables' columns, defined once. `docs/tables.md` says what each of them means."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

VERSION = 1

TEXT = pa.dictionary(pa.int32(), pa.utf8())
_RUN = {"run": TEXT, "arm": TEXT, "seed": pa.int32()}
_FIT = {"task": TEXT, "outcome": TEXT, "rule": TEXT, "model": TEXT}
_F, _I, _B = pa.float64(), pa.int32(), pa.bool_()

FACTS = dict.fromkeys(("fact_id", "subject", "relation", "object", "split", "group"), TEXT)
# What a fact set may have beside them, and columns of yes and no (bool). The lists are texts in JSON, one a fact, so
# that R and Python read the same thing.
FACT_LISTS = dict.fromkeys(("links", "aliases", "options", "held_out_forms"), TEXT)
FACT_EXTRAS = {"role": TEXT} | FACT_LISTS
# Documents of a corpus that name a fact's subject, its object, both, neither: whole numbers, exact to 2^53.
COUNTS = dict.fromkeys(("fact_id", "subject", "relation", "object"), TEXT) | dict.fromkeys(
    ("n_subject", "n_object", "n_both", "n_neither"), _F
)
PROBES = _RUN | {
    "fact_id": TEXT, "checkpoint": _I, "epoch": _F, "step": _I, "examples": _I, "tokens": _F, "exposures": _I,
    "recalled": _B, "logp": _F, "margin": _F, "p": _F, "rechecked": _B,
}  # fmt: skip
BASELINE = _RUN | {
    "fact_id": TEXT, "split": TEXT, "recalled": _B, "latent": _B, "hits": _I, "p": _F, "p_any": _F, "logp": _F,
    "margin": _F, "knowledge": TEXT, "slick": TEXT, "target_tokens": _I,
}  # fmt: skip
TRAINING = _RUN | {"step": _I, "epoch": _F, "loss": _F, "learning_rate": _F, "examples": _I, "tokens": _F}
# One table each, beside `probes`: what else is measured at a checkpoint.
_MEASURED = _RUN | {"fact_id": TEXT, "checkpoint": _I, "epoch": _F, "step": _I}
INSTRUMENTS: dict[str, dict[str, pa.DataType]] = {
    "confidence": _MEASURED | {
        "first_p": _F, "entropy": _F, "answer": TEXT, "answer_p": _F, "ended": _B, "right": _B,
    },
    "rank": _MEASURED | {"options": _I, "rank": _F, "rank_first": _F},
    "attention": _MEASURED | {"layer": _I, "greatest": _F, "total": _F},
    "loss": _MEASURED | {"loss": _F, "baseline": _F},
    "memorisation": _MEASURED | {"loss": _F},
}  # fmt: skip
# Their means over facts, at each checkpoint; `layer` is 0 where there are no layers.
MEASURED = {
    "arm": TEXT, "run": TEXT, "split": TEXT, "checkpoint": _I, "epoch": _F, "step": _I, "instrument": TEXT,
    "quantity": TEXT, "layer": _I, "facts": _I, "mean": _F, "lower": _F, "upper": _F,
}  # fmt: skip
# The same means by pool of facts, and of recall and loss beside instruments; `number` is the arm's own.
POOLS = {("pool" if n == "split" else n): kind for n, kind in MEASURED.items()} | {"number": _F}
FORMS = _MEASURED | {"form": _I, "held_out": _B, "recalled": _B, "logp": _F, "margin": _F, "p": _F}
# The checkpoints of a series; one that was left out has no number (`checkpoint`), and why.
SERIES = _RUN | {"name": TEXT, "position": _F, "unit": TEXT, "checkpoint": _I, "left_out": TEXT}
# Extractive scores of each fact's prompt: layers and heads count from 0, and head is null of an MLP.
SCORES = _RUN | {
    "fact_id": TEXT, "relation": TEXT, "component": TEXT, "layer": _I, "head": _I, "position": _I, "token": TEXT,
    "subject": _B, "informative": _F, "downstream": _F, "upstream": _F,
}  # fmt: skip
# The facts whose prompts were to be scored: with how many counterfactual prompts, or why one was left out ("" if not).
SCORE_FACTS = _RUN | {"fact_id": TEXT, "relation": TEXT, "counterfactuals": _I, "left_out": TEXT}
SCORE_MEANS = {
    "arm": TEXT, "relation": TEXT, "tokens": _I, "component": TEXT, "layer": _I, "position": _I, "token": TEXT,
    "same": _B, "facts": _I, "runs": _I, "score": TEXT, "mean": _F,
}  # fmt: skip
# A simulation done again at another value of one key: withheld facts before (0) and after fine-tuning.
SWEEP = _RUN | {
    "fact_id": TEXT, "key": TEXT, "value": _F, "recalled0": _B, "recalled": _B, "attention0": _F, "attention": _F,
}  # fmt: skip
_END = _RUN | {"fact_id": TEXT, "split": TEXT, "relation": TEXT, "group": TEXT}
# Each fact of each run at the last checkpoint, beside the first (0).
ENDS = _END | {"recalled0": _B, "recalled": _B, "logp0": _F, "logp": _F}
# Each fact of each run beside its counts: what a corpus lets a model know.
ACCURACY = _RUN | {
    "fact_id": TEXT, "split": TEXT, "relation": TEXT, "group": TEXT, "object": TEXT, "subject_is_object": _B,
    "parameters": _F, "forms": _I, "accuracy": _F, "n_subject": _F, "n_object": _F, "n_both": _F, "documents": _F,
}  # fmt: skip
ATTENTION_ENDS = _END | {"layer": _I, "greatest0": _F, "greatest": _F, "total0": _F, "total": _F}
# Ranks of every fact at each checkpoint from the origin on, and where a stage before it ended (epoch null).
RANKS = _RUN | {
    "fact_id": TEXT, "role": TEXT, "relation": TEXT, "set": TEXT, "group": TEXT, "stage": TEXT, "checkpoint": _I,
    "epoch": _F, "ends": _B, "options": _I, "rank": _F,
}  # fmt: skip
# What became of the implications of each run.
IMPLIED_COUNTS = {
    "rule": TEXT, "arm": TEXT, "run": TEXT, "implications": _I, "fact_unknown": _I, "before": _I, "at_origin": _I,
    "at_risk": _I, "events": _I,
}  # fmt: skip
SPELLS = _RUN | {
    "fact_id": TEXT, "outcome": TEXT, "rule": TEXT, "start": _F, "stop": _F, "event": _B, "left": _F, "right": _F,
}  # fmt: skip
EVENTS = SPELLS | {"split": TEXT, "relation": TEXT, "group": TEXT, "latent": _B, "logp0": _F, "p0": _F}
# Start and stop of a spell in training examples seen so far, where the table was made from probes.
EXAMPLES = {"start_examples": _F, "stop_examples": _F}
NOW = {"logp_now": _F, "margin_now": _F, "exposures_now": _I}  # at the probe that begins the interval
HISTORY = EVENTS | EXAMPLES | NOW
# float64, covariates of fact and run where the analysis names them
FREQUENCY, ARM_NUMBER = "log2_frequency", "arm_number"
EXPOSURES = "exposures"  # the table of events on each fact's own clock, where a model asks for it
ATTENTION_NOW = "attention_now"  # float64, behind them where the instrument measured
TRANSITIONS = _RUN | {
    "fact_id": TEXT, "rule": TEXT, "start": _F, "stop": _F, "from": TEXT, "to": TEXT, "enum": _I, "gap": _F,
    "split": TEXT, "relation": TEXT, "group": TEXT, "latent": _B, "logp0": _F, "p0": _F,
}  # fmt: skip
# Of a table of one's own: any row at risk, where events repeat, compete or change a state.
STEPS = {"from": TEXT, "to": TEXT, "enum": _I, "gap": _F}
OWN_TRANSITIONS = SPELLS | STEPS
IMPLIED = EVENTS | {"entry": _F}  # entry: time of the last probe at which the fact was not known
IMPLIED_STATES = SPELLS | STEPS | dict.fromkeys(("split", "relation", "group"), TEXT)
KNOWN_OF_BOTH = ("neither", "fact only", "implication only", "both")
EVENT_COUNTS = {
    "outcome": TEXT, "rule": TEXT, "arm": TEXT, "run": TEXT, "at_risk": _I, "events": _I, "censored": _I,
}  # fmt: skip
RECALL = {
    "arm": TEXT, "run": TEXT, "split": TEXT, "epoch": _F, "facts": _I, "recalled": _I, "proportion": _F,
    "lower": _F, "upper": _F,
}  # fmt: skip

ANALYSIS: dict[str, dict[str, pa.DataType]] = {
    "fits": _FIT | {
        "name": TEXT, "title": TEXT, "formula": TEXT, "ties": TEXT, "rows": _I, "facts": _I, "runs": _I,
        "events": _I, "dropped": _I, "status": TEXT, "reason": TEXT, "doubt": TEXT, "error": TEXT, "warnings": TEXT,
        "messages": TEXT, "converged": _B, "iterations": _I, "loglik": _F, "loglik_null": _F, "df": _F, "aic": _F,
        "concordance": _F, "concordance_se": _F, "seconds": _F, "engine": TEXT,
    },
    "coefficients": _FIT | {
        "term": TEXT, "label": TEXT, "unit": TEXT, "estimate": _F, "se": _F, "se_robust": _F, "hr": _F,
        "lower": _F, "upper": _F, "z": _F, "p": _F, "infinite": _B,
    },
    "curves": _FIT | {
        "by": TEXT, "stratum": TEXT, "time": _F, "n_risk": _I, "n_event": _I, "n_censor": _I, "survival": _F,
        "lower": _F, "upper": _F, "incidence": _F, "incidence_lower": _F, "incidence_upper": _F,
    },
    "risk_table": _FIT | {"by": TEXT, "stratum": TEXT, "time": _F, "n_risk": _I, "events": _I},
    "rmst": _FIT | {
        "by": TEXT, "axis": TEXT, "group": TEXT, "reference": TEXT, "horizon": _F, "rmst": _F, "rmst_se": _F,
        "rmst_reference": _F, "rmst_reference_se": _F, "difference": _F, "se": _F, "lower": _F, "upper": _F, "p": _F,
    },
    "sensitivity": _FIT | {
        "method": TEXT, "term": TEXT, "label": TEXT, "unit": TEXT, "events": _I, "estimate": _F, "se": _F, "hr": _F,
        "lower": _F, "upper": _F, "infinite": _B, "doubt": TEXT,
    },
    "arms": _FIT | {
        "arm": TEXT, "reference": TEXT, "seeds": _I, "events": _I, "estimate": _F, "se": _F, "hr": _F, "lower": _F,
        "upper": _F, "p": _F, "p_holm": _F, "infinite": _B, "horizon": _F, "rmst": _F, "rmst_reference": _F,
        "difference": _F, "difference_lower": _F, "difference_upper": _F, "difference_p": _F, "difference_p_holm": _F,
        "examples_horizon": _F, "examples_difference": _F, "examples_lower": _F, "examples_upper": _F,
        "examples_p": _F, "examples_p_holm": _F,
    },
    "aft": _FIT | {
        "distribution": TEXT, "aic": _F, "chosen": _B, "term": TEXT, "label": TEXT, "unit": TEXT, "estimate": _F,
        "se": _F, "se_robust": _F, "time_ratio": _F, "lower": _F, "upper": _F, "p": _F, "hr": _F, "hr_lower": _F,
        "hr_upper": _F, "infinite": _B,
    },
    "turnbull": _FIT | {
        "by": TEXT, "stratum": TEXT, "left": _F, "right": _F, "mass": _F, "incidence": _F, "lower": _F, "upper": _F,
    },
    "tests": _FIT | {"by": TEXT, "statistic": _F, "df": _F, "p": _F},
    "zph_tests": _FIT | {"term": TEXT, "chisq": _F, "df": _F, "p": _F, "transform": TEXT},
    "zph_points": _FIT | {"term": TEXT, "time": _F, "residual": _F},
    "zph_curves": _FIT | {"term": TEXT, "time": _F, "fit": _F, "lower": _F, "upper": _F},
    "zph_periods": _FIT | {
        "term": TEXT, "period": _I, "from": _F, "to": _F, "events": _I, "estimate": _F, "se": _F, "hr": _F,
        "lower": _F, "upper": _F, "p": _F,
    },
    "term_tests": _FIT | {"term": TEXT, "test": TEXT, "chisq": _F, "df": _F, "p": _F},
    "effect_curves": _FIT | {
        "term": TEXT, "label": TEXT, "axis": TEXT, "at": _F, "estimate": _F, "se": _F, "hr": _F, "lower": _F,
        "upper": _F, "band_lower": _F, "band_upper": _F,
    },
    "influence": _FIT | {
        "aspect": TEXT, "term": TEXT, "unit": TEXT, "value": _F, "hr_without": _F, "lower": _F, "upper": _F,
        "p": _F, "rank": _I,
    },
    "form_tests": _FIT | {"term": TEXT, "part": TEXT, "chisq": _F, "df": _F, "p": _F},
    "form_points": _FIT | {"term": TEXT, "value": _F, "residual": _F, "rows": _I},
    "form_curves": _FIT | {"term": TEXT, "shape": TEXT, "value": _F, "fit": _F, "lower": _F, "upper": _F},
    "form_shapes": _FIT | {
        "term": TEXT, "shape": TEXT, "df": _F, "loglik": _F, "aic": _F, "from": _F, "to": _F, "hr": _F, "lower": _F,
        "upper": _F, "main": TEXT, "main_hr": _F, "main_lower": _F, "main_upper": _F,
    },
    "latent_definitions": _FIT | {
        "definition": TEXT, "samples": _I, "temperature": _F, "share": _F, "term": TEXT, "label": TEXT, "unit": TEXT,
        "events": _I, "estimate": _F, "se": _F, "hr": _F, "lower": _F, "upper": _F, "p": _F, "infinite": _B,
        "doubt": TEXT,
    },
    "variances": _FIT | {
        "grouping": TEXT, "levels": _I, "levels_two": _I, "variance": _F, "sd": _F, "median_hr": _F, "lower": _F,
        "upper": _F, "chisq": _F, "p": _F, "variance_other": _F, "boundary": _B, "verdict": TEXT,
    },
    "marginal": _FIT | {
        "term": TEXT, "label": TEXT, "unit": TEXT, "time": _F, "hr": _F, "lower": _F, "upper": _F,
        "marginal_hr": _F, "marginal_lower": _F, "marginal_upper": _F, "method": TEXT,
    },
    "random_effects": _FIT | {
        "grouping": TEXT, "level": TEXT, "estimate": _F, "se": _F, "hr": _F, "lower": _F, "upper": _F, "rank": _I,
    },
    "occupation": _FIT | {
        "by": TEXT, "stratum": TEXT, "time": _F, "state": TEXT, "n_risk": _I, "probability": _F, "se": _F,
        "lower": _F, "upper": _F,
    },
    "sojourns": _FIT | {
        "by": TEXT, "stratum": TEXT, "state": TEXT, "horizon": _F, "mean": _F, "se": _F, "lower": _F, "upper": _F,
    },
    "transition_counts": _FIT | {
        "by": TEXT, "stratum": TEXT, "from": TEXT, "to": TEXT, "at_risk": _I, "events": _I, "time": _F,
    },
    "popularity": _FIT | {
        "part": TEXT, "arm": TEXT, "reference": TEXT, "share": _F, "facts": _I, "runs": _I, "estimate": _F, "se": _F,
        "df": _F, "lower": _F, "upper": _F, "band_lower": _F, "band_upper": _F,
    },
    "score_correlations": _FIT | {
        "relation": TEXT, "component": TEXT, "informative": TEXT, "downstream": TEXT, "cells": _I, "facts": _I,
        "runs": _I, "estimate": _F, "df": _F, "lower": _F, "upper": _F, "r2": _F, "r2_lower": _F, "r2_upper": _F,
    },
    "mean_ranks": _FIT | {
        "part": TEXT, "role": TEXT, "relation": TEXT, "set": TEXT, "stage": TEXT, "epoch": _F, "options": _F,
        "arm": TEXT, "reference": TEXT, "facts": _I, "runs": _I, "estimate": _F, "se": _F, "df": _F, "lower": _F,
        "upper": _F, "p": _F,
    },
    "paired": _FIT | {
        "by": TEXT, "at": _F, "measure": TEXT, "arm": TEXT, "reference": TEXT, "facts": _I, "runs": _I,
        "estimate": _F, "se": _F, "df": _F, "lower": _F, "upper": _F, "p": _F,
    },
    "phases": _FIT | {
        "arm": TEXT, "run": TEXT, "number": _F, "probes": _I, "baseline": _F, "phase1_left": _F, "phase1_right": _F,
        "left": _F, "right": _F, "level": _F, "ratio": _F, "level_probes": _I, "rise_left": _F,
        "rise_right": _F,
    },
    "scaling": _FIT | {
        "term": TEXT, "estimate": _F, "se": _F, "df": _F, "lower": _F, "upper": _F, "paper": _F, "r2": _F, "runs": _I,
        "numbers": _I, "open": _I,
    },
    "smi": _FIT | {
        "arm": TEXT, "parameters": _F, "predictor": TEXT, "reference": TEXT, "quantity": TEXT, "facts": _I,
        "dropped": _I, "bins": _I, "estimate": _F, "se": _F, "lower": _F, "upper": _F,
    },
    "mediation": _FIT | {
        "step": TEXT, "covariates": TEXT, "term": TEXT, "label": TEXT, "unit": TEXT, "estimate": _F, "se": _F, "hr": _F,
        "lower": _F, "upper": _F, "change": _F, "change_lower": _F, "change_upper": _F, "concordance": _F, "gain": _F,
        "gain_lower": _F, "gain_upper": _F, "added": _F, "added_lower": _F, "added_upper": _F, "chisq": _F, "df": _F,
        "p": _F,
    },
    "smi_points": _FIT | {"arm": TEXT, "predictor": TEXT, "kind": TEXT, "x": _F, "y": _F, "facts": _I},
    "transition_coefficients": _FIT | {
        "from": TEXT, "to": TEXT, "method": TEXT, "events": _I, "term": TEXT, "label": TEXT, "unit": TEXT,
        "estimate": _F, "se": _F, "se_robust": _F, "hr": _F, "lower": _F, "upper": _F, "z": _F, "p": _F,
        "infinite": _B, "status": TEXT, "reason": TEXT, "doubt": TEXT,
    },
}  # fmt: skip

CLAIMS = {
    "number": _I, "text": TEXT, "quantity": TEXT, "outcome": TEXT, "what": TEXT, "model": TEXT, "task": TEXT,
    "expect": TEXT, "scale": TEXT, "estimate": _F, "lower": _F, "upper": _F, "paper": TEXT, "verdict": TEXT,
    "reason": TEXT,
}  # fmt: skip

SPLITS = ("trained", "withheld")
POOL_SETS = ("seen", "new", "unseen")  # yes/no columns of facts: what training began with, what came later, never
ROLES = ("fact", "implication")
KNOWLEDGE = ("unknown", "latent", "known")
STATES = ("unknown", "latent", "known", "forgotten", "reacquired")
CENSORED = "censored"  # the first level of `to`, as R's survival wants it
SLICK = ("Unknown", "WeaklyKnown", "MaybeKnown", "HighlyKnown")
OUTCOMES = ("acquisition", "generalisation", "degradation")
RESERVED = (
    frozenset(HISTORY)
    | frozenset(TRANSITIONS)
    | frozenset(FACTS | FACT_EXTRAS)
    | {"time", "exposures", ATTENTION_NOW, FREQUENCY, ARM_NUMBER}
)

# Level order of the dictionaries whose order means something; the first is R's reference.
LEVELS: Mapping[str, tuple[str, ...]] = {
    "split": SPLITS, "knowledge": KNOWLEDGE, "slick": SLICK, "role": ROLES,
}  # fmt: skip


def of_facts(names: Sequence[str]) -> list[str]:
    """Of a fact set's columns those that every row of a fact carries: role, yes/no columns, covariates."""
    return [n for n in names if n not in FACTS and n not in FACT_LISTS]


def at_temperature(column: str, temperature: float) -> str:
    """Name of a probability's column at another temperature: ``p_at_0.7``, ``p0_at_0.7``."""
    return f"{column}_at_{temperature:g}"


def build(
    columns: Mapping[str, pa.DataType], data: Mapping[str, Any], levels: Mapping[str, Sequence[str]] | None = None
) -> pa.Table:
    """A table with exactly these columns, in this order.

    Parameters
    ----------
    columns : mapping of name to Arrow type
    data : mapping of name to sequence
        One value a row; ``None`` is null, NaN stays NaN.
    levels : mapping, optional
        Level order of dictionaries beyond `LEVELS`; otherwise the order of first appearance.

    Raises
    ------
    ValueError
        If ``data`` lacks a column or has one too many.
    """
    if set(data) != set(columns):
        raise ValueError(f"columns differ from the contract: {sorted(set(data) ^ set(columns))}")
    known = {**LEVELS, **(levels or {})}
    arrays = {n: _array(data[n], kind, known.get(n)) for n, kind in columns.items()}
    return pa.table(arrays)


def _array(values: Any, kind: pa.DataType, levels: Sequence[str] | None) -> pa.Array:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        if not pa.types.is_dictionary(kind):
            return values.cast(kind)
        values = values.to_pylist()
    if pa.types.is_dictionary(kind):
        values = [None if v is None else str(v) for v in values]
        levels = levels or list(dict.fromkeys(v for v in values if v is not None))
        code = {level: i for i, level in enumerate(levels)}
        codes = pa.array([None if v is None else code[v] for v in values], pa.int32())
        return pa.DictionaryArray.from_arrays(codes, pa.array(levels, pa.utf8()))
    if isinstance(values, np.ndarray) and values.dtype != object:
        return pa.array(values.astype(kind.to_pandas_dtype()), kind)
    return pa.array(list(values), kind)


def described(table: pa.Table, kind: str, **notes: Any) -> pa.Table:
    """The table with its kind, schema version, dictionary levels and notes in the schema's metadata.

    ``levels`` is there because nanoarrow reads dictionaries as plain text and would lose their order.
    """
    known = json.loads((table.schema.metadata or {}).get(b"levels", b"{}"))
    levels = {}
    for name in table.column_names:
        if pa.types.is_dictionary(table[name].type):
            table = _one_dictionary(table, name)
            chunks = table[name].chunks
            levels[name] = (chunks[0].dictionary.to_pylist() if chunks else []) or known.get(name, [])
    metadata = {"factsurv": kind, "schema": str(VERSION), "levels": json.dumps(levels)}
    metadata |= {k: v if isinstance(v, str) else json.dumps(v) for k, v in notes.items()}
    return table.replace_schema_metadata(metadata)


def _one_dictionary(table: pa.Table, name: str) -> pa.Table:
    column = table[name].unify_dictionaries().combine_chunks()
    if isinstance(column, pa.ChunkedArray) and column.num_chunks == 0:
        return table
    return table.set_column(table.column_names.index(name), name, column)


def with_levels(table: pa.Table) -> pa.Table:
    """A table without rows as it was written: Arrow keeps a dictionary's levels with its rows only."""
    levels = json.loads((table.schema.metadata or {}).get(b"levels", b"{}"))
    for name in table.column_names if not table.num_rows else ():
        kind = table.schema.field(name).type
        if pa.types.is_dictionary(kind):
            empty = pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), pa.array(levels.get(name, []), pa.utf8()))
            table = table.set_column(table.column_names.index(name), name, empty)
    return table


def stack(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables of one schema under one another, dictionaries unified (levels in order of first appearance)."""
    joined = pa.concat_tables([t.replace_schema_metadata(None) for t in tables])
    return joined.unify_dictionaries().combine_chunks()


def levels_by_name(table: pa.Table, names: Sequence[str]) -> dict[str, list[str]]:
    """Levels of those of the columns that are dictionaries."""
    return {n: levels_of(table[n]) for n in names if pa.types.is_dictionary(table.schema.field(n).type)}


def levels_of(column: pa.ChunkedArray) -> list[str]:
    """Levels of a dictionary column, in their order."""
    chunk = column.unify_dictionaries().combine_chunks()
    chunk = chunk.chunk(0) if isinstance(chunk, pa.ChunkedArray) else chunk
    return chunk.dictionary.to_pylist()
