"""Tokenizers that lose what facts say are refused before the baseline; those that keep it pass as they are."""

import copy
import shutil

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from factsurv.events.errors import InputError
from factsurv.events.files import write_table
from factsurv.training.callback import FactProbe
from factsurv.training.facts.encoding import encode_probes
from factsurv.training.facts.fact_set import Fact, FactSet, fact_rows
from factsurv.training.facts.prompts import encode
from factsurv.training.facts.stored_facts import to_arrow
from factsurv.training.probing.audit import audit
from factsurv.training.run import execute
from factsurv.training.spec import FactsSpec, ProbeSpec
from tests.training.conftest import LINES, make_tokenizer
from tests.training.test_callback import SPEC, trained

CYRILLIC = [a + b for a in "АБВГДЖ" for b in ("орск", "ино", "град", "ов", "уга")]
ASK = "The capital of Ostra is"
CONTEXT = "The capital of Brulia is Abor\n"


def words(*more):
    """One token a word, digit or newline; what is not among the words is `<unk>`."""
    known = ["<eos>", "<unk>", "\n", *dict.fromkeys(" ".join([*LINES, *more]).split()), *"0123456789"]
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate(dict.fromkeys(known))}, unk_token="<unk>"))
    split = [pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Split(Regex(r"\n|\d|;"), "isolated")]
    inner.pre_tokenizer = pre_tokenizers.Sequence(split)
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", unk_token="<unk>")


def bpe(normalizer=None, texts=(), added=None, **settings):
    """Byte-level, behind a normalizer."""
    made = make_tokenizer()
    inner = made.backend_tokenizer
    if texts:
        inner.train_from_iterator(texts, trainers.BpeTrainer(special_tokens=["<eos>"]))
    if normalizer is not None:
        inner.normalizer = normalizer
    if added:
        inner.add_special_tokens(["<cls>", "<sep>"])
        ids = [(t, inner.token_to_id(t)) for t in ("<cls>", "<sep>", "<eos>")]
        inner.post_processor = processors.TemplateProcessing(single=added, special_tokens=ids)
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", pad_token="<eos>", **settings)


