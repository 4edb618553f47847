"""A small SYNTHETIC results folder, by the contract of docs/tables.md, to develop and test the report.

    python -m tests.reports.make_results FOLDER [--no-events]

The learning is simulated (grouped-time proportional hazards) and the curves are counted from it; the
regression tables are drawn around the simulated truth, because fitting is R's work and not this script's.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from factsurv.events.files import read_table
from factsurv.events.manifest import Manifest
from factsurv.events.schema import (
    ANALYSIS,
    BASELINE,
    CLAIMS,
    EVENT_COUNTS,
    EVENTS,
    MEASURED,
    RECALL,
    STATES,
    TRANSITIONS,
)
from factsurv.events.transitions import sojourns

EPOCHS, RELATIONS = 12, ["capital", "currency", "atomic number", "element symbol", "calling code"]
ARMS, SEEDS, RULES = ["lora", "lora-slow"], [1, 2], ["first", "sustained2"]
TRUTH = {"latent": 0.85, "frequency": 0.25, "split": 1.1}
LABELS = {
    "latent": ("latent: yes vs no", "yes vs no"),
    "frequency": ("frequency, per SD", "per SD (1.32)"),
    "split": ("split: withheld vs trained", "withheld vs trained"),
    "arm": ("arm: lora-slow vs lora", "lora-slow vs lora"),
}
TERMS = {
    "acquisition": ["latent", "frequency", "arm"],
    "generalisation": ["latent", "frequency", "arm"],
    "degradation": ["split", "frequency", "arm"],
}
LEFT_OUT = ["generalisation (first): 7 facts and runs are left out: a withheld fact has no exposures"]
BY = {"acquisition": "latent", "generalisation": "latent", "degradation": "split"}


def make_results(folder: Path, seed: int = 7, events: bool = True, facts: int = 200) -> Path:
    """Write the folder; `events=False` gives a study in which nothing ever happens."""
    folder = Path(folder)
    (folder / "analysis").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    fact = _facts(rng, facts)
    base, recalled = _learn(rng, fact, events)
    tables = {"facts": _facts_table(fact), "baseline": _baseline(fact, base), "recall": _recall(fact, recalled)}
    rows = _events(fact, base, recalled)
    tables["events"] = rows
    tables["event_counts"] = _event_counts(rows)
    tables["transitions"] = _transitions(fact, base, recalled)
    tables |= {f"analysis/{name}": columns for name, columns in _analysis(rng, rows, fact, base, recalled).items()}
    tables |= {"claims": _claims(), "measured": _measured(recalled)}
    made = {}
    for name, columns in tables.items():
        _write(folder / f"{name}.arrow", columns)
        made[f"{name}.arrow"] = len(next(iter(columns.values()))[0]) if columns else 0
    Manifest(folder).record("all", {}, made, round(float(rng.uniform(0.1, 60)), 2), "2026-01-01T00:00:00Z")
    _dump(folder / "study.json", _study(seed))
    _dump(folder / "environment.json", _environment())
    return folder


def disguise(folder: Path, names: dict[str, str], own: bool = False) -> Path:
    """Replace names in every table and setting of a folder by others, such as look like markup.

    With `own` the results are those of a table of one's own events: nothing was probed.
    """
    for path in [*folder.glob("*.arrow"), *folder.glob("analysis/*.arrow")]:
        if own and path.stem in ("facts", "baseline", "recall", "transitions"):
            path.unlink()
            continue
        table = read_table(path)
        kept = {k.decode(): v.decode() for k, v in table.schema.metadata.items()}
        levels = {_other(k, names): [_other(x, names) for x in v] for k, v in json.loads(kept["levels"]).items()}
        for index, field in enumerate(table.schema):
            column = table.column(index)
            if pa.types.is_dictionary(field.type):
                column = column.combine_chunks()
                column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
                texts = [_other(x, names) for x in column.dictionary.to_pylist()]
                column = pa.DictionaryArray.from_arrays(column.indices, pa.array(texts, pa.utf8()))
            name = field.name if field.name in RECALL else _other(field.name, names)
            table = table.set_column(index, name, column)
        kept["levels"] = json.dumps(levels)
        if path.stem == "events":
            kept["left_out"] = json.dumps([_other(x, names) for x in LEFT_OUT])
            kept["time"] = _other(kept["time"], names)
        table = table.replace_schema_metadata(kept)
        with pa.ipc.new_file(path.with_suffix(".new"), table.schema) as sink:
            sink.write_table(table)
        path.with_suffix(".new").replace(path)  # the old one is mapped into memory
    study = json.loads((folder / "study.json").read_text())
    study = _others(study, names)
    _dump(folder / "study.json", study)
    _dump(folder / "manifest.json", {"schema": 1, "artefacts": {}})
    return folder


def _other(text, names):
    """Whole words of a text by their other names; a name within a name stays."""
    for old, new in names.items():
        text = re.sub(rf"(?<![\w-]){re.escape(old)}(?![\w-])", lambda _, new=new: new, text) if text else text
    return text


def _others(value, names):
    if isinstance(value, dict):
        return {k: _others(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [_others(v, names) for v in value]
    return _other(value, names) if isinstance(value, str) else value


def _claims():
    """One of each verdict, on each scale; the last has no number."""
    columns = ("text", "quantity", "outcome", "what", "expect", "scale", "paper", "verdict", "reason",
               "estimate", "lower", "upper")  # fmt: skip
    rows = [
        ("Latent facts are learned first", "hazard ratio", "acquisition", "latent: yes vs no", "> 1", "ratio",
         "HR of somebody", "supported", "", 2.32, 1.81, 2.97),
        ("What is withheld seldom comes along", "incidence", "generalisation", "all", "< 10 %", "share",
         "", "contradicted", "", 0.31, 0.24, 0.38),
        ("Slow training recalls as much", "difference of recall", "", "arm", "> 0", "points",
         "", "undecided", "the wider interval of facts and of seeds", -0.04, -0.11, 0.03),
        ("Answers rank high", "mean rank", "", "", "< 5", "number",
         "", "not measured", "these results hold no table rank", None, None, None),
    ]  # fmt: skip
    given = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
    given |= {"number": [1, 2, 3, 4], "model": [""] * 4, "task": [""] * 4}
    texts = {name: None for name, kind in CLAIMS.items() if pa.types.is_dictionary(kind)}
    return _typed({name: given[name] for name in CLAIMS}, texts, int32=("number",))


def _measured(recalled):
    """Rank falls as recall rises, attention to the subject rises from layer to layer and falls in training."""
    out: dict = {k: [] for k in MEASURED}
    for run in recalled:
        for split, facts in (("trained", 150), ("withheld", 50)):
            for t in range(EPOCHS + 1):
                at = (run.rsplit("-s", 1)[0], run, split, t, float(t), 10 * t)
                means = [("rank", "rank", 0, 9 / (t + 1)), ("confidence", "answer_p_wrong", 0, 0.2 + t / 100)]
                means += [("attention", "greatest", layer, layer / 10 - t / 1000) for layer in (1, 2, 3)]
                for instrument, quantity, layer, mean in means:
                    values = (*at, instrument, quantity, layer, facts, mean, mean - 0.01, mean + 0.01)
                    for key, value in zip(out, values, strict=True):
                        out[key].append(value)
    levels = {
        "arm": ARMS,
        "run": list(recalled),
        "split": ["trained", "withheld"],
        "instrument": None,
        "quantity": None,
    }
    return _typed(out, levels, int32=("checkpoint", "step", "layer", "facts"))


def _facts(rng, n):
    relation = rng.integers(0, len(RELATIONS), n)
    frequency = rng.normal(3, 1.32, n) + 0.4 * (relation == 0)
    split = np.where(rng.random(n) < 0.3, "withheld", "trained")
    return {
        "n": n,
        "id": [f"{RELATIONS[r].replace(' ', '-')}/{i:03d}" for i, r in enumerate(relation)],
        "relation": [RELATIONS[r] for r in relation],
        "code": relation,
        "split": split,
        "frequency": frequency,
    }


def _learn(rng, fact, events):
    """Per run: baseline columns, and recall as bool (checkpoint 0..EPOCHS, fact)."""
    n, base, recalled = fact["n"], {}, {}
    z = (fact["frequency"] - fact["frequency"].mean()) / fact["frequency"].std()
    ease = rng.normal(0, 0.6, len(RELATIONS))[fact["code"]] + 0.6 * z + rng.normal(0, 1, n)
    p = 1 / (1 + np.exp(-(ease * 1.6 - 2.2)))
    known = p > 0.5
    for arm in ARMS:
        for seed in SEEDS:
            run = f"{arm}-s{seed}"
            hits = rng.binomial(20, p)
            latent = ~known & (hits > 0)
            base[run] = {"known": known, "latent": latent, "hits": hits, "p": p, "arm": arm, "seed": seed}
            state = np.zeros((EPOCHS + 1, n), bool)
            state[0] = known
            hazard = 0.05 * np.exp(0.85 * latent + 0.25 * z) * (0.6 if arm == "lora-slow" else 1)
            hazard = np.where(fact["split"] == "withheld", hazard * 0.12, hazard)
            loss = np.where(fact["split"] == "withheld", 0.05, 0.015)
            for t in range(1, EPOCHS + 1):
                now = state[t - 1].copy()
                if events:
                    speed = 1.8 * np.exp(-t / 9)
                    now |= rng.random(n) < 1 - np.exp(-hazard * speed)
                    now &= ~(state[t - 1] & (rng.random(n) < loss))
                state[t] = now
            recalled[run] = state
    return base, recalled


def _facts_table(f):
    return {
        "fact_id": _category(f["id"], f["id"]),
        "subject": _category([f"Subject {i}" for i in range(f["n"])]),
        "relation": _category(f["relation"], RELATIONS),
        "object": _category([f"object {i}" for i in range(f["n"])]),
        "split": _category(f["split"], ["trained", "withheld"]),
        "group": _category(f["relation"], RELATIONS),
        "frequency": (f["frequency"], pa.float64()),
    }


def _baseline(f, base):
    out: dict = {k: [] for k in BASELINE}
    for run, b in base.items():
        for i in range(f["n"]):
            p = float(b["p"][i])
            kind = "known" if b["known"][i] else "latent" if b["latent"][i] else "unknown"
            level = 3 if p > 0.85 else 2 if p > 0.5 else int(b["hits"][i] > 0)
            slick = ("Unknown", "WeaklyKnown", "MaybeKnown", "HighlyKnown")[level]
            values = (run, b["arm"], b["seed"], f["id"][i], f["split"][i], bool(b["known"][i]),
                bool(b["latent"][i]), int(b["hits"][i]), p, 1 - (1 - p) ** 20, np.log(p), 4 * p - 2, kind,
                slick, 1 + i % 3)  # fmt: skip
            for key, value in zip(out, values, strict=True):
                out[key].append(value)
    runs = list(base)
    levels = {"run": runs, "arm": ARMS, "fact_id": f["id"], "split": ["trained", "withheld"], "knowledge":
        ["unknown", "latent", "known"], "slick": ["Unknown", "WeaklyKnown", "MaybeKnown", "HighlyKnown"]}  # fmt: skip
    return _typed(out, levels, int32=("seed", "hits", "target_tokens"), bools=("recalled", "latent"))


def _recall(f, recalled):
    out: dict = {k: [] for k in RECALL}
    for run, state in recalled.items():
        for split in ("trained", "withheld"):
            mask = f["split"] == split
            for t in range(EPOCHS + 1):
                n, k = int(mask.sum()), int(state[t, mask].sum())
                values = (run.rsplit("-s", 1)[0], run, split, float(t), n, k, k / n, *_wilson(k, n))
                for key, value in zip(out, values, strict=True):
                    out[key].append(value)
    levels = {"arm": ARMS, "run": list(recalled), "split": ["trained", "withheld"]}
    return _typed(out, levels, int32=("facts", "recalled"))


def _events(f, base, recalled):
    out: dict = {k: [] for k in [*EVENTS, "frequency"]}
    for run, b in base.items():
        state = recalled[run]
        for rule in RULES:
            m = 2 if rule == "sustained2" else 1
            for i in range(f["n"]):
                withheld = f["split"][i] == "withheld"
                outcome = "degradation" if b["known"][i] else "generalisation" if withheld else "acquisition"
                hit = ~state[:, i] if b["known"][i] else state[:, i]
                times = [t for t in range(1, EPOCHS + 2 - m) if hit[t : t + m].all()]
                event = bool(times)
                stop = float(times[0] if event else EPOCHS + 1 - m)
                values = (run, b["arm"], b["seed"], f["id"][i], outcome, rule, 0.0, stop, event, stop - 1 if
                    event else stop, stop if event else None, f["split"][i], f["relation"][i], f["relation"][i],
                    bool(b["latent"][i]), float(np.log(b["p"][i])), float(b["p"][i]),
                    float(f["frequency"][i]))  # fmt: skip
                for key, value in zip(out, values, strict=True):
                    out[key].append(value)
    levels = {"run": list(base), "arm": ARMS, "fact_id": f["id"], "outcome": list(TERMS), "rule": RULES,
        "split": ["trained", "withheld"], "relation": RELATIONS, "group": RELATIONS}  # fmt: skip
    return _typed(out, levels, int32=("seed",), bools=("event", "latent"))


def _transitions(f, base, recalled):
    """The states of every fact, by the rules of `factsurv.events.transitions`."""
    out: dict = {k: [] for k in TRANSITIONS}
    times = np.arange(EPOCHS + 1.0)
    for run, b in base.items():
        latent = np.broadcast_to(b["latent"][:, None], recalled[run].T.shape)
        for rule in RULES:
            s = sojourns(recalled[run].T, latent, times, 2 if rule == "sustained2" else 1)
            for i, start, stop, origin, target, enum in zip(
                s.row, s.start, s.stop, s.origin, s.target, s.enum, strict=True
            ):
                values = (run, b["arm"], b["seed"], f["id"][i], rule, start, stop, STATES[origin],
                    "censored" if target < 0 else STATES[target], int(enum), stop - start, f["split"][i],
                    f["relation"][i], f["relation"][i], bool(b["latent"][i]), float(np.log(b["p"][i])),
                    float(b["p"][i]))  # fmt: skip
                for key, value in zip(out, values, strict=True):
                    out[key].append(value)
    levels = {"run": list(base), "arm": ARMS, "fact_id": f["id"], "rule": RULES, "from": list(STATES),
        "to": ["censored", *STATES], "split": ["trained", "withheld"], "relation": RELATIONS,
        "group": RELATIONS}  # fmt: skip
    return _typed(out, levels, int32=("seed", "enum"), bools=("latent",))


def _event_counts(rows):
    out: dict = {k: [] for k in EVENT_COUNTS}
    v = {k: np.array(rows[k][0]) for k in ("outcome", "rule", "arm", "run", "event")}
    for outcome in TERMS:
        for rule in RULES:
            for run in dict.fromkeys(v["run"]):
                mask = (v["outcome"] == outcome) & (v["rule"] == rule) & (v["run"] == run)
                n, d = int(mask.sum()), int(v["event"][mask].sum())
                for key, value in zip(out, (outcome, rule, run.rsplit("-s", 1)[0], run, n, d, n - d), strict=True):
                    out[key].append(value)
    levels = {"outcome": list(TERMS), "rule": RULES, "arm": ARMS, "run": list(dict.fromkeys(v["run"]))}
    return _typed(out, levels, int32=("at_risk", "events", "censored"))


def _analysis(rng, rows, fact, base, recalled):
    """Every table of analysis/: km counted; the regressions drawn around the simulated truth."""
    t: dict = {name: {} for name in ANALYSIS}
    needed = ("outcome", "rule", "event", "stop", "latent", "split", "fact_id", "run", "group")
    v = {k: np.array(rows[k][0], dtype=object) for k in needed}
    for outcome, terms in TERMS.items():
        for rule in RULES:
            mask = (v["outcome"] == outcome) & (v["rule"] == rule)
            d = {k: x[mask] for k, x in v.items()}
            _one_outcome(rng, t, outcome, rule, terms, d)
    _states(t, fact, base, recalled)
    _paired(t)
    return {name: _by_schema(name, out) for name, out in t.items()}


def _paired(t):
    """Recipes compared fact by fact: on the best-known and the least-known facts, and in attention by layer."""
    own = [(arm, "") for arm in ARMS] + [(ARMS[1], ARMS[0])]
    for part, sign in (("top", 1), ("bottom", -1)):
        for arm, reference in own:
            for share in (0.25, 0.5, 0.75, 1.0):
                gap = -0.06 - 0.04 * sign * (1 - share)
                value = gap if reference else 0.5 + 0.2 * sign * (1 - share) + (gap if arm == ARMS[1] else 0)
                _add(t["popularity"], **_head("accuracy", "popularity"), part=part, arm=arm, reference=reference,
                    share=share, facts=int(60 * share), runs=2, estimate=value, se=0.02, df=40.0, lower=value - 0.04,
                    upper=value + 0.04, band_lower=value - 0.05, band_upper=value + 0.05)  # fmt: skip
    for model, by, values, measure in (
        ("attention-change", "layer", (1, 2), "attention, greatest"),
        ("sweep", "exponent", (0.5, 1), "accuracy"),
    ):
        for at in values:
            for arm, reference in own:
                value = -0.05 * at if reference else -0.02 * at
                _add(t["paired"], **_head("attention" if by == "layer" else "accuracy", model), by=by, at=float(at),
                    measure=measure, arm=arm, reference=reference, facts=60, runs=2, estimate=value, se=0.01, df=40.0,
                    lower=value - 0.02, upper=value + 0.02, p=0.01 if reference else None)  # fmt: skip


def _head(outcome, model):
    return {"task": f"{outcome}/first/{model}", "outcome": outcome, "rule": "first", "model": model}


def _by_schema(name, out):
    columns = {}
    rows = len(next(iter(out.values()), []))
    for column, kind in ANALYSIS[name].items():
        text = pa.types.is_dictionary(kind)
        values = out.get(column, [("" if text else None)] * rows)  # no doubt, unless something is said
        columns[column] = _category(values) if text else (values, kind)
    return columns


def _one_outcome(rng, t, outcome, rule, terms, d):
    by, n_events, n = BY[outcome], int(d["event"].sum()), len(d["event"])
    cox_formula = f"Surv(start, stop, event) ~ {' + '.join(terms)}"
    models = ["km", "score", *["cox-univariable"] * len(terms), "cox", "cloglog", "coxme"]
    seen = 0
    for model in models:
        term = terms[seen] if model == "cox-univariable" else None
        seen += model == "cox-univariable"
        task = f"{outcome}/{rule}/{model}" + (f"/{term}" if term else "")
        status, reason, warnings = "ok", "", ""
        if n_events == 0 and model != "km":
            status = "not estimable"
            reason = f"No {outcome} event happened among {n} rows at risk, so no hazard can be compared."
        elif model == "coxme" and outcome == "generalisation":
            status, reason = "unavailable", "The R package coxme is not installed on this machine."
        elif model == "coxme":
            status, reason = "warning", "The variance of the random effect lies at its lower boundary."
            warnings = "variance near the smallest start value"
        _add(t["fits"], task=task, outcome=outcome, rule=rule, model=model, name="",
            title=f"{outcome.capitalize()}, rule {rule}: {model}",
            formula=cox_formula + (" + (1 | group)" if model == "coxme" else ""),
            ties="efron", rows=n, facts=len(set(d["fact_id"])), runs=len(set(d["run"])), events=n_events,
            dropped=3 if model == "cox" else 0, status=status, reason=reason, error="", warnings=warnings,
            messages="", converged=status != "not estimable", iterations=4, loglik=-5.0 * n_events - 1,
            df=float(len(terms)), aic=10.0 * n_events + 8, concordance=0.66, concordance_se=0.02,
            seconds=float(rng.uniform(0.01, 2)), engine="survival 3.8-12")  # fmt: skip
        head = {"task": task, "outcome": outcome, "rule": rule, "model": model}
        if model == "km":
            _curves(t, head, by, d)
        elif status in ("ok", "warning"):
            _estimates(rng, t, head, by, terms if term is None else [term], n_events, d)
    if n_events:
        _remedies(t, outcome, rule, terms, n_events)


def _remedies(t, outcome, rule, terms, n_events):
    """What stands beside the Cox model: restricted means, other ties, recipes, influence, a penalised main term."""
    head = {"outcome": outcome, "rule": rule}
    label, unit = LABELS[terms[0]]
    beta = TRUTH[terms[0]]

    def ratio(b, se):
        return {"hr": np.exp(b), "lower": np.exp(b - 1.96 * se), "upper": np.exp(b + 1.96 * se)}

    def fit(model, by="", name=""):
        task = f"{outcome}/{rule}/{model}" + (f"/{by}" if by else "")
        title = f"{outcome.capitalize()}, rule {rule}: {model}"
        _add(t["fits"], task=task, **head, model=model, name=name, title=title,
            formula="Surv(start, stop, event) ~ x", ties="efron", rows=100, facts=50, runs=4, events=n_events,
            dropped=0, status="ok", reason="", error="", warnings="", messages="", converged=True, iterations=3,
            loglik=-1.0, df=1.0, aic=4.0, concordance=0.6, concordance_se=0.02, seconds=0.1,
            engine="survival 3.8-12")  # fmt: skip
        return {"task": task, **head, "model": model}

    for method in ("efron", "breslow", "cloglog", "logit"):
        _add(t["sensitivity"], **fit("sensitivity") if method == "efron" else {"task": f"{outcome}/{rule}/sensitivity",
            **head, "model": "sensitivity"}, method=method, term=terms[0], label=label, unit=unit, events=n_events,
            estimate=beta, se=0.2, infinite=False,
            **ratio(beta * (0.8 if method == "breslow" else 1), 0.2))  # fmt: skip
    if rule != RULES[0]:
        return
    means = fit("rmst", BY[outcome])
    for axis, unit in (("time", 1.0), ("examples", 80.0)):
        _add(t["rmst"], **means, by=BY[outcome], axis=axis, group="yes" if BY[outcome] == "latent" else "withheld",
            reference="no" if BY[outcome] == "latent" else "trained", horizon=12.0 * unit, rmst=5.25 * unit,
            rmst_se=0.3 * unit, rmst_reference=8.5 * unit, rmst_reference_se=0.2 * unit, difference=-3.25 * unit,
            se=0.36 * unit, lower=-3.96 * unit, upper=-2.54 * unit, p=1e-9)  # fmt: skip
    _add(t["arms"], **fit("arms"), arm=ARMS[1], reference=ARMS[0], seeds=2, events=n_events, estimate=-0.51, se=0.1,
        **ratio(-0.51, 0.1), p=0.0004, p_holm=0.0004, infinite=False, horizon=12.0, rmst=9.5, rmst_reference=8.25,
        difference=1.25, difference_lower=0.75, difference_upper=1.75, difference_p=1e-6,
        difference_p_holm=1e-6, examples_horizon=960.0, examples_difference=-40.0, examples_lower=-90.0,
        examples_upper=10.0, examples_p=0.11, examples_p_holm=0.11)  # fmt: skip
    _intervals(t, fit, outcome, terms, ratio)
    firth = fit("cox-firth")
    stratified = fit("cox-stratified")
    _add(t["coefficients"], **firth, term=terms[0], label=label, unit=unit, estimate=beta, se=0.2, se_robust=None,
        z=4.0, p=0.0001, infinite=False, **ratio(0.93 * beta, 0.2))  # fmt: skip
    _add(t["coefficients"], **stratified, term=terms[1], label=LABELS[terms[1]][0], unit=LABELS[terms[1]][1],
        estimate=0.3, se=0.1, se_robust=None, z=3.0, p=0.003, infinite=False, **ratio(0.3, 0.1))  # fmt: skip
    _add(t["zph_tests"], **stratified, term="GLOBAL", chisq=0.4, df=1.0, p=0.53, transform="identity")
    own = fit("cox", f"own-{outcome}", name=f"own-{outcome}")
    _add(t["coefficients"], **own, term="latent * log1p(popularity)", label="", unit="ratio of hazard ratios",
        estimate=0.12, se=0.1, se_robust=None, z=1.2, p=0.23, infinite=False, **ratio(0.12, 0.1))  # fmt: skip
    for number, part in enumerate(("early", "late"), 1):
        _add(t["zph_periods"], **own, term=f"source:{part}", period=1, **{"from": 0.0, "to": 12.0}, events=9,
            estimate=0.1, se=0.1, p=0.3, **ratio(0.1, 0.1))  # fmt: skip
        _add(t["random_effects"], **own, grouping="source", level=f"source {part}", estimate=0.3 - 0.2 * number, se=0.1,
            **ratio(0.3 - 0.2 * number, 0.1), rank=number)  # fmt: skip
    _influence(t, fit("influence"), terms[0], beta)
    _form(t, fit("form"), terms, beta)
    if "latent" in terms:
        _latent(t, fit("latent-definitions"), n_events, beta)
    split = fit("cox-split")
    for period, b in enumerate((1.4 * beta, beta, 0.5 * beta), 1):
        _add(t["zph_periods"], **split, term=terms[0], period=period, **{"from": 4.0 * period - 4, "to": 4.0 * period},
            events=n_events // 3, estimate=b, se=0.3, p=0.01, **ratio(b, 0.3))  # fmt: skip
    strata = fit("cox-arms")
    for one in (split, strata):
        _add(t["coefficients"], **one, term=terms[1], label=LABELS[terms[1]][0], unit=LABELS[terms[1]][1],
            estimate=0.31, se=0.1, se_robust=None, z=3.0, p=0.003, infinite=False, **ratio(0.31, 0.1))  # fmt: skip
    _add(t["tests"], **split, by=terms[0], statistic=11.5, df=2.0, p=0.0032)
    _add(t["tests"], **strata, by=f"{terms[0]} x arm", statistic=0.3, df=1.0, p=0.58)


def _influence(t, head, term, beta):
    def add(aspect, unit, value, rank=1, term=term, hr=None, lower=None, upper=None):
        _add(t["influence"], **head, aspect=aspect, term=term, unit=unit, value=value, hr_without=hr, lower=lower,
            upper=upper, p=None, rank=rank)  # fmt: skip

    for rank, fact in enumerate(("capital/000", "currency/001"), 1):
        add("fact", fact, 1.5 - rank, rank, hr=np.exp(beta - 0.1))
    for rank, run in enumerate((f"{ARMS[0]}-s1", f"{ARMS[1]}-s1"), 1):
        add("run", run, 0.3, rank, hr=np.exp(beta + 0.05), lower=np.exp(beta - 0.4), upper=np.exp(beta + 0.5))
    add("outlier", "capital/000", 3.1, term="")
    add("overdispersion", "fact_id", 1.23)
    add("collinearity", "", 1.2, term="frequency")


def _form(t, head, terms, beta):
    """A bent effect of frequency: the penalised spline, and the shapes that stand beside the straight line."""
    x = np.linspace(0, 6, 40)
    for part, chisq, df, p in (("linear", 4.0, 1.0, 0.045), ("nonlinear", 9.0, 3.05, 0.011)):
        _add(t["form_tests"], **head, term="frequency", part=part, chisq=chisq, df=df, p=p)
    for value in x:
        _add(t["form_points"], **head, term="frequency", value=value, residual=np.sin(7 * value) / 2, rows=1)
    curves = {"residuals": 0.1 * (x - 3) ** 2 - 0.3, "pspline": 0.2 * (x - 3) ** 2, "straight": 0.1 * (x - 3),
        "log": 0.3 * np.log((x + 1) / 4), "spline": 0.19 * (x - 3) ** 2}  # fmt: skip
    for shape, fit in curves.items():
        for value, y in zip(x, fit, strict=True):
            _add(t["form_curves"], **head, term="frequency", shape=shape, value=value, fit=y, lower=y - 0.3,
                upper=y + 0.3)  # fmt: skip
    for shape, aic in (("straight", 812.5), ("log", 811.0), ("spline", 802.25)):
        _add(t["form_shapes"], **head, term="frequency", shape=shape, df=3.0, loglik=-400.0, aic=aic, to=4.0, hr=1.37,
            lower=1.1, upper=1.7, main=terms[0], main_hr=np.exp(beta), main_lower=np.exp(beta - 0.3),
            main_upper=np.exp(beta + 0.3), **{"from": 2.0})  # fmt: skip


def _latent(t, head, n_events, beta):
    definitions = [("drawn", None, None, 0.3), ("half", 5, None, 0.15), ("half", 20, None, 0.28)]
    definitions += [("half", 20, 0.7, 0.25), ("graded", None, None, None)]
    for i, (definition, samples, temperature, share) in enumerate(definitions):
        b = beta + 0.1 * i
        _add(t["latent_definitions"], **head, definition=definition, samples=samples, temperature=temperature,
            share=share, term="latent", label="latent: yes vs no", unit="yes vs no", events=n_events, estimate=b,
            se=0.2, hr=np.exp(b), lower=np.exp(b - 0.4), upper=np.exp(b + 0.4), p=0.001, infinite=False)  # fmt: skip


def _intervals(t, fit, outcome, terms, ratio):
    """The margin as a warning; for acquisition also models for probes that not all facts share."""
    margin = fit("cox-history")
    for term, b in (("margin_now", -0.9 if outcome == "degradation" else 0.9), (terms[0], 0.2)):
        label, unit = LABELS.get(term, ("margin_now, per SD", "per SD (2.17)"))
        _add(t["coefficients"], **margin, term=term, label=label, unit=unit, estimate=b, se=0.1, se_robust=None,
            z=b / 0.1, p=1e-9, infinite=False, **ratio(b, 0.1))  # fmt: skip
    interval = fit("interval")
    rows, beta = {key: t["fits"][key] for key in ("status", "reason", "messages")}, TRUTH[terms[0]]
    if outcome != "acquisition":
        rows["status"][-1] = "not needed"
        rows["reason"][-1] = "all facts were probed at the same 12 checkpoints: the grouped-time model says the same"
        return
    rows["messages"][-1] = "not all facts were probed at the same times | baseline hazard constant over 9 pieces"
    label, unit = LABELS[terms[0]]
    _add(t["coefficients"], **interval, term=terms[0], label=label, unit=unit, estimate=beta + 0.3, se=0.2,
        se_robust=None, z=4.0, p=0.0001, infinite=False, **ratio(beta + 0.3, 0.2))  # fmt: skip
    aft = fit("aft")
    for name, aic in (("weibull", 810.5), ("lognormal", 808.25), ("loglogistic", 812.0)):
        hr = ratio(beta + 0.3, 0.2) if name == "weibull" else dict.fromkeys(("hr", "lower", "upper"))
        _add(t["aft"], **aft, distribution=name, aic=aic, chosen=name == "lognormal", term=terms[0], label=label,
            unit=unit, estimate=-0.7, se=0.1, se_robust=None, time_ratio=0.4966, lower=0.41, upper=0.6, p=1e-9,
            hr=hr["hr"], hr_lower=hr["lower"], hr_upper=hr["upper"], infinite=False)  # fmt: skip
    turnbull = fit("turnbull", BY[outcome])
    for stratum, masses in (("no", (0.1, 0.15, 0.05)), ("yes", (0.25, 0.3, 0.1))):
        done = 0.0
        for left, right, mass in ((0, 0, 0.0), *zip((0, 2, 5), (2, 4, 12), masses, strict=True)):
            done += mass
            _add(t["turnbull"], **turnbull, by=BY[outcome], stratum=stratum, left=float(left), right=float(right),
                mass=mass, incidence=done, lower=0.9 * done, upper=1.1 * done)  # fmt: skip


def _states(t, fact, base, recalled):
    """Occupation counted; transitions and repeated forgetting with made-up effects."""

    def fit(outcome, model, suffix="", status="ok", reason="", name=""):
        task = f"{outcome}/{RULES[0]}/{model}{suffix}"
        _add(t["fits"], name=name, task=task, outcome=outcome, rule=RULES[0], model=model, title=f"{outcome}: {model}",
            formula="Surv(start, stop, to) ~ split", ties="efron", rows=100, facts=50, runs=4, events=60, dropped=0,
            status=status, reason=reason, error="", warnings="", messages="", converged=True, iterations=3, loglik=-1.0,
            df=1.0, aic=4.0, concordance=0.6, concordance_se=0.02, seconds=0.1, engine="survival 3.8-12")  # fmt: skip
        return {"task": task, "outcome": outcome, "rule": RULES[0], "model": model}

    head = fit("states", "multi-state")
    for arm in ARMS:
        runs = [r for r in recalled if base[r]["arm"] == arm]
        for split in ("trained", "withheld"):
            mine = fact["split"] == split
            state = np.concatenate([_state(recalled[r], base[r]["latent"])[:, mine] for r in runs], axis=1)
            group = {"by": "arm / split", "stratum": f"{arm} / {split}"}
            _occupation(t, head, group, state)
    _occupation(t, fit("states", "multi-state", "/all", name="all-states"), {"by": "", "stratum": "all"}, state)
    first = fit("first-step", "competing-risks")
    effect = {"estimate": 0.5, "se": 0.1, "se_robust": 0.12, "z": 4.2, "p": 3e-5, "infinite": False}
    ratio = {"hr": np.exp(0.5), "lower": np.exp(0.5 - 0.235), "upper": np.exp(0.5 + 0.235)}
    term = {"term": "split", "label": LABELS["split"][0], "unit": LABELS["split"][1]}
    no = {"term": "", "label": "", "unit": "", "estimate": None, "se": None, "se_robust": None, "z": None, "p": None,
        "infinite": False, "hr": None, "lower": None, "upper": None}  # fmt: skip
    for origin, target in (("unknown", "known"), ("latent", "known"), ("known", "forgotten")):
        _add(t["transition_coefficients"], **head, **{"from": origin, "to": target}, method="cause-specific",
            events=60, **term, **effect, **ratio, status="ok", reason="")  # fmt: skip
    _add(t["transition_coefficients"], **head, **{"from": "forgotten", "to": "reacquired"}, method="cause-specific",
        events=3, **no, status="not estimable", reason="3 events for 1 coefficients: too few")  # fmt: skip
    for method in ("cause-specific", "subdistribution"):
        for target in ("latent", "known"):
            _add(t["transition_coefficients"], **first, **{"from": "unknown", "to": target}, method=method, events=30,
                **term, **effect, **ratio, status="ok", reason="")  # fmt: skip
    for model, suffix in (("andersen-gill", ""), ("pwp", "/total"), ("pwp", "/gap")):
        again = fit("forgetting", model, suffix)
        _add(t["coefficients"], **again, **term, **effect, **ratio)
        for number, (risk, events) in enumerate(((120, 40), (25, 6), (2, 0)), 1):
            for to, n in (("event", events), ("censored", risk - events)):
                _add(t["transition_counts"], **again, by="enum", stratum=str(number), **{"from": "at risk", "to": to},
                    at_risk=risk, events=n, time=300.0)  # fmt: skip


def _state(recalled, latent):
    """Index of the state of knowledge, (checkpoint, fact)."""
    ever = np.logical_or.accumulate(recalled, axis=0)
    lost = np.logical_or.accumulate(ever & ~recalled, axis=0)
    return np.where(~ever, latent * 1, np.where(~recalled, 3, np.where(lost, 4, 2)))


def _occupation(t, head, group, state):
    n = state.shape[1]
    for index, name in enumerate(STATES):
        share = (state == index).mean(axis=1)
        for time, p in enumerate(share):
            lower, upper = _wilson(p * n, n)
            _add(t["occupation"], **head, **group, time=float(time), state=name, n_risk=int(round(p * n)),
                probability=p, se=np.sqrt(p * (1 - p) / n), lower=min(lower, p), upper=max(upper, p))  # fmt: skip
        mean = float(share[:-1].sum())
        _add(t["sojourns"], **head, **group, state=name, horizon=float(EPOCHS), mean=mean, se=0.1, lower=mean - 0.2,
            upper=mean + 0.2)  # fmt: skip
        stays = int((state[:-1] == index).any(axis=0).sum())
        for target, name_to in enumerate(STATES):
            moved = int(((state[:-1] == index) & (state[1:] == target)).sum()) if target != index else 0
            if moved:
                pair = {"from": name, "to": name_to}
                _add(t["transition_counts"], **head, **group, **pair, at_risk=max(stays, moved),
                    events=moved, time=mean * n)  # fmt: skip


def _curves(t, head, by, d):
    strata = d[by]
    for stratum in sorted(set(strata.tolist()), key=str):
        mask = strata == stratum
        stop, event, s, var = d["stop"][mask].astype(float), d["event"][mask].astype(bool), 1.0, 0.0
        name = ("no", "yes")[stratum] if isinstance(stratum, bool) else str(stratum)
        total = 0
        for time in range(EPOCHS + 1):
            risk, dead = int((stop >= time).sum()), int(((stop == time) & event).sum())
            gone = int(((stop == time) & ~event).sum())
            before, total = total, total + dead
            if dead and risk:
                s *= 1 - dead / risk
                var += dead / risk / max(risk - dead, 1)
            width = 1.96 * np.sqrt(var) / abs(np.log(s)) if 0 < s < 1 else 0.0
            lo, hi = (s ** np.exp(width), s ** np.exp(-width)) if 0 < s < 1 else (s, s)
            if time == 0 or dead:
                _add(t["curves"], **head, by=by, stratum=name, time=float(time), n_risk=risk, n_event=dead,
                    n_censor=gone, survival=s, lower=lo, upper=hi, incidence=1 - s, incidence_lower=1 - hi,
                    incidence_upper=1 - lo)  # fmt: skip
            if time % 3 == 0:
                _add(t["risk_table"], **head, by=by, stratum=name, time=float(time), n_risk=risk, events=before)


def _estimates(rng, t, head, by, terms, n_events, d):
    model = head["model"]
    if model == "score":
        _add(t["tests"], **head, by=by, statistic=float(rng.uniform(8, 60)), df=1.0, p=2.1e-5)
        return
    for term in terms:
        label, unit = LABELS[term]
        beta = TRUTH.get(term, -0.45) + rng.normal(0, 0.05) + (0.12 if model == "cox-univariable" else 0)
        se = (1.0 if term == "frequency" else 2.0) / np.sqrt(max(n_events, 1))
        beta += 0.25 * se if (model, term) == ("cloglog", "latent") else 0
        robust = se * 1.15 if model == "cox" else None
        width = 1.96 * (robust or se)
        _add(t["coefficients"], **head, term=term, label=label, unit=unit, estimate=beta, se=se,
            se_robust=robust, hr=np.exp(beta), lower=np.exp(beta - width), upper=np.exp(beta + width), z=beta /
            se, p=float(2 * np.exp(-0.5 * (beta / se) ** 2) / 2.5), infinite=False)  # fmt: skip
        if model == "cox":
            _zph(rng, t, head, term, beta, se, n_events, d)
    if model == "cox":
        _add(t["zph_tests"], **head, term="GLOBAL", chisq=13.1, df=float(len(terms)), p=0.0044, transform="identity")
    if model == "coxme":
        groups = sorted(set(d["group"].tolist()))
        effect = np.sort(rng.normal(0, 0.4, len(groups)))[::-1]
        for rank, (group, e) in enumerate(zip(groups, effect, strict=True), 1):
            _effect(t, head, "group", group, e, 0.2, rank)
        _add(t["variances"], **head, grouping="group", levels=len(groups), levels_two=len(groups), variance=0.16,
            sd=0.4, variance_other=0.15, median_hr=1.46, lower=0.05, upper=0.41, chisq=9.2, p=0.0012, boundary=False,
            verdict="the groups differ")  # fmt: skip
        for name in (*terms, "GLOBAL"):
            _add(t["zph_tests"], **head, term=name, chisq=4.1, df=1.0 + (name == "GLOBAL") * 2, p=0.0432,
                transform="identity")  # fmt: skip
        _facts_differ(rng, t, head, sorted(set(d["fact_id"].tolist())))


def _effect(t, head, grouping, level, e, se, rank):
    _add(t["random_effects"], **head, grouping=grouping, level=level, estimate=e, se=se, hr=np.exp(e),
        lower=np.exp(e - 1.96 * se), upper=np.exp(e + 1.96 * se), rank=rank)  # fmt: skip


def _facts_differ(rng, t, head, facts):
    head = head | {"model": "frailty-fact", "task": head["task"].replace("coxme", "frailty-fact")}
    for rank, (fact, e) in enumerate(zip(facts, np.sort(rng.normal(0, 0.5, len(facts)))[::-1], strict=True), 1):
        _effect(t, head, "fact_id", fact, e, 0.3, rank)
    _add(t["variances"], **head, grouping="fact_id", levels=len(facts), levels_two=len(facts), variance=0.25, sd=0.5,
        variance_other=0.24, median_hr=1.61, lower=0.1, upper=0.5, chisq=12.0, p=0.0003, boundary=False,
        verdict="profile maximum found")  # fmt: skip


def _zph(rng, t, head, term, beta, se, n_events, d):
    drift = 0.09 if term == "latent" else 0.0
    chisq, p = (11.2, 0.0008) if drift else (0.6, 0.44)
    _add(t["zph_tests"], **head, term=term, chisq=chisq, df=1.0, p=p, transform="identity")
    for time in d["stop"][d["event"].astype(bool)]:
        residual = beta - drift * (time - 5) + rng.normal(0, 1.8)
        _add(t["zph_points"], **head, term=term, time=float(time), residual=residual)
    for time in np.linspace(1, EPOCHS, 40):
        fit, half = beta - drift * (time - 5), 1.96 * se * (1 + abs(time - 5) / 5)
        _add(t["zph_curves"], **head, term=term, time=time, fit=fit, lower=fit - half, upper=fit + half)
    for period, (a, b) in enumerate(((0, 3), (3, 6), (6, 12)), 1):
        e, s = beta - drift * ((a + b) / 2 - 5), se * 1.8
        _add(t["zph_periods"], **head, term=term, period=period, **{"from": float(a), "to": float(b)},
            events=n_events // 3, estimate=e, se=s, hr=np.exp(e), lower=np.exp(e - 1.96 * s), upper=np.exp(e +
            1.96 * s), p=0.01 * period)  # fmt: skip


def _study(seed):
    return {
        "study": {"name": "synthetic", "title": "SYNTHETIC study: simulated facts, not a model", "seeds": SEEDS},
        "facts": {"source": "tiny-world", "withheld": 0.3, "seed": seed, "covariates": ["frequency"]},
        "model": {"name": "tiny", "width": 128},
        "tuning": {"method": "lora", "rank": 16, "epochs": EPOCHS, "learning_rate": 1e-4, "batch_size": 8},
        "probe": {"samples": 20, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "examples": 6},
        "analysis": {
            "time": "epoch",
            "rules": RULES,
            "ties": "efron",
            "random": ["group"],
            "cluster": "fact_id",
            "model": [{"name": "own-acquisition", "conf": 0.9}, {"name": "own-degradation", "conf": None}],
        },
        "report": {"formats": ["html"]},
        "arms": [{"name": "lora"}, {"name": "lora-slow", "tuning": {"learning_rate": 3e-5}}],
    }


def _environment():
    return {
        "versions": {"python": "3.11.2", "torch": "2.13.0", "R": "4.2.2", "pyarrow": "25.0.0"},
        "r_packages": {"survival": "3.8-12", "ggplot2": "4.0.3"},
        "missing": [
            {"what": "coxme", "cost": "no random effects of fact groups", "remedy": "install coxme"},
            {"what": "quarto", "cost": "the report is made by knitr and pandoc", "remedy": "install Quarto"},
        ],
        "renderer": "knitr + pandoc",
        "machine": "synthetic machine, 2 cores",
    }


def _wilson(k, n, z=1.959964):
    centre, half = (k + z * z / 2) / (n + z * z), z * np.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    return centre - half, centre + half


def _category(values, levels=None):
    values = [str(x) for x in values]
    return values, pa.dictionary(pa.int32(), pa.utf8()), list(levels or dict.fromkeys(values))


def _typed(out, levels, int32=(), bools=()):
    columns = {}
    for name, values in out.items():
        if name in levels:
            columns[name] = _category(values, levels.get(name))
        else:
            columns[name] = (values, pa.int32() if name in int32 else pa.bool_() if name in bools else pa.float64())
    return columns


def _add(table, **row):
    for key, value in row.items():
        table.setdefault(key, []).append(value)


def _write(path, columns):
    arrays, levels = {}, {}
    for name, (values, kind, *order) in columns.items():
        if order:
            levels[name] = order[0]
            position = {level: i for i, level in enumerate(order[0])}
            codes = pa.array([position[x] for x in values], pa.int32())
            arrays[name] = pa.DictionaryArray.from_arrays(codes, pa.array(order[0], pa.utf8()))
        else:
            arrays[name] = pa.array(list(values), kind)
    metadata = {"levels": json.dumps(levels), "time": "epoch"}
    metadata |= {"left_out": json.dumps(LEFT_OUT)} if path.stem == "events" else {}
    table = pa.table(arrays).replace_schema_metadata(metadata)
    with pa.ipc.new_file(path, table.schema) as sink:
        sink.write_table(table)


def _dump(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    print(make_results(Path(sys.argv[1]), events="--no-events" not in sys.argv))
