"""What cannot work is said before or at the step where it arises, each provoked for real."""

import copy
import json
import math
import pickle
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import MambaConfig, MambaForCausalLM, PreTrainedTokenizerFast

from factsurv.events.errors import InputError
from factsurv.events.files import read_table
from factsurv.training.callback import FactProbe
from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.prompts import encode
from factsurv.training.lessons.finetune import Finetuning
from factsurv.training.lessons.training_state import read_state
from factsurv.training.models.load import MARKER, load, weights_bytes
from factsurv.training.models.prepared import prepared_model
from factsurv.training.models.tunable import tunable
from factsurv.training.passes import memory
from factsurv.training.passes.precision import check_dtype
from factsurv.training.run import execute
from factsurv.training.spec import FactsSpec, ModelSpec, TuningSpec
from tests.training.conftest import FACTS
from tests.training.test_callback import SPEC, trained
from tests.training.test_resume import Touch


@pytest.fixture
def folder(asked, tmp_path):
    """A copy of the tiny model's folder, and a function that changes one of its JSON files."""
    made = tmp_path / "model"
    shutil.copytree(asked(tmp_path / "unused").model.name, made)

    def change(file, **keys):
        path = made / file
        path.write_text(json.dumps(json.loads(path.read_text()) | keys))
        return ModelSpec(name=str(made))

    return change


def test_a_model_larger_than_memory_is_refused_before_any_weight_is_read(folder, tmp_path):
    """Five terabytes by its configuration; its file of weights is not even looked at."""
    spec = folder("config.json", hidden_size=65536, intermediate_size=262144, num_hidden_layers=18)
    (tmp_path / "model" / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"weights take \d{4}\.\d GB, and .* of this machine are free") as error:
        load(spec)
    assert "model.precision" in error.value.remedy


def test_weights_are_counted_without_loading(folder, tiny_models):
    spec = folder("generation_config.json")
    real = sum(w.numel() for w in tiny_models["llama"].parameters())
    assert weights_bytes(spec.name, spec) == 4 * real
    assert weights_bytes(spec.name, spec.model_copy(update={"precision": "bf16"})) == 2 * real


@pytest.mark.parametrize(
    "keys", [{"repetition_penalty": 1.2}, {"no_repeat_ngram_size": 3}, {"min_new_tokens": 2}, {"num_beams": 4}]
)
def test_other_logits_processors_are_refused_when_the_model_is_loaded(keys, folder):
    with pytest.raises(InputError, match=f"generation_config sets {next(iter(keys))}"):
        load(folder("generation_config.json", **keys))


CODE = """
from pathlib import Path
Path(r"{marker}").touch()
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
class Config(LlamaConfig):
    model_type = "own"
class Model(LlamaForCausalLM):
    config_class = Config
class Tokenizer(PreTrainedTokenizerFast):
    pass
"""


@pytest.mark.parametrize("part", ["config", "tokenizer"])
def test_code_of_a_model_folder_never_runs(part, folder, tmp_path, monkeypatch):
    """Also if somebody at the keyboard says yes to whatever is asked."""
    marker = tmp_path / "it-ran"
    made = tmp_path / "model"
    monkeypatch.setattr("builtins.input", lambda *_: "yes")
    (made / "own.py").write_text(CODE.format(marker=marker))
    spec = folder("generation_config.json")
    if part == "config":
        auto = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
        spec = folder("config.json", auto_map=auto, model_type="own", architectures=["Model"])
    else:
        spec = folder(
            "tokenizer_config.json", auto_map={"AutoTokenizer": [None, "own.Tokenizer"]}, tokenizer_class="Tokenizer"
        )
    if part == "config":
        with pytest.raises(InputError, match="code of its own, and factsurv runs none"):
            load(spec)
    else:
        try:  # a tokenizer that transformers can read without the folder's class is read so
            load(spec)
        except InputError as error:
            assert "code of its own" in str(error)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("file", "code", "used"),
    [
        ("config.json", {"AutoModelForCausalLM": "own.Model"}, "LlamaForCausalLM is used"),
        ("tokenizer_config.json", {"AutoTokenizer": [None, "own.Tokenizer"]}, "Tokenizer"),
    ],
)
def test_code_that_is_passed_over_is_said_in_one_line(file, code, used, folder):
    said: list[str] = []
    load(folder(file, auto_map=code), said.append)
    assert len(said) == 1 and "code of its own (auto_map)" in said[0] and used in said[0]