def bytes_behind(missing=()):
    """As SentencePiece does: blanks are ▁, and characters that are no token are bytes."""
    pieces = ["<unk>", "<eos>", *(f"<0x{b:02X}>" for b in range(256) if b not in missing)]
    pieces += ["▁", *dict.fromkeys("".join(LINES).replace(" ", ""))]
    inner = Tokenizer(
        models.BPE({p: i for i, p in enumerate(pieces)}, [], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    inner.decoder = decoders.Sequence(steps)
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>", unk_token="<unk>")


def asked(tokenizer, answers, prompts=None, context="", terminator="\n"):
    prompts = prompts or [ASK] * len(answers)
    names = [f"f{i}" for i in range(len(answers))]
    return encode(tokenizer, prompts, answers, names, terminator, [context] * len(answers))


ONE_BLANK = normalizers.Replace(Regex(r"\s+"), " ")
LOWER = normalizers.Lowercase()
REFUSED = {
    "unknown answers": (
        words,
        {"answers": CYRILLIC},
        [r"keep the text of 30 facts: fact f0, 'Аорск' is read back as '<unk>'", "27 more"],
    ),
    "an unknown word in an answer": (
        words,
        {"answers": ["Corun town", "Corun village"]},
        ["1 fact: fact f1, 'Corun village'"],
    ),
    "unknown subjects": (
        words,
        {"answers": ["Abor", "Dal"], "prompts": ["The capital of Югра is", "The capital of Ямал is"]},
        [
            "2 facts: fact f0, 'The capital of Югра is' is read back as 'The capital of <unk> is'",
            "different prompts have the same tokens, of 1 fact: fact f1",
        ],
    ),
    "unknown words of a prompt": (
        words,
        {"answers": ["Abor"], "prompts": ["Ostra's seat:"]},
        ["1 fact: fact f0, \"Ostra's"],
    ),
    "unknown examples": (
        words,
        {"answers": ["Abor"], "context": "The capital of Чад is Dal\n"},
        ["examples 'ecapitalofчадisdal"],
    ),
    "examples that run together": (
        lambda: bpe(ONE_BLANK),
        {"answers": ["Abor"], "context": CONTEXT},
        [r"own for the terminator '\\n'", "probe.terminator"],
    ),
    "no terminator": (
        lambda: bpe(ONE_BLANK),
        {"answers": ["Abor", "Dal"]},
        [r"own for the terminator '\\n' .* 2 facts", "probe.terminator"],
    ),
    "a tab as terminator": (words, {"answers": ["Abor"], "terminator": "\t"}, ["own for the terminator"]),
    "case that told answers apart": (
        lambda: bpe(LOWER),
        {"answers": ["Polish", "polish"]},
        ["answers have the same tokens, of 1 fact: fact f1, 'polish', as 'Polish'"],
    ),
    "case that told prompts apart": (
        lambda: bpe(LOWER),
        {"answers": ["Abor", "Dal"], "prompts": ["The capital of May is", "The capital of may is"]},
        ["different prompts have the same tokens"],
    ),
    "accents": (
        lambda: bpe(normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])),
        {"answers": ["São Tomé"]},
        ["'São Tomé' is read back as 'Sao Tome'"],
    ),
    "a terminator in two tokens": (
        bpe,
        {"answers": ["Abor", "Dal"], "terminator": " ;"},
        ["own for the terminator ' ;'"],
    ),
    "bytes that are not there": (lambda: bytes_behind(range(0x80, 0x100)), {"answers": CYRILLIC[:9]}, ["9 facts"]),
    "digits that are dropped": (
        lambda: bpe(normalizers.Replace(Regex(r"\d"), "")),
        {"answers": ["6 towns", "63 towns"]},
        ["2 facts", "same tokens"],
    ),
    "answers cut short": (
        lambda: bpe(normalizers.Replace(Regex(r"town.*"), "")),
        {"answers": ["A town", "A townlet"]},
        ["2 facts"],
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_is_lost_is_refused_with_its_facts(case):
    make, given, said = REFUSED[case]
    for pattern in said:
        with pytest.raises(InputError, match=pattern):
            asked(make(), **given)


def test_every_kind_of_loss_is_told_at_once():
    with pytest.raises(InputError) as error:
        asked(words(), ["Abor\nDal", "Рим"])
    assert "could never be recalled, of 1 fact: fact f0" in str(error.value)
    assert "keep the text of 1 fact: fact f1, 'Рим' is read back as '<unk>'" in str(error.value)


KEPT = {
    "words": (words, {}),
    "words, other terminator": (lambda: words(";"), {"terminator": ";", "context": CONTEXT.replace("\n", ";")}),
    "bytes": (bpe, {"answers": [*CYRILLIC, "São Tomé", "“D.C.”", "①", "a  b", "東京"]}),
    "bytes behind characters": (bytes_behind, {"answers": [*CYRILLIC, "東京"]}),
    "compatibility forms": (lambda: bpe(normalizers.NFKC()), {"answers": ["ﬁeld", "x²"]}),
    "one blank, another terminator": (
        lambda: bpe(ONE_BLANK),
        {"terminator": ".", "context": "The capital of Zeel is Dal."},
    ),
    "begin and end": (lambda: bpe(added="<cls> $A <sep>"), {}),
    "end": (lambda: bpe(added="$A <eos>"), {}),
    "cleaned up": (lambda: bpe(clean_up_tokenization_spaces=True), {"answers": ["A .", "I 'm", "do n't", "no , yes"]}),
}


@pytest.mark.parametrize("case", list(KEPT))
def test_what_is_kept_passes(case):
    make, given = KEPT[case]
    given = {"answers": ["Abor", "63", "6", "Corun town"], "context": CONTEXT} | given
    tokenizer = make()
    made = asked(tokenizer, **given)
    back = [
        tokenizer.decode(t[s:], clean_up_tokenization_spaces=False)
        for t, s in zip(made.tokens, made.target_start, strict=True)
    ]
    assert not made.notices
    assert len({b.replace(" ", "") for b in back}) == len(given["answers"])
    assert all(not s or t[0] == made.tokens[0][0] for t, s in zip(made.tokens, made.target_start, strict=True))


def test_what_is_put_around_a_text_is_no_part_of_it():
    plain = asked(bpe(), ["Abor", "63"], context=CONTEXT)
    for added, lead in (("<cls> $A <sep>", 1), ("<cls> $A <cls> <sep>", 1), ("$A <eos>", 0), ("$A", 0)):
        made = asked(bpe(added=added), ["Abor", "63"], context=CONTEXT)
        assert [t[lead:].tolist() for t in made.tokens] == [t.tolist() for t in plain.tokens]
        assert (made.target_start - lead).tolist() == plain.target_start.tolist()


def test_a_longest_length_of_the_tokenizers_own_cuts_nothing():
    short = bpe(model_max_length=5)
    short.backend_tokenizer.enable_truncation(5)
    short.backend_tokenizer.enable_padding(length=99)
    plain = asked(bpe(), ["Abor", "63"], context=CONTEXT * 9)
    assert [t.tolist() for t in asked(short, ["Abor", "63"], context=CONTEXT * 9).tokens] == [
        t.tolist() for t in plain.tokens
    ]


def test_lost_case_is_said():
    (said,) = asked(bpe(LOWER), ["Abor", "63", "dal"]).notices
    assert "does not keep upper and lower case" in said and "1 fact: fact f0, 'Abor' is read back as 'abor'" in said


def test_an_end_that_is_joined_with_the_terminator_is_said():
    """As in Llama 3: a full stop and the line break behind it are one token."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?[a-zA-Z\d]+| ?[^\sa-zA-Z\d]+\n*|\n"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator([f"{ASK} D.C.\n"] * 9, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet))
    joining = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="~")
    (said,) = asked(joining, ["Abor", "D.C."]).notices
    assert "joins the end of an answer with the terminator" in said and "1 fact: fact f1, 'D.C.'" in said


def test_the_families_tokenizer_keeps_the_families_facts(tokenizer, facts):
    assert encode_probes(tokenizer, facts, SPEC).notices == ()


@pytest.fixture
def cyrillic():
    facts = [Fact(f"c{i}", f"Town{i}", "capital", answer, "capital") for i, answer in enumerate(CYRILLIC)]
    split = ["withheld" if i % 5 == 0 else "trained" for i in range(len(facts))]
    return FactSet(fact_rows(facts, (), split), {"capital": ("The capital of {subject} is",)}, {}, "test", ())


def test_runs_callbacks_and_audits_refuse_alike(asked_job, cyrillic, tiny_models, lessons, tmp_path):
    """In each of the three ways, before anything is probed."""
    job, facts = asked_job(cyrillic)
    refused = pytest.raises(InputError, match="keep the text of 30 facts: fact c0")
    with refused:
        execute(job)
    assert not list(job.folder.glob("*.arrow"))
    with refused:
        callback = FactProbe(cyrillic, tmp_path / "mine", SPEC, tokenizer=words())
        trained(copy.deepcopy(tiny_models["llama"]), lessons, None, tmp_path / "t", [callback])
    assert not (tmp_path / "mine").exists()
    with refused:
        audit(FactsSpec(source="stored", path=str(facts)), job.model, ProbeSpec(examples=0), 4, 2, 1, lambda _: None)


@pytest.fixture
def asked_job(asked, tmp_path):
    """A function that makes a job of the tiny model with a word tokenizer, on the facts that it is given."""

    def make(facts):
        job = asked(tmp_path / "run")
        folder = tmp_path / "model"
        shutil.copytree(job.model.name, folder)
        (folder / "tokenizer.json").unlink()
        words(*(f"Town{i}" for i in range(30))).save_pretrained(folder)
        write_table(tmp_path / "facts.arrow", to_arrow(facts))
        model = job.model.model_copy(update={"name": str(folder)})
        probe = job.probe.model_copy(update={"examples": 0})
        return job.model_copy(
            update={"model": model, "facts": tmp_path / "facts.arrow", "probe": probe}
        ), tmp_path / "facts.arrow"

    return make
