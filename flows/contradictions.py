"""What cannot be meant in a study file although every key by itself can."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factsurv.events.errors import InputError
from factsurv.events.rules import sign_of, sustained_of
from factsurv.events.signs import SIGNS
from factsurv.flows.simulated import UNUSED as NOT_SIMULATED
from factsurv.flows.toml_file import shown
from factsurv.stats.plan import models
from factsurv.training.facts.corpus.files import PACKAGE
from factsurv.training.facts.sources.hub_file import from_hub
from factsurv.training.spec import OF_FILES, ProbeSpec, TuningSpec
from factsurv.training.surgery.weight_sum import BASE, weight_sum

if TYPE_CHECKING:
    from factsurv.flows.study_file import StudyFile

INVENTED = ("tiny-world", "zipf", "told-world", "two-hop")
OF_TABLE = (
    "subject", "object", "relation", "split", "group", "covariates", "decimal", "role", "links",
    "aliases", "options", "separator", "sets",
)  # fmt: skip
# Keys that only some sources of facts read; every source reads the others.
OF_SOURCE = {
    "count": ("hpo", "hpo-go", "tiny-world", *OF_FILES),
    "per_relation": ("world",),
    **dict.fromkeys(("database", "genes", "go_trained", "go_withheld"), ("hpo-go",)),
    "path": ("table", "stored", *OF_FILES),
    "only": tuple(OF_FILES),
    **dict.fromkeys(OF_TABLE, ("table",)),
    "world_facts": ("tiny-world",),
    "exponent": ("tiny-world", "zipf", "told-world"),
    **dict.fromkeys(("subjects", "relations", "answers"), ("zipf", "told-world")),
    **dict.fromkeys(("sentences", "competing", "noise"), ("told-world",)),
    **dict.fromkeys(("design", "pretraining_names", "order_names", "test_names", "cities", "animals"), ("two-hop",)),
    **dict.fromkeys(("individuals", "unseen", "new", "names", "values", "attributes"), ("biographies",)),
}
# Keys of [simulation]
OF_FACTS = {"name", "seed", "subjects", "relations", "answers", "withheld", "keys", "new", "classes", "followed"}
# Keys that only some models have: those that are made on the spot.
OF_MODEL = {
    **dict.fromkeys(("width", "layers", "heads"), ("tiny", "scratch")),
    **dict.fromkeys(("pretrain_steps", "pretrain_batch", "pretrain_learning_rate"), ("tiny",)),
    **dict.fromkeys(
        ("architecture", "inner", "context", "spread", "tied", "vocabulary", "vocabulary_size"), ("scratch",)
    ),
}


def contradictions(study: StudyFile, data: dict[str, Any], wrong: set[str], path: Path) -> list[str]:
    """One line for each contradiction.

    Parameters
    ----------
    study : StudyFile
        Sections that could not be understood are at their defaults.
    data : dict
        The file as it was written.
    wrong : set of str
        Names of these sections: what hangs on them is not judged.
    path : Path
        Of the file.
    """
    found: list[str] = []
    for needs, check in CHECKS:
        if not wrong & set(needs):
            found += check(study, data, path)
    return found


def _arms(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    names = [a.name.casefold() for a in study.arm]  # some disks do not tell A from a
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        yield f"arm: two arms are named {name!r}; give each [[arm]] its own name"


def _stages(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    of_arms = study.stages()
    if any(of_arms.values()):
        for arm in (arm for arm, stages in of_arms.items() if not stages):
            yield f"arm {arm!r} has no stages, and others have; give it [[arm.stage]], or the study [[stage]]"
    listed = {"stage": [s.name for s in study.stage]}
    listed |= {f"arm {arm!r}: stage": [s.name for s in own] for arm, own in of_arms.items() if own != study.stage}
    for where, names in listed.items():
        for name in dict.fromkeys(n for n in names if names.count(n) > 1):
            yield f"{where}: two stages are named {name!r}; give each its own name"


def _origin(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    origin = study.analysis.origin
    known = dict.fromkeys(stage.name for stages in study.stages().values() for stage in stages)
    if origin is not None and known and origin not in known:
        yield f"analysis.origin: no stage is named {origin!r}; the stages are {', '.join(known)}"
        return
    for arm, stages in study.stages().items() if origin is not None else ():
        names = [stage.name for stage in stages]
        if origin not in names:
            has = f"has the stages {', '.join(names)}" if names else "has no stages"
            yield f"analysis.origin: arm {arm!r} {has}, and none is named {origin!r}"


def _simulation(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    """A simulation has facts, a model and probes of its own, and arms share its facts."""
    arms = {a.name: a for a in study.arm}
    if "simulation" not in data:
        for name in (n for n, a in arms.items() if a.simulation):
            yield f"arm {name!r}: simulation.* is of a study with a [simulation], and there is none"
        return
    for section in (s for s in NOT_SIMULATED if s in data):
        yield f"{section}: a study with a [simulation] trains no language model; take it away"
    for name, arm in arms.items():
        for section in ("model", "tuning", "stage"):
            if getattr(arm, section):
                yield f"arm {name!r}: {section}.* is of a language model, and this study has a [simulation]"
        for key in OF_FACTS.intersection(arm.simulation):
            yield f"arm {name!r}: simulation.{key} says which facts there are, and all arms share them"
    for name, spec in study.simulations().items():
        yield from too_few(study.analysis.rules, len(spec.moments()) - 1, name)


def _source(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    source = study.facts.source
    for key in data.get("facts", {}):
        if source not in OF_SOURCE.get(key, (source,)):
            yield f'facts.{key}: is of source = "{" or ".join(OF_SOURCE[key])}", and the source is "{source}"'
    if study.facts.counts is not None and study.facts.corpus is not None:
        yield "facts.corpus: facts.counts names a table of counts; give one of them"
    facts = study.facts
    given = [f"facts.{n}" for n in ("counts", "corpus") if getattr(facts, n) is not None]
    if facts.parameters is not None and not given and facts.source != "told-world":
        yield "facts.parameters: is for the covariate smi of counts, and there is neither facts.counts nor facts.corpus"
    if given and facts.source == "told-world":
        yield f"{given[0]}: the facts of a told-world are counted in its own text; take it away"
    for arm, (model, _) in study.recipes().items() if facts.source == "told-world" else ():
        if (model.pretrain_steps * model.pretrain_batch) % facts.sentences:
            yield (
                f"arm {arm!r} reads {model.pretrain_steps} × {model.pretrain_batch} sentences of a text of "
                f"{facts.sentences}: what it reads would not be what is counted; make the one a multiple of the other"
            )


def _path(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    """A file that is not there, whatever else is wrong with the facts."""
    written = data.get("facts")
    given = {k: written[k] for k in ("path", "source") if k in written} if isinstance(written, dict) else {}
    if not isinstance(given.get("path"), str) or not given["path"]:
        return
    try:
        found = table_of(study.model_copy(update={"facts": study.facts.model_copy(update=given)}), path)
    except InputError as error:
        yield error.line()
        return
    if found is None:
        yield f"facts.path: there is no file {shown(given['path'])}; paths are relative to the study file"


def table_of(study: StudyFile, path: Path) -> Path | None:
    """The facts' file, or the folder of a data set, if there is one; what is on the hub is fetched once."""
    given, source = study.facts.path or "", study.facts.source
    if given.startswith("hub:") and source in OF_FILES:
        return from_hub(given)
    try:
        table = (path.parent / Path(given).expanduser()).resolve()
        return table if table.is_file() or (source in OF_FILES and table.is_dir()) else None
    except (OSError, RuntimeError):  # a name of hundreds of letters, or the home of nobody
        return None