def test_every_load_forbids_code():
    """In what we run, and in the examples that others copy."""
    root = Path(__file__).parents[2]
    tracked = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split()
    loads = 0
    for name in tracked:
        if name.endswith((".py", ".md", ".ipynb")) and not name.startswith("tests/") and (root / name).is_file():
            text = (root / name).read_text("utf-8")
            for found in re.finditer(r"Auto\w+\.from_(pretrained|config)\(([^()]|\([^()]*\))*\)", text):
                loads += 1
                assert "trust_remote_code=False" in found[0], f"{name}: {found[0]}"
    assert loads >= 8


def test_pickled_weights_are_refused(folder, tiny_models, tmp_path):
    """Of a model and of an adapter; beside safetensors they are not looked at."""
    made, marker = tmp_path / "model", tmp_path / "it-ran"
    spec = folder("generation_config.json")
    (made / "pytorch_model.bin").write_bytes(pickle.dumps(Touch(marker)))
    load(spec)
    (made / "model.safetensors").rename(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"are pickled \(pytorch_model.bin\), and reading a pickle can run any code"):
        load(spec)
    (tmp_path / "model.safetensors").rename(made / "model.safetensors")
    (made / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": str(made)}))
    (made / "adapter_model.bin").write_bytes(pickle.dumps(Touch(marker)))
    with pytest.raises(InputError, match=r"are pickled \(adapter_model.bin\)"):
        load(spec)
    assert not marker.exists()


@pytest.mark.parametrize("kept", [0, 7, 4000])
def test_weights_cut_short_are_one_message(kept, folder, tmp_path):
    spec = folder("generation_config.json")
    path = tmp_path / "model" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="the model cannot be loaded: its weights are damaged"):
        load(spec)


