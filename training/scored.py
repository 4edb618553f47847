"""Extractive scores of a pair of states of the weights: which component, at which token, holds what was learned.

A process of its own, as a run is (`python -m factsurv.training.scored JOB.json`).
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from factsurv.events.errors import InputError
from factsurv.events.files import read_table, write_table
from factsurv.events.schema import SCORE_FACTS, SCORES, build, described
from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.options import Options, encode_options
from factsurv.training.facts.prompts import Encoded
from factsurv.training.facts.selection import select
from factsurv.training.facts.stored_facts import from_arrow
from factsurv.training.facts.subject_tokens import subject_tokens
from factsurv.training.label import Label
from factsurv.training.models.load import load
from factsurv.training.models.scratch_model import initialise
from factsurv.training.passes import memory
from factsurv.training.passes.team import Team, team
from factsurv.training.run import started
from factsurv.training.surgery.components import Components
from factsurv.training.surgery.end_state import put_sum, sum_bytes
from factsurv.training.surgery.job import EndWeightsJob
from factsurv.training.surgery.places import weights_at
from factsurv.training.surgery.scores import NAMES, Item, Scores, extractive_scores
from factsurv.training.surgery.spec import ScoresSpec, Where
from factsurv.training.surgery.weight_sum import weight_sum
from factsurv.training.telling import Report


class ScoresJob(EndWeightsJob):
    """What the scores of one seed need to know."""

    scores: ScoresSpec


def execute(job: ScoresJob, report: Report = lambda _: None) -> None:
    """Write `scores.arrow` and `score_facts.arrow`.

    Raises
    ------
    InputError
        If facts and model do not fit, no item is left, or memory does not hold a second set of weights.
    """
    with team(1) as together, memory.explained():
        _execute(job, report, together)


def _execute(job: ScoresJob, report: Report, together: Team) -> None:
    facts = from_arrow(read_table(job.facts))
    bare = job.probe.model_copy(update={"examples": 0})  # prompts alone: each of their tokens is a column
    old, tokenizer = _state(job, job.scores.old, report, together)
    new, _ = _state(job, job.scores.new, report, together)
    encoded = encode_probes(tokenizer, facts, bare)
    inside = subject_tokens(tokenizer, facts, encoded, bare)
    options = encode_options(tokenizer, facts, encoded, bare)
    chosen = select(facts, job.scores.select, f"scores {job.scores.name!r}: select", job.fact_seed)
    rows: list[dict] = []
    asked: dict[str, list] = {"fact_id": [], "relation": [], "counterfactuals": [], "left_out": []}
    before, after = Components(old), Components(new)
    for count, i in enumerate(chosen.tolist()):
        item = item_of(i, facts, encoded, inside, options, job.scores.counterfactuals, job.seed)
        why = left_out(item)
        told = (facts.column("fact_id")[i], facts.column("relation")[i], len(item.counterfactuals), why)
        for name, value in zip(asked, told, strict=True):
            asked[name].append(value)
        if why:
            continue
        texts = [tokenizer.decode([int(t)]) for t in item.tokens]
        rows += _rows(i, facts, texts, inside[i], extractive_scores(before, after, item))
        report({"done": count + 1, "total": len(chosen), "note": f"{len(item.tokens)} tokens"})
    for why, number in Counter(filter(None, asked["left_out"])).items():
        report({"say": f"scores {job.scores.name}: {number} of {len(chosen)} facts are left out: {why}"})
    if not rows:
        why = "; ".join(dict.fromkeys(asked["left_out"]))
        raise InputError(f"no fact is left to score: {why}", f"scores {job.scores.name!r}", "select other facts")
    found = {name: [row[name] for row in rows] for name in rows[0]}
    for kind, columns, data in (("scores", SCORES, found), ("score_facts", SCORE_FACTS, asked)):
        label = Label(job.run, job.scores.name, job.seed).columns(len(data["fact_id"]))
        write_table(job.folder / f"{kind}.arrow", described(build(columns, label | data), kind))


def left_out(item: Item) -> str:
    """Why an item has no scores: all three are of the same facts, so that they can be compared; empty if it has."""
    if len(item.options) < 2:
        return "all its options begin with one token"
    return "" if len(item.counterfactuals) else "no other prompt is like its own token by token"


def _state(job: ScoresJob, text: str, report: Report, together: Team):
    """The model with these weights, and its tokenizer."""
    model, tokenizer = load(job.model, lambda line: report({"say": line}))
    if job.fresh:
        initialise(model, job.seed)
    model = model.to(together.device).eval().requires_grad_(False)  # type: ignore[arg-type]
    total, at = weight_sum(text), weights_at(model, Where())
    own = sum(w.numel() * w.element_size() for w in model.parameters())
    need, free = own + sum_bytes(model, total, job.states, at), memory.free_bytes()
    if need > free:
        what = f"a second set of weights takes about {memory.size(need)}, and {memory.size(free)} are free"
        raise InputError(what, f"scores {job.scores.name!r}", "use a machine with more memory")
    put_sum(model, total, job.states, at)
    return model, tokenizer


def item_of(
    i: int, facts: FactSet, encoded: Encoded, inside: tuple[np.ndarray, ...], options: Options, most: int, seed: int
) -> Item:
    """The prompt of fact i, what may answer it, and up to ``most`` prompts of its relation with another subject."""
    first = options.lists[options.of[i]][()]
    right = next(k for k, behind in enumerate(first.behind) if options.right[i] in behind)
    prompts = [t[:s] for t, s in zip(encoded.tokens, encoded.target_start, strict=True)]
    relations, objects, prompt = facts.column("relation"), facts.column("object"), prompts[i]
    alike = [
        other
        for j, other in enumerate(prompts)
        if relations[j] == relations[i] and objects[j] != objects[i] and np.array_equal(inside[i], inside[j])
        and np.array_equal(other[~inside[j]], prompt[~inside[i]])
    ]  # fmt: skip
    drawn = np.random.default_rng([seed, i, 5]).permutation(len(alike))[:most]
    apart = np.stack([alike[k] for k in drawn]) if len(drawn) else np.empty((0, len(prompt)), dtype=np.int64)
    return Item(prompt, first.tokens, right, apart)


def _rows(i: int, facts: FactSet, texts: list[str], inside: np.ndarray, scores: Scores) -> list[dict]:
    fact = {"fact_id": facts.column("fact_id")[i], "relation": facts.column("relation")[i]}
    places = [{"position": p, "token": t, "subject": bool(inside[p])} for p, t in enumerate(texts)]
    rows = []
    for layer in range(len(scores.mlp[NAMES[0]])):
        parts: list[tuple[str, int | None, dict]] = [("mlp", None, {n: scores.mlp[n][layer] for n in NAMES})]
        heads = len(scores.heads[NAMES[0]][layer])
        parts += [("attention", h, {n: scores.heads[n][layer][h] for n in NAMES}) for h in range(heads)]
        for component, head, values in parts:
            at = fact | {"component": component, "layer": layer, "head": head}
            rows += [at | place | {n: float(values[n][p]) for n in NAMES} for p, place in enumerate(places)]
    return rows


def main(path: str) -> int:
    """Score the pair of one JSON file; problems of the user's making exit with 2 and a plain message."""
    return started(lambda report: execute(ScoresJob.model_validate_json(Path(path).read_text("utf-8")), report))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