def _models(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    tiny = {arm for arm, (model, _) in study.recipes().items() if model.name == "tiny"}
    if tiny and study.facts.source not in INVENTED:
        yield f'model.name: "tiny" needs an invented world; set facts.source to {" or ".join(map(repr, INVENTED))}'
    names = {model.name for model, _ in study.recipes().values()}
    for key in data.get("model", {}):
        if key in OF_MODEL and not names.intersection(OF_MODEL[key]):
            of = " or ".join(f'"{name}"' for name in OF_MODEL[key])
            yield f"model.{key}: is of name = {of}, which is made on the spot"
    for arm, (model, tuning) in study.recipes().items():
        if model.name == "scratch" and tuning.method != "full":
            yield (
                f'tuning.method: arm {arm!r} begins with random weights (model.name = "scratch"), and '
                f'"{tuning.method}" leaves them as they are; set method = "full"'
            )


def _packages(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    """Places in packages that are none; whether a package is installed is asked before the work."""
    places = {"facts.corpus.path": study.facts.corpus.paths if study.facts.corpus else []}
    places["model.name"] = [model.name for model, _ in study.recipes().values()]
    for key, given in places.items():
        for place in dict.fromkeys(p for p in given if p.startswith(PACKAGE)):
            package, _, inside = place.removeprefix(PACKAGE).partition("/")
            if not package.isidentifier() or ".." in Path(inside).parts:
                yield f"{key}: {shown(place)} is in no Python package; write package:NAME/FILE"


OF_SERIES = ("positions", "pattern", "unit")
OF_TRAINING = ("schedule", "every", "at", "unit", "checkpoints")  # keys of [probe]


def _series(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    """A series is there and is probed: all arms are one, and nothing is trained, withheld or scheduled."""
    recipes = study.recipes()
    series = [arm for arm, (model, _) in recipes.items() if model.series is not None]
    if not series:
        if study.simulation is None and any(tuning.method == "none" for _, tuning in recipes.values()):
            yield 'tuning.method: "none" is of a study of a model.series, and there is none'
        for key in OF_SERIES:
            if key in data.get("model", {}):
                yield f"model.{key}: is of a model.series, and there is none"
        return
    for arm in (arm for arm in recipes if arm not in series):
        yield f"arm {arm!r} has no model.series, and others have; a study either trains or follows series"
    others = [k for k in data.get("tuning", {}) if k != "method"]
    others += [f"method (of arm {a.name!r})" for a in study.arm if a.tuning.get("method", "none") != "none"]
    if data.get("tuning", {}).get("method", "none") != "none":
        others.append("method")
    if others:
        yield f'tuning.{", ".join(others)}: a series is not trained; leave [tuning] out, or say method = "none"'
    if study.stage or any(arm.stage for arm in study.arm):
        yield "stage: a series is not trained; take the stages away"
    if len(study.study.seeds) > 1:
        yield "study.seeds: a series has no repetitions; name other trainings as arms, and leave one seed"
    if wrong := [k for k in OF_TRAINING if k in data.get("probe", {})]:
        yield f"probe.{', '.join(wrong)}: each checkpoint of the series is probed; take it away"
    for spec in study.probe.instruments:
        if spec.when is not None:
            yield f"probe.instruments, {spec.name}: when is of a training; it measures at each checkpoint of the series"
    if study.analysis.origin is not None:
        yield "analysis.origin: a series has no stages; its clock starts at its first checkpoint"
    if study.analysis.time not in ("step", "tokens") and "time" in data.get("analysis", {}):
        yield f'analysis.time: a series has "step" or "tokens" (model.unit), not "{study.analysis.time}"'
    for arm in series:
        model = recipes[arm][0]
        if model.revision is not None:
            yield f"arm {arm!r}: model.revision: the series names the revisions; take it away"
        if model.name == "tiny" and (slip := _of_tiny_series(model.series, model.pretrain_steps)):
            yield f"arm {arm!r}: model.series: {slip}"


def _of_tiny_series(series: object, steps: int) -> str:
    """What is wrong with the checkpoints that a tiny model's pretraining is to keep."""
    if not isinstance(series, list):
        return 'of the tiny model, name the steps that are kept, as in ["step0", "step50", "step200"]'
    odd = [n for n in series if not re.fullmatch(r"step\d+", n)]
    late = [n for n in series if n not in odd and int(n[4:]) > steps]
    if odd:
        return f"{shown(odd[0])} is no step of the tiny model's pretraining; write step0, step50 and so on"
    return f"{late[0]} lies after the {steps} steps of pretraining (model.pretrain_steps)" if late else ""


def _moments(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    """Moments of the probe after the end of an arm's training (those in steps: once the facts are known)."""
    if any(model.series is not None for model, _ in study.recipes().values()):
        return
    at = [a for a in study.probe.at if study.probe.unit == "epochs"]
    stages = study.stages()
    for arm, (_, tuning) in study.recipes().items():
        if not stages[arm] and at and at[-1] > tuning.epochs:
            yield (
                f"probe.at: {at[-1]:g} lies after the end of training (arm {arm!r}: {tuning.epochs} epochs); "
                "take it away, or train for longer"
            )
    if "checkpoints" in data.get("probe", {}) and study.probe.schedule != "log":
        yield f'probe.checkpoints: is of schedule = "log", and the schedule is "{study.probe.schedule}"'


def _rules(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    """Rules that ask for what is not measured, or for more successive checkpoints than can follow the baseline."""
    rules = study.analysis.rules
    if sign_of(rules[0]):
        yield f"analysis.rules: the first rule is the primary one and goes by recall; put {rules[0]} behind another"
    names = [] if study.simulation else [spec.name for spec in study.probe.instruments]
    for rule in rules:
        instrument = SIGNS[sign_of(rule)][0] if sign_of(rule) else None
        if instrument is not None and instrument not in names:
            yield f'analysis.rules: {rule} is read off the instrument "{instrument}"; add it to probe.instruments'
    if study.simulation or any(model.series is not None for model, _ in study.recipes().values()):
        return  # has its own clock
    stages = study.stages()
    for arm, (_, tuning) in study.recipes().items():
        if stages[arm]:  # once the facts are known
            continue
        most = most_checkpoints(study.probe, tuning)
        yield from too_few(study.analysis.rules, most, arm)


def too_few(rules: list[str], checkpoints: float, arm: str) -> Iterator[str]:
    """Lines for the rules that need more checkpoints than an arm has beside its baseline."""
    for rule in rules:
        if sustained_of(rule) > checkpoints:
            yield (
                f"analysis.rules: {rule} asks for {sustained_of(rule)} successive checkpoints, and arm {arm!r} has "
                f"{checkpoints:g} after its baseline; train for longer, probe more often, or ask for fewer"
            )


def most_checkpoints(probe: ProbeSpec, tuning: TuningSpec) -> float:
    """Checkpoints after the baseline, or how many there can be at most where that depends on the number of facts."""
    if probe.schedule == "steps":
        return math.inf
    if probe.schedule == "epochs":
        return math.ceil(tuning.epochs / probe.every)
    if probe.schedule == "log":
        return probe.checkpoints
    ends = probe.unit == "epochs" and probe.at[-1] == tuning.epochs
    return len(probe.at) + (not ends)


def _recall(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    if study.analysis.recall != "first" and study.probe.forms == "first":
        yield (
            f'analysis.recall: "{study.analysis.recall}" is over several prompt forms, and one is measured; '
            'set probe.forms = "all" or a list of their numbers'
        )
    asked = study.probe.forms
    for number in study.analysis.known_in:
        if asked == "first" or (asked != "all" and number not in asked):
            yield f'analysis.known_in: form {number} is not measured; set probe.forms = "all", or name it there'


def _analysis(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    try:
        models(study.analysis)
    except InputError as error:
        yield error.line()
    names = [m.name for m in study.analysis.model]
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        yield f"analysis.model: two models are named {name!r}; give each its own name"


def _grafts(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    """Grafts and scores of arms that there are, of one base model."""
    recipes = study.recipes()
    taken = {name.casefold() for name in [*recipes, BASE]}
    for scores in study.scores:
        where, both = f"scores {scores.name!r}", [weight_sum(scores.old), weight_sum(scores.new)]
        yield from _of_one_model(where, [name for one in both for name in (one.first, *one.others)], recipes)
    for name in dict.fromkeys(s.name for s in study.scores if [o.name for o in study.scores].count(s.name) > 1):
        yield f"scores: two are named {name!r}; give each its own name"
    for graft in study.graft:
        where = f"graft {graft.name!r}"
        if graft.name.casefold() in taken:
            yield f"{where}: an arm or another graft has this name, or it is {BASE!r}, the model before training"
        taken.add(graft.name.casefold())
        if BASE in recipes:
            yield f"{where}: an arm is named {BASE!r}, which is the model before training; give the arm another name"
        yield from _of_one_model(where, [graft.sum.first, *graft.sum.others], recipes)


def _patterns(study: StudyFile, data: dict, path: Path) -> Iterator[str]:
    """Attention of an arm that has its own, of the same model."""
    recipes = study.recipes()
    for arm, (_, tuning) in recipes.items():
        if tuning.patterns is None:
            continue
        where, of = f"arm {arm!r}: tuning.patterns", tuning.patterns.of
        yield from _of_one_model(where, [of, arm], recipes)
        if of == arm or (of in recipes and recipes[of][1].patterns):
            yield f"{where}: {of!r} does not attend by itself; name an arm that does"
        if any(spec.name == "attention" for spec in study.probe.instruments):
            yield f"{where}: the instrument attention would measure what the arm does not do; leave it out"
        if tuning.strategy == "fsdp" or tuning.recompute:
            yield f'{where}: is not for strategy = "fsdp" or recompute = true'


def _of_one_model(where: str, named: list[str], recipes: dict) -> Iterator[str]:
    known = [*recipes, BASE]
    for arm in (arm for arm in dict.fromkeys(named) if arm not in known):
        near = difflib.get_close_matches(arm, known, 1, cutoff=0)[0]
        yield f"{where}: there is no arm {arm!r}; the nearest is {near!r}"
    for arm in (arm for arm in dict.fromkeys(named) if arm in recipes and recipes[arm][1].method == "none"):
        yield f"{where}: arm {arm!r} is not trained (tuning.method), so it ends with no weights of its own"
    models = {recipes[arm][0].model_dump_json(): arm for arm in named if arm in recipes}
    if len(models) > 1:
        yield f"{where}: {' and '.join(map(repr, models.values()))} begin with different models; take arms of one"


Check = Callable[["StudyFile", dict, Path], Iterator[str]]
# What is checked, and the sections that must be understood for it.
CHECKS: tuple[tuple[tuple[str, ...], Check], ...] = (
    (("arm",), _arms),
    (("arm", "stage"), _stages),
    (("analysis", "arm", "stage"), _origin),
    (("arm", "simulation", "analysis"), _simulation),
    (("facts", "model", "arm"), _source),
    ((), _path),
    (("facts", "model", "tuning", "arm"), _models),
    (("facts", "model", "arm"), _packages),
    (("study", "model", "tuning", "stage", "probe", "analysis", "arm", "simulation"), _series),
    (("probe", "model", "tuning", "stage", "arm"), _moments),
    (("analysis", "probe", "model", "tuning", "stage", "arm"), _rules),
    (("analysis",), _analysis),
    (("analysis", "probe"), _recall),
    (("graft", "scores", "arm", "model", "tuning"), _grafts),
    (("probe", "arm", "model", "tuning"), _patterns),
)
