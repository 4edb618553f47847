"""What only some tables of facts have: roles and links, sets, further right answers, answers to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from factsurv.events.errors import Problems
from factsurv.events.own_file import OwnFile
from factsurv.training.facts.answers import answer_problems, beginnings
from factsurv.training.facts.fact_covariates import well_named
from factsurv.training.facts.fact_lists import lists, yes_or_no
from factsurv.training.facts.fact_set import MOST_TOLD
from factsurv.training.facts.fact_texts import rows_of, texts
from factsurv.training.facts.links import link_problems, resolved


@dataclass(frozen=True)
class Extras:
    """Names of these columns: `role`, those of lists by their key, and the sets."""

    role: str | None
    lists: Mapping[str, str | None]
    sets: tuple[str, ...]
    separator: str

    @property
    def keys(self) -> dict[str, str | None]:
        return {"role": self.role, **self.lists}

    def read(
        self, file: OwnFile, known: Mapping[str, Sequence[str]], problems: Problems, notices: list[str]
    ) -> list[dict[str, Any]]:
        """Of each row the keys of a `Fact` that these columns fill; ``known`` are its texts."""
        rows = file.table.num_rows
        ids = [f"{r}:{s}" for r, s in zip(known["relation"], known["subject"], strict=True)]
        found: dict[str, list] = {n: [()] * rows for n in self.lists}
        found |= {k: lists(file, k, n, self.separator, problems) for k, n in self.lists.items() if n is not None}
        found["links"], unknown = resolved(found["links"], ids, known["subject"])
        found["aliases"] = [
            tuple(a for a in each if a != right) for each, right in zip(found["aliases"], known["object"], strict=True)
        ]
        # Without a column of roles, what follows from others is an implication.
        role = texts(file, self.role, problems, notices) if self.role else None
        found["role"] = role or ["implication" if each else "fact" for each in found["links"]]
        wrong = [(i, what, "Name the facts that it follows from.") for i, what in unknown]
        wrong += link_problems(ids, found["role"], found["links"])
        wrong += answer_problems(known["subject"], known["object"], found["aliases"], found["options"])
        for i, what, remedy in wrong[:MOST_TOLD]:
            problems.add(f"fact {ids[i]}: {what}", rows_of(file, [i]), remedy)
        if inside := beginnings(known["object"], found["aliases"]):
            i, short, long = inside[0]
            notices.append(
                f"{len(inside)} fact(s) have a right answer that is the beginning of another one (such as {ids[i]}: "
                f"{short!r} and {long!r}): both count, and the end of the answer tells them apart"
            )
        sets = {n: yes_or_no(file, n, problems) for n in self.sets if well_named(n, problems, "the set", "sets")}
        return [
            {k: values[i] for k, values in found.items()} | {"sets": {n: v[i] for n, v in sets.items()}}
            for i in range(rows)
        ]