def test_a_kept_model_that_is_damaged_is_made_again(tmp_path, monkeypatch):
    """The tiny model of an invented world, and one that was kept before there were digests."""
    monkeypatch.setenv("FACTSURV_CACHE", str(tmp_path))
    world = FactsSpec(source="tiny-world", world_facts=60, count=20)
    tiny = ModelSpec(name="tiny", width=16, layers=1, heads=2, pretrain_steps=3, pretrain_batch=8)
    made, identity = prepared_model(tiny, world, lambda _: None)
    first = {p.name: p.read_bytes() for p in Path(made).iterdir()}
    for name in (*first, "all"):
        said = []
        if name == "all":
            (Path(made) / MARKER).unlink()
        else:
            path = Path(made) / name
            damaged = bytearray(first[name])
            damaged[len(damaged) // 3] ^= 4
            path.write_bytes(damaged)
        assert prepared_model(tiny, world, said.append) == (made, identity)
        assert ("is not used" in said[0] and "pretraining" in said[1]) and len(said) == 2, said
        assert {p.name: p.read_bytes() for p in Path(made).iterdir()} == first
    assert [p.name for p in Path(made).parent.iterdir()] == [Path(made).name]
    said = []
    prepared_model(tiny, world, said.append)
    assert not said


def test_fp16_on_a_processor_is_refused(tiny_models, tokenizer, facts, lessons, tmp_path):
    with pytest.raises(InputError, match="fp16 is not for a processor"):
        check_dtype(torch.float16, torch.device("cpu"), "model.precision")
    model = copy.deepcopy(tiny_models["llama"]).half()
    with pytest.raises(InputError, match="fp16 is not for a processor"):
        trained(model, lessons, tokenizer, tmp_path, [FactProbe(facts, tmp_path / "x", SPEC)])
    with pytest.raises(ValueError, match="'fp32' or 'bf16'"):
        ModelSpec(precision="fp16")


def test_bf16_on_a_gpu_without_it_is_refused(monkeypatch):
    """The one thing here that is not real: such a GPU. What it answers is replaced."""
    monkeypatch.setattr("factsurv.training.passes.precision._has_bf16", lambda device: False)
    monkeypatch.setattr("factsurv.training.passes.precision._name", lambda device: "the GPU Tesla T4")
    with pytest.raises(InputError, match="Tesla T4 does not compute in bf16"):
        check_dtype(torch.bfloat16, torch.device("cuda"), "tuning.precision")
    check_dtype(torch.float32, torch.device("cuda"), "tuning.precision")


def test_a_tokenizer_in_which_no_answer_can_end_is_refused(tokenizer):
    """Without EOS a terminator is enough; without both there is no answer."""
    words = {w: i for i, w in enumerate(["?", "The", "capital", "of", "Ostra", "is", "Abor"])}
    inner = Tokenizer(models.WordLevel(words, unk_token="?"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    endless = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="?")
    with pytest.raises(InputError, match="it has no EOS token, so an answer could never end"):
        encode(endless, ["The capital of Ostra is"], ["Abor"], ["a"])
    without = copy.deepcopy(tokenizer)
    without.eos_token = None
    made = encode(without, ["The capital of Ostra is"], ["Abor"], ["a"])
    assert tokenizer.eos_token_id not in made.terminators and len(made.terminators) >= 1


def test_a_lesson_longer_than_the_context_is_refused_before_the_first_step(tiny_models, tokenizer):
    long = [[encode(tokenizer, ["The capital of Ostra is" * 60], ["Abor"], ["a"])]]
    tuning = TuningSpec(method="full")
    with pytest.raises(InputError, match="facts.templates: the longest prompt has .* the model's context holds 256"):
        Finetuning(tunable(copy.deepcopy(tiny_models["gpt2"]), tuning, 1), long, tuning, 1)


def test_a_few_shot_prefix_longer_than_the_context_is_refused_before_the_first_step(asked, folder, tmp_path):
    job = asked(tmp_path / "run").model_copy(update={"model": folder("config.json", max_position_embeddings=20)})
    with pytest.raises(InputError, match="probe.examples: the longest prompt has .* context holds 20"):
        execute(job)
    assert not list(job.folder.glob("*.arrow"))


def test_a_diverging_run_names_its_arm(asked, tmp_path):
    job = asked(tmp_path, epochs=60, learning_rate=1e9, method="full", clip=1e9)
    with pytest.raises(InputError, match="last good checkpoint is kept") as error:
        execute(job)
    assert error.value.where.startswith("arm main: ")
    weights = read_state(next(job.folder.glob("checkpoint-*")))["training"]["weights"]
    assert all(w.isfinite().all() for w in weights.values())


def test_an_architecture_without_attention_takes_the_plain_path_and_says_so(asked, folder, tokenizer, tmp_path):
    spec = folder("generation_config.json")
    config = MambaConfig(vocab_size=len(tokenizer), hidden_size=16, state_size=4, num_hidden_layers=1)
    MambaForCausalLM(config).save_pretrained(spec.name)
    tuning = {"method": "full", "epochs": 1}
    job = asked(tmp_path / "run", **tuning).model_copy(update={"model": spec})
    said = []
    execute(job, lambda event: said.append(event.get("say", "")))
    assert any("takes the plain, slower path" in s for s in said)
    assert read_table(job.folder / "probes.arrow").num_rows == 2 * len(FACTS)


def test_the_callback_plans_its_memory(tiny_models, tokenizer, facts, lessons, tmp_path, monkeypatch):
    model, said = copy.deepcopy(tiny_models["llama"]), []
    moments = 8 * sum(w.numel() for w in model.parameters())
    callback = FactProbe(facts, tmp_path / "x", SPEC, say=said.append)
    encoded = encode_probes(tokenizer, facts, SPEC)
    _, whole = memory.fitting_batch_tokens(memory.shape_of(model), encoded, True, SPEC.batch_tokens, 10**12)
    monkeypatch.setattr(memory, "free_bytes", lambda: moments + whole - 1)
    trained(model, lessons, tokenizer, tmp_path, [callback], num_train_epochs=1)
    assert callback.batch_tokens < SPEC.batch_tokens == callback.spec.batch_tokens
    assert any("probing takes about 64 MB" in s and f"({callback.batch_tokens} tokens at once)" in s for s in said)
    monkeypatch.setattr(memory, "free_bytes", lambda: moments + memory.RUNTIME)
    with pytest.raises(InputError, match="probing one fact at a time takes"):
        trained(model, lessons, tokenizer, tmp_path, [FactProbe(facts, tmp_path / "y", SPEC)])


def test_the_callback_keeps_its_probes_when_training_diverges(tiny_models, tokenizer, facts, lessons, tmp_path):
    model = copy.deepcopy(tiny_models["llama"])
    callback = FactProbe(facts, tmp_path / "x", SPEC, arm="wild", say=lambda _: None)
    with pytest.raises(InputError, match="arm wild: the model's logits are not numbers"):
        trained(model, lessons, tokenizer, tmp_path, [callback], learning_rate=1e30, max_grad_norm=math.inf)
    kept = read_table(tmp_path / "x" / "runs" / "wild-5" / "probes-incomplete.arrow")
    assert kept.num_rows >= len(FACTS)
