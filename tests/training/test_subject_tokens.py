"""Which tokens are the subject's: by hand, for tokenizers that cut text in different ways."""

import re

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import MambaConfig, MambaForCausalLM, PreTrainedTokenizerFast

from factsurv.events.errors import InputError
from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.fact_set import Fact, FactSet, fact_rows
from factsurv.training.facts.prompts import Encoded, some
from factsurv.training.facts.subject_tokens import subject_tokens
from factsurv.training.probing.instruments import Instruments
from factsurv.training.probing.measure import Asked
from factsurv.training.spec import ProbeSpec

TEXTS = ["The capital of Brulia is Abor\n", "New Brül, the capital: Dal\n", "Of Ost and Ost:", "Corin"] * 9


def bpe(pre, decoder, **more):
    inner = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=False))
    if pre is not None:
        inner.pre_tokenizer = pre
    if decoder is not None:
        inner.decoder = decoder
    special = ["<unk>", "<s>", "<eos>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet() if isinstance(pre, pre_tokenizers.ByteLevel) else []
    inner.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=330, special_tokens=special, initial_alphabet=alphabet)
    )
    for name, value in more.items():
        setattr(inner, name, value)
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", bos_token="<s>", unk_token="<unk>")


BEGIN = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
TOKENIZERS = {
    # As GPT-2, Llama 3, Qwen: a token brings the space before it; ü is two tokens of one byte.
    "byte-level": lambda: bpe(pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()),
    # As Llama 2, Gemma, Mistral: spaces are ▁, one is put before the text, and a token of its own begins it.
    "metaspace": lambda: bpe(pre_tokenizers.Metaspace(), decoders.Metaspace(), post_processor=BEGIN),
    # Words are merged over spaces: a token may hold the end of the subject and what follows.
    "merging": lambda: bpe(pre_tokenizers.Split("\n", "isolated"), decoders.Fuse()),
    # Text is changed before it is cut: lower case, compatibility forms.
    "lower": lambda: bpe(
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
        normalizer=normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]),
    ),
}
FORMS = {
    "middle": ("The capital of {subject} is", "Brulia"),
    "start": ("{subject}, the capital:", "New Brül"),
    "twice": ("Of {subject} and {subject}:", "Ost"),
    "end": ("The capital of {subject}", "Brulia"),
}


def plain(text):
    """Without case, spaces, and the marks that a subject may share a token with."""
    return re.sub(r"[\s,:]", "", text.casefold())


def asked(form, subject, examples):
    rows = [Fact("f", subject, "r", "Abor", "r")]
    return FactSet(fact_rows(rows, ()), {"r": (form,)}, {"r": (("Corin", "Dal"),) * examples}, "test", ())


@pytest.mark.parametrize("examples", [0, 1])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_the_subjects_tokens_say_it_and_the_others_do_not(kind, form, examples):
    tokenizer, spec = TOKENIZERS[kind](), ProbeSpec(examples=examples, slick_prompts=1)
    facts = asked(*form, examples)
    told = f"{form[0].format(subject='Corin')} Dal\n" * examples
    prompt = np.array(tokenizer(told + form[0].format(subject=form[1]))["input_ids"])
    encoded = Encoded((prompt,), np.array([len(prompt)]), np.array([2]), 2)  # some of these have no end of an answer
    (hit,) = subject_tokens(tokenizer, facts, encoded, spec)
    said, subject = plain(tokenizer.decode(prompt[hit])), plain(form[1]) * form[0].count("{subject}")
    if kind == "merging":
        assert all(sign in said for sign in subject)
    else:
        assert said == subject
        others = tokenizer.decode(prompt[~hit], skip_special_tokens=True)
        assert plain(others) == plain(told + form[0].replace("{subject}", ""))
    assert hit.sum() > 1 or kind == "merging" or form[1] in ("Ost", "Brulia")
    if not examples and kind != "merging":
        assert hit[1 if kind == "metaspace" else 0] == form[0].startswith("{subject}")


def test_a_subject_that_is_not_in_its_prompt_is_refused(tokenizer, facts):
    spec = ProbeSpec(examples=0)
    encoded = encode_probes(tokenizer, facts, spec)
    elsewhere = some(encoded, np.roll(np.arange(len(facts)), 1))
    with pytest.raises(InputError, match="the subject does not occur in the tokens of its prompt, of 32 fact"):
        subject_tokens(tokenizer, facts, elsewhere, spec)


def test_a_model_without_attention_is_refused(tokenizer, facts):
    recurrent = MambaForCausalLM(MambaConfig(vocab_size=500, hidden_size=16, state_size=4, num_hidden_layers=1)).eval()
    spec = ProbeSpec(examples=0, instruments=["attention"])
    encoded = encode_probes(tokenizer, facts, spec)
    with pytest.raises(InputError, match="cannot be read") as error:
        Instruments(Asked(tokenizer, recurrent, facts, encoded, spec, share_prefix=False), print)
    assert "probe.instruments, attention" in str(error.value)
