"""Prompt forms beside the probe form: which are measured, and their table so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from factsurv.events.schema import FORMS, build, described, stack
from factsurv.training.facts.encoding import encode_probes, having
from factsurv.training.facts.fact_set import FactSet
from factsurv.training.facts.form_numbers import form_numbers
from factsurv.training.facts.prompts import Encoded, joined
from factsurv.training.label import Label, with_stage
from factsurv.training.probing.probe import Probed, Sampling, probe, probe_together
from factsurv.training.spec import ProbeSpec


class Forms:
    """The prompt forms of a run.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
    facts : FactSet
    spec : ProbeSpec

    Raises
    ------
    InputError
        As `form_numbers` and `encode_probes`.
    """

    def __init__(self, tokenizer, facts: FactSet, spec: ProbeSpec):
        self.numbers = form_numbers(facts, spec)
        self.rows = {k: having(facts, k - 1) for k in self.numbers}  # facts that have the form
        self.encoded = {k: encode_probes(tokenizer, facts, spec, form=k - 1) for k in self.numbers if k > 1}
        ids = np.array(facts.column("fact_id"), dtype=object)
        forms, taught = facts.forms, [set(each) for each in facts.taught_forms]
        self.fact_ids = [ids[self.rows[k]] for k in self.numbers]
        self.held_out = [np.array([forms[i][k - 1] not in taught[i] for i in self.rows[k]]) for k in self.numbers]
        self.found: list[Probed] = []
        self.tables: list[pa.Table] = []

    def with_them(self, encoded: Encoded) -> Encoded:
        """All sequences of a probe, for a plan of its memory."""
        return joined([encoded, *self.encoded.values()]) if self.encoded else encoded

    def look(
        self,
        model,
        first: Probed,
        samplings: Sequence[Sampling],
        batch_tokens: int,
        share_prefix: bool,
        look: Callable[..., Probed] = probe,
    ) -> None:
        """Measure all other forms in the same passes; ``first`` is what was found in the probe form."""
        if not self.numbers:
            return
        others = list(self.encoded.values())
        found = probe_together(model, others, samplings[:1], batch_tokens, share_prefix, look) if others else []
        self.found = [first] * (self.numbers[0] == 1) + found

    def keep(self, label: Label, stamp: Mapping[str, Any]) -> None:
        """Keep what was measured last as that of a checkpoint."""
        if not self.numbers:
            return
        names, sizes = ("recalled", "logp", "margin"), list(map(len, self.fact_ids))
        data: dict[str, Any] = {n: np.concatenate([getattr(f, n) for f in self.found]) for n in names}
        data |= {"p": np.concatenate([f.p[0] for f in self.found]), "form": np.repeat(self.numbers, sizes)}
        data |= {"fact_id": np.concatenate(self.fact_ids), "held_out": np.concatenate(self.held_out)}
        data |= {n: np.full(sum(sizes), stamp[n]) for n in ("checkpoint", "epoch", "step")}
        self.tables.append(with_stage(build(FORMS, label.columns(sum(sizes)) | data), stamp["stage"]))

    def table(self) -> dict[str, pa.Table]:
        """The table so far by its name, if there is one."""
        return {"forms": described(stack(self.tables), "forms")} if self.numbers else {}

    def restore(self, tables: Mapping[str, pa.Table]) -> None:
        """Go on from the tables of a checkpoint."""
        self.tables = [tables["forms"]] if self.numbers else []
