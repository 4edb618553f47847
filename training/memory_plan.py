"""What a run will take of memory, said before its first step: its passes are made to fit, or it is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from factsurv.training.facts.prompts import Encoded
from factsurv.training.passes import memory
from factsurv.training.passes.team import Team
from factsurv.training.spec import ProbeSpec, TuningSpec


@dataclass(frozen=True)
class Lessons:
    """What one stage may teach: its recipe, length and target tokens of every lesson, and whether these are packed."""

    tuning: TuningSpec
    lengths: Sequence[int]
    targets: Sequence[int]
    packed: bool = True


class MemoryPlan:
    """The plan of one run.

    Parameters
    ----------
    shape : memory.Shape
        Of the model.
    team : Team
        Every process has the same plan: the smallest that one of them needs.
    say : callable
        Takes one line for the person who waits.
    """

    def __init__(self, shape: memory.Shape, team: Team, say: Callable[[str], None]):
        self.shape, self.team, self.say = shape, team, say
        self.batch_tokens = self.probing = 0

    def probes(self, spec: ProbeSpec, encoded: Encoded, share_prefix: bool, wanted: int) -> int:
        """Tokens of one pass of the probe: as ``wanted``, or fewer where these do not fit."""
        free, truncated = memory.free_bytes(), spec.top_k > 0 or spec.top_p < 1
        tokens, need = memory.fitting_batch_tokens(self.shape, encoded, share_prefix, wanted, free, truncated)
        self.batch_tokens, self.probing = min(self.team.tell(tokens)), need
        if self.batch_tokens < wanted:
            left = memory.size(free)
            self.say(f"probe.batch_tokens is {self.batch_tokens}, not {wanted}: more does not fit into {left}")
        return self.batch_tokens

    def steps(self, of_arm: TuningSpec, stages: Sequence[Lessons], trainable: int, pack: int, kept: int | None) -> int:
        """In how many parts a step passes, in every stage; ``kept``: as a continued run began.

        Raises
        ------
        InputError
            If a step does not fit.
        """
        free = memory.free_bytes()

        def need(parts: int) -> int:
            return max(self._step(lessons, trainable, parts, pack) for lessons in stages)

        # Other parts round differently: a continued run keeps its own.
        parts = max(self.team.tell(memory.fitting_parts(need, of_arm, free) if kept is None else kept))
        step = need(parts)
        if parts > of_arm.accumulate:
            fits = f"a larger part does not fit into {memory.size(free)}"
            self.say(f"a step passes in {parts} parts, tuning.accumulate is {of_arm.accumulate}: {fits}")
        whole = trainable * self.shape.bytes if of_arm.strategy == "fsdp" else 0  # probed whole
        self.say(
            f"memory beside the weights, estimated: probing {memory.size(self.probing + whole)} "
            f"({self.batch_tokens} tokens at once), a training step {memory.size(step)}; "
            f"free for {'this run' if self.team.size == 1 else 'each process'}: {memory.size(free)}"
        )
        stays = memory.kept_bytes(trainable, of_arm)
        memory.check_training(max(step, stays + self.probing + whole), free, of_arm)
        return parts

    def _step(self, lessons: Lessons, trainable: int, parts: int, pack: int) -> int:
        tuning = lessons.tuning
        split = tuning.model_copy(update={"accumulate": min(parts, tuning.batch_size // tuning.processes)})
        largest = memory.largest_lessons(lessons.lengths, lessons.targets, split, pack if lessons.packed else 0)
        return memory.training_bytes(self.shape, trainable, *largest, tuning)
