"""The whole report on synthetic results: every number comes from the tables, nothing is asked of the network."""

import json
import math
import re
import shutil

import numpy as np
import pyarrow as pa
import pytest

from factsurv.events.files import read_table
from factsurv.events.schema import levels_of
from factsurv.reports.page import faults, remarks
from factsurv.reports.render import render
from tests.reports.conftest import LIBRARY, MARKUP, QUARTO, RTL
from tests.reports.make_results import LEFT_OUT, disguise, make_results
from tests.reports.reading import Images, part, section, text_of, unfolded

OUTCOMES = ("acquisition", "generalisation", "degradation")
SECTIONS = ("summary", "baseline", "recall", "instruments", "events", *OUTCOMES, "trust", "rules", "methods", "details")


def rows(path, **where):
    return [r for r in read_table(path).to_pylist() if all(r[k] == v for k, v in where.items())]


def ratio(x):
    """As a reader sees a hazard ratio: 0.043, 2.61, 12, 130; 1.003 is not 1."""
    near = 0 < abs(x - 1) < 0.005
    return (
        f"{x:.{math.ceil(-math.log10(abs(x - 1))) if near else 3 if abs(x) < 0.0995 else 2 if abs(x) < 9.95 else 0}f}"
    )


def test_the_page_is_whole_and_needs_no_network(page, rendered):
    assert faults(page, ["SYNTHETIC study: simulated facts, not a model"]) + remarks(page) == []
    for name in SECTIONS:
        assert section(page, name)
    by = r"quarto [\d.]+" if QUARTO else r"knitr \+ pandoc [\d.]+ \(Quarto is not installed\)"
    assert re.search(f"Rendered by {by} on", text_of(page))
    assert not rendered.warnings
    assert " NA " not in text_of(page) and "NaN" not in text_of(page)


def test_the_first_screen_answers_in_few_numbers(page, results):
    """What was studied, each outcome with its ratio and a picture, and how sure: no test's or method's name."""
    whole = part(page, "summary")
    said = unfolded(f"<main>{whole}</main>")
    assert "How sure?" in said and 'href="#trust"' in whole
    assert len(re.findall(r"(?<![\w.-])\d[\d,.]*", said)) <= 20, said
    assert not re.search(r"\bp [=<]|Cox|hazard|Firth|cloglog", said)
    for outcome in OUTCOMES:
        assert f'<a href="#{outcome}">' in whole
    assert whole.count('<svg class="picture" role="img"') >= 6
    assert page.count("<details") == page.count("</details>") == page.count("<summary")


def test_a_section_of_ones_own_is_in_its_place_with_a_figure_of_the_package(page, results):
    relation = read_table(results / "events.arrow")["relation"].chunk(0).dictionary[0].as_py()
    told = section(page, "own-part")
    assert f"Rows shown: {len(rows(results / 'events.arrow', relation=relation))}." in told
    assert page.index('id="claims"') < page.index('id="fig-own"') < page.index('id="trust"')


def test_every_fact_is_in_the_table_of_facts(page, results):
    """With what became of it: in how many runs it is recalled at the end, and how often it was forgotten."""
    table = page[page.index('<div class="facts">') :]
    table = table[: table.index("</table>")]
    moves = rows(results / "transitions.arrow", rule="first")
    lasted = {(r["run"], r["fact_id"]): r for r in sorted(moves, key=lambda r: r["start"])}
    facts = rows(results / "facts.arrow")
    shown = re.findall(r"<tr[^>]*>\s*(<td>.*?)</tr>", table, re.DOTALL)
    assert len(shown) == len(facts)
    for fact, row in zip(facts, shown, strict=True):
        ends = [r["from"] if r["to"] == "censored" else r["to"] for (_, i), r in lasted.items() if i == fact["fact_id"]]
        kept = sum(end in ("known", "reacquired") for end in ends)
        lost = sum(r["to"] == "forgotten" for r in moves if r["fact_id"] == fact["fact_id"])
        cells = [text_of(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        assert cells[0] == fact["subject"] and cells[2] == fact["object"]
        assert cells[5:7] == [str(lost), f"{kept} of {len(ends)} runs"]


def test_claims_have_their_verdict_first_and_their_numbers_in_a_table(page, results):
    """All four on the first screen; ours beside the paper's below, and why a number is missing."""
    first = section(page, "summary")
    told = section(page, "claims")
    assert "one supported, one contradicted, one undecided and one not measured" in told
    for claim in rows(results / "claims.arrow"):
        assert f"{claim['verdict']} {claim['text']}" in first and claim["text"] in told
    for cell in ("2.32 (1.81 to 2.97)", "31.0 % (24.0 % to 38.0 %)", "−4 points (−11 to +3)", "HR of somebody"):
        assert cell in told.replace("\u00a0", " "), cell
    assert "Answers rank high: not measured these results hold no table rank." in told


def test_most_of_the_page_is_folded(page):
    assert len(unfolded(page).split()) < 0.4 * len(text_of(page).split())


def test_states_are_the_tables_in_words(page, results):
    said = section(page, "states")
    last = {
        r["state"]: r
        for r in rows(results / "analysis/occupation.arrow", stratum="lora / trained")
        if r["time"] == 12.0
    }
    for state in ("known", "reacquired", "forgotten"):
        p, lower, upper = (f"{100 * last[state][k]:.1f} %" for k in ("probability", "lower", "upper"))
        assert f"{p} ({lower} to {upper})" in said
    moved = rows(results / "analysis/transition_counts.arrow", stratum="lora / trained", to="forgotten")
    assert any(f"{r['events']} of {r['at_risk']}" in said for r in moved)
    assert "forgotten → reacquired (3 events for 1 coefficients: too few)" in said
    assert "Of 120 histories in which a fact was recalled and probed again, 40 (33 %) saw it forgotten" in said
    assert "46 forgettings in all" in said
    assert "To latent: rate" in said and "To known: share" in said


def test_models_of_the_plan_stand_by_themselves(page, results):
    said = section(page, "models")
    own = [r for r in rows(results / "analysis/coefficients.arrow") if "/own-" in r["task"]]
    assert own
    for row in own:
        assert f"{ratio(row['hr'])} ({ratio(row['lower'])}–{ratio(row['upper'])})" in said
        assert row["term"] in said and row["term"] not in section(page, row["outcome"])
    assert "Fitted as Surv(start, stop, event) ~ x . Behind it: 100 rows of 50 facts in 4 runs" in said
    assert "Hazard ratios with 90 % intervals" in said and "Hazard ratios with 95 % intervals" in said  # as asked for
    assert "Source, early" in said and "Source, late" in said  # which level a ratio of a period is of
    for figure in ("own-acquisition-groups", "own-degradation-groups", "all-states-states"):
        assert f'id="fig-model-{figure}"' in page


def test_the_caption_says_which_intervals_do_not_count_that_rows_go_together(page, results):
    robust = {r["model"] for r in rows(results / "analysis/coefficients.arrow") if r["se_robust"] is not None}
    assert "cox" in robust and "cox-firth" not in robust
    assert "do not count that rows of one fact go together" in section(page, "degradation")


def test_every_figure_says_in_words_what_it_shows(page):
    images = Images(page).found
    assert len(images) >= 12
    for image in images:
        assert len(image["alt"] or "") > 60
        assert image["src"].startswith(("data:image/png;base64,", "data:image/svg+xml,"))
    narrow = re.findall(r"<picture class=.narrow.><source [^>]*srcset=.data:image/[^>]*><img [^>]*></picture>", page)
    assert len(narrow) >= 6  # drawn again for a phone, with one image for a reader of the screen


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_hazard_ratios_are_the_tables(page, results, outcome):
    said = section(page, outcome)
    coefficients = rows(results / "analysis/coefficients.arrow", outcome=outcome, rule="first")
    coefficients = [r for r in coefficients if "/own-" not in r["task"]]
    models = {r["model"] for r in coefficients}
    beside = ("univariable", "firth", "stratified", "split", "arms", "history")
    mixed, timed = (
        {"coxme"} if outcome != "generalisation" else set(),
        {"interval"} if outcome == "acquisition" else set(),
    )
    assert models == {"cox", "cloglog", *(f"cox-{x}" for x in beside)} | mixed | timed
    for row in (r for r in coefficients if r["model"] != "cox-arms"):  # in the part about recipes
        assert f"{ratio(row['hr'])} ({ratio(row['lower'])}–{ratio(row['upper'])})" in said
    main = next(r for r in coefficients if r["model"] == "cox")
    sentence = f"{ratio(main['hr'])} (95 % interval {ratio(main['lower'])} to {ratio(main['upper'])})"
    assert sentence in said
    counts = rows(results / "event_counts.arrow", outcome=outcome, rule="first")
    events, at_risk = sum(r["events"] for r in counts), sum(r["at_risk"] for r in counts)
    assert re.search(rf"{events} of {at_risk} histories of \d+ [\w ]+ \({100 * events / at_risk:.1f} %\)", said)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_stands_beside_the_cox_model_is_said_in_words(page, results, outcome):
    said = section(page, outcome)
    assert "a difference of −3.25 epochs (95 % interval −3.96 to −2.54)" in said
    assert "For what is left no change with time is shown (p = 0.53)" in said
    assert "Without the most influential fact, “" in said and "the most influential run" not in said  # of two
    assert re.search(
        r"There are two runs. Fitted on either of them alone, .*? \(lora-slow-s1\) and .*? \(lora-s1\)", said
    )
    assert "The model is furthest off for" in said
    assert "The effect of frequency (p = 0.011) is not a straight line on the log hazard" in said
    assert "Natural spline 2 4 1.37 (1.10–1.70) 802.25" in said and f'id="fig-{outcome}-form"' in page
    assert "with a hazard ratio of its own in each third of the events" in said and "fits better by χ² = 11.5" in said
    assert f'id="fig-{outcome}-influence"' in page
    assert "the most entangled is frequency (variance inflation 1.2)" in said
    assert "is 1.23 times the one that takes all rows for independent" in said
    if outcome != "generalisation":
        assert "p given random effects" in said and "0.043" in said  # the Schoenfeld test beside the fixed-effects one
        assert "two facts with the same predictors the faster one is typically 1.61 times as fast (p < 0.001)" in said
        assert f'id="fig-{outcome}-groups"' in page and f'id="fig-{outcome}-facts"' in page
        assert "0.16 (0.05–0.41)" in said and "The data show that they differ by fact group (p = 0.001)" in said


def test_what_is_left_out_of_the_events_is_said(page):
    assert LEFT_OUT[0][1:] in section(page, "events")


def test_recipes_and_choices_are_compared(page):
    said = section(page, "arms")
    assert "a fact was about 0.60 times as likely to be learned as with lora (95 % interval 0.49 to 0.73" in said
    assert "1.25 epochs more without the event (+0.75 to +1.75)" in said
    assert "With the recipe as strata, nothing is assumed" in said and "1.36 (1.12–1.66)" in said
    assert "for acquisition latent knowledge is not shown to differ from recipe to recipe (p = 0.58)" in said.lower()
    assert "shows no difference is no proof that there is none" in said
    choices = section(page, "rules")
    assert "For acquisition the share of facts called latent goes from 15 % to 30 %" in choices
    assert "the odds ratio within one time" in choices and 'id="fig-latent"' in page
    assert re.search(r"For acquisition it lies between 1\.97 and 2\.34 \(\d+ to \d+ events\)", choices)
    assert "the interval excludes 1 whatever the choice" in choices


def test_events_between_two_probes_and_what_foretells_them(page):
    said = section(page, "acquisition")
    assert "Models for sparse or unshared probes were fitted as well" in said
    assert "not all facts were probed at the same times" in said
    assert "its hazard ratio is 3.16 (95 % interval 2.13 to 4.67)" in said
    assert "They differ by more than 10 % of its standard error: with such probes, rely on this one." in said
    assert "(log-normal times, the best of three by AIC) it takes 0.50 times as long (0.41 to 0.60)" in said
    assert "Turnbull" in said
    assert "were not needed here: all facts were probed at the same 12 checkpoints." in section(page, "degradation")
    for outcome, size, verb in (("acquisition", "larger", "to be learned"), ("degradation", "smaller", "to be lost")):
        told = section(page, outcome)
        assert "A prediction, not a cause" in told
        assert f"is one standard deviation {size} than that of another with the same other predictors is" in told
        assert f"about 2.46 (95 % interval 2.02 to 2.99) times as likely {verb} by the next probe" in told


def test_means_in_training_examples_stand_beside_those_in_epochs(page):
    said = section(page, "acquisition")
    assert "of the first 960, it is −260 (−317 to −203)" in said
    assert "to training example 960" in said
    recipes = section(page, "arms")
    assert "In training examples seen, of the first 960, that is 40 less (−90 to +10)." in recipes
    assert "Difference in examples" in recipes and "−40 (−90 to +10)" in recipes


def test_recall_before_and_after_is_said(page, results):
    table = rows(results / "recall.arrow", arm="lora", split="trained")
    for epoch in (0.0, 12.0):
        at = [r for r in table if r["epoch"] == epoch]
        share = 100 * sum(r["recalled"] for r in at) / sum(r["facts"] for r in at)
        assert f"{share:.1f} %" in section(page, "recall")


def test_what_was_measured_is_said_from_the_first_checkpoint_to_the_last(page):
    said = section(page, "instruments")
    assert "Rank of the right answer among its options (0 is best) lora trained 9 0.692" in said
    assert "Greatest attention to a token of the subject lora-slow withheld 0.2 0.188" in said  # over layers
    assert 'id="fig-measured"' in page and "at the end most in layer 3 (0.288)" in page


def _recalled(results, split):
    """Bool (run and fact, checkpoint): recall of a split, from the table of states."""
    out = {}
    for r in rows(results / "transitions.arrow", split=split, rule="first"):
        track = out.setdefault((r["run"], r["fact_id"]), [None] * 13)
        stop = 13 if r["to"] == "censored" else int(r["stop"])
        track[int(r["start"]) : stop] = [r["from"] in ("known", "reacquired")] * (stop - int(r["start"]))
        if stop == 12:  # a state entered at the last checkpoint has no stay of its own
            track[12] = r["to"] in ("known", "reacquired")
    return np.array(list(out.values()), dtype=bool)


def test_each_gross_number_has_its_net(page, results):
    for split, outcome in (("trained", "acquisition"), ("withheld", "generalisation")):
        said = section(page, outcome)
        x = _recalled(results, split)
        start, end, ever = x[:, 0], x[:, -1], x.any(axis=1)
        happened, kept = (~start & ever).sum(), (~start & end).sum()
        assert f"At the last checkpoint {kept} of these {happened} are recalled, {happened - kept} " in said
        share = [f"{100 * v.mean():.1f} % ({v.sum()} of {len(v)})" for v in (start, end)]
        went = f"recall of the {split} facts went from {share[0]} to {share[1]}"
        assert f"Net, {went}: {kept} gained, {(start & ~end).sum()} lost." in said
    x = np.concatenate([_recalled(results, split) for split in ("trained", "withheld")])
    known = x[x[:, 0]]
    lost = (~known).any(axis=1)
    said = section(page, "degradation")
    assert f"At the last checkpoint {(~known[:, -1]).sum()} of these {lost.sum()} are lost" in said
    gross, net = (f"{100 * n / len(known):.0f} %" for n in (lost.sum(), (~known[:, -1]).sum()))
    assert f"{gross} was lost at some checkpoint and {net} at the end" in section(page, "summary")
    followed = x[:, :-1].any(axis=1)
    gone = (np.diff(x.astype(int), axis=1) < 0).any(axis=1).sum()
    assert 0.1 * followed.sum() < gone < 0.3 * followed.sum()  # a flicker that most single events do not show
    assert (
        f"Recall flickers: of {followed.sum()} histories in which a fact was recalled and probed again, {gone} "
        f"({100 * gone / followed.sum():.0f} %) saw it lost at least once; withheld facts" in section(page, "trust")
    )


def test_facts_and_histories_are_told_apart(page, results):
    facts = rows(results / "facts.arrow")
    runs = {r["run"] for r in rows(results / "baseline.arrow")}
    said = section(page, "summary")
    assert f"fine-tuned on {sum(f['split'] == 'trained' for f in facts)} facts" in said
    assert f"the {len(runs)} runs hold {len(facts) * len(runs)} of them" in " ".join(said.split())
    at_risk = rows(results / "events.arrow", outcome="acquisition", rule="first")
    who = f"of {len(at_risk)} histories of {len({r['fact_id'] for r in at_risk})} trained facts"
    assert who in section(page, "acquisition")
    # What is counted over runs is nowhere called a fact.
    assert not re.search(rf"\b{len(at_risk)} (trained )?facts", text_of(page))


def test_where_proportionality_fails_the_periods_are_named(page, results):
    table = rows(results / "analysis/zph_periods.arrow", outcome="acquisition", rule="first", model="cox")
    periods = [r for r in table if r["term"] == "latent"]
    assert len(periods) == 3
    said = section(page, "acquisition")
    said = said[said.index("The hazard ratio of acquisition") :]
    said = said[: said.index("Figure")]
    for r in periods:
        span = f"in epochs {r['from']:.0f} to {r['to']:.0f} ({ratio(r['lower'])} to {ratio(r['upper'])})"
        assert re.search(rf"about {ratio(r['hr'])} times[\w ]* {re.escape(span)}", said)
    assert "In words: this ratio changes with time" in said and "in any one epoch" not in said.lower()
    first, last, told = periods[0], periods[-1], section(page, "summary")
    span = f"{ratio(first['hr'])} times ({ratio(first['lower'])} to {ratio(first['upper'])})"
    assert f"in the first third of the events {span}" in told and last["lower"] > 1
    assert f", in the last third {ratio(last['hr'])} times" in told
    hr = next(r["hr"] for r in rows(results / "analysis/coefficients.arrow", outcome="degradation", rule="first",
        model="cox", term="split"))  # fmt: skip
    likely = f"among facts that had not had the event yet, a withheld fact was about {ratio(hr)} times as likely"
    assert f"in any one epoch, {likely}" in section(page, "degradation")


def test_caveats_follow_from_the_data(page):
    said = section(page, "trust")
    assert "few events, the main effect changes with time" in section(page, "summary")
    assert "Few events: generalisation rests on" in said
    assert "The main effect changes with time" in said
    assert "Missing on the machine that made this: coxme and quarto" in said
    assert "One seed" not in said


def test_a_missing_fit_has_its_reason_in_its_place(page):
    said = section(page, "generalisation")
    assert "Not available (generalisation): Random effects (coxme)" in said
    assert "The R package coxme is not installed on this machine." in said


def test_settings_digests_and_what_was_missing_are_there(page, results):
    said = section(page, "details")
    assert "tuning.learning_rate 0.0001" in said and "arms[2].tuning.learning_rate 0.00003" in said
    for entry in json.loads((results / "manifest.json").read_text())["artefacts"].values():
        assert entry["sha256"] in said
    assert ("the report is made by knitr and pandoc. To have it: install Quarto." in said) != QUARTO


def test_without_events_the_reasons_stand_in_place(environment, tmp_path):
    folder = make_results(tmp_path / "nothing", events=False)
    study = json.loads((folder / "study.json").read_text())
    study["study"] |= {"title": "", "name": "029_no"}  # then the name is the title, and stays what it is
    (folder / "study.json").write_text(json.dumps(study))
    page = render(folder, r_environment=environment).path.read_text("utf-8")
    for outcome in OUTCOMES:
        said = section(page, outcome)
        assert f"No estimate ({outcome}): Cox model of one predictor, Cox model, grouped-time model (cloglog)" in said
        assert f"No {outcome} event happened among" in said
        assert f"No event of {outcome} was seen" in section(page, "trust")
    assert "No events No event of any kind was seen" in section(page, "events")
    assert "<title>029_no</title>" in page


def test_without_nanoarrow_and_optional_tables_the_report_says_the_same(results, rendered, environment, tmp_path):
    if not LIBRARY.is_dir():
        pytest.skip("needs the project's own R library, to leave one package out")
    library = tmp_path / "library"
    library.mkdir()
    for package in LIBRARY.iterdir():
        if package.name != "nanoarrow":
            (library / package.name).symlink_to(package)
    without = render(results, tmp_path / "csv.html", r_environment=environment | {"R_LIBS": str(library)})

    def words(path):
        return re.sub(r"on \d{4}-\d\d-\d\d \d\d:\d\d UTC", "", text_of(path.read_text("utf-8")))

    assert words(without.path) == words(rendered.path)


def test_innocent_text_is_never_markup(disguised):
    disguised = (disguised / "report.html").read_text("utf-8")
    said = " ".join(text_of(disguised).split())
    for name in (*MARKUP.values(), "# `r 1+1` {{< x >}} @fig-title <script>", RTL):
        assert " ".join(name.split()) in said, name
    assert "::: {.callout-note} bell\u2407 and \U0001f600" in said
    alts = [image["alt"] for image in Images(disguised).found]
    for name in (MARKUP["capital"], MARKUP["lora"], MARKUP["atomic number"]):
        assert any(name in alt for alt in alts), name
    assert "&#" not in said and "&amp;#" not in disguised
    body = disguised[disguised.index("<main") : disguised.index("</main>")]
    assert not re.search(r"<(b|i|script)>|<math|\bNA\b", body)
    assert '<span class="given" dir="auto">' in body


def test_a_table_of_ones_own_is_not_told_in_a_studys_words(environment, tmp_path):
    """Its outcomes are called as a study's are, or as no heading should be; nothing was probed."""
    names = MARKUP | {"generalisation": '"ge`n" *x* {#y}', "latent": "latent"}
    folder = disguise(make_results(tmp_path / "own", facts=120), names, own=True)
    page = render(folder, r_environment=environment).path.read_text("utf-8")
    said = section(page, "summary") + section(page, "events")
    assert "facts at risk" in said and "had the event acquisition" in said
    for words in ("trained fact", "recalled", "be learned", "sampling", "Latent knowledge", "share a checkpoint"):
        assert words not in said, words
    assert 'The hazard ratio of "ge`n" *x* {#y} for “Latent, yes vs no” is' in text_of(page).replace("\u2068", "")


def test_one_seed_separation_and_absent_tables(results, environment, tmp_path):
    """What the other results do not have: one run, an infinite estimate, files that are not there, names that bite."""
    folder = shutil.copytree(results, tmp_path / "one")
    for name in ("baseline", "recall", "events", "event_counts"):
        _rewrite(folder / f"{name}.arrow", lambda t: t.filter(pa.compute.equal(t["run"].cast(pa.utf8()), "lora-s1")))
    _rewrite(folder / "analysis/coefficients.arrow", _separated)
    _rewrite(folder / "analysis/fits.arrow", _dropped)
    gone = ("points", "tests", "curves", "periods")
    for name in (*(f"zph_{x}" for x in gone), "variances", "random_effects", "curves", "tests"):
        (folder / f"analysis/{name}.arrow").unlink()
    (folder / "environment.json").unlink()
    (folder / "manifest.json").write_text('{"schema": 1, "artefacts": {}}')
    study = json.loads((folder / "study.json").read_text())
    study["study"]["title"] = 'A *bold* title | with "quotes": [and](more) @fig-x $1$ <b>'
    study["report"] = {"author": "A. Reader", "note": "A note of the study's own."}
    (folder / "study.json").write_text(json.dumps(study))
    page = render(folder, r_environment=environment).path.read_text("utf-8")
    said = text_of(page)
    assert "Rows left out: for missing values the adjusted Cox model goes without 90 of" in said
    assert "One seed: every interval says how far" in said
    doubt = "separation: the hazard ratio of latent has no finite estimate"
    assert f"In doubt (acquisition), and in no sentence here: Cox model ({doubt})" in said
    assert f"Too few events to say how “Latent knowledge, yes vs no” bears on acquisition ({doubt})" in said
    assert "no finite value" in section(page, "acquisition")
    assert "analysis/zph_points.arrow" in section(page, "details")
    assert "No check of proportional hazards for acquisition" in said
    assert "A note of the study's own." in said.replace("’", "'")


def _rewrite(path, change):
    table = read_table(path)
    metadata = dict(table.schema.metadata)
    table = change(table)
    levels = json.loads(metadata[b"levels"])
    metadata[b"levels"] = json.dumps(levels | {n: levels_of(table[n]) for n in levels if n == "doubt"})
    table = table.replace_schema_metadata(metadata)
    with pa.OSFile(str(path.with_suffix(".new")), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    path.with_suffix(".new").replace(path)


def _dropped(table):
    """The Cox models leave out ninety rows, and that of acquisition is in doubt."""
    cox = [r["model"] == "cox" and not r["name"] for r in table.to_pylist()]
    dropped = pa.array([90 if it else 0 for it in cox], pa.int32())
    said = "separation: the hazard ratio of latent has no finite estimate (no event among the 3 rows with latent = no)"
    doubt = [said if it and o == "acquisition" else "" for it, o in zip(cox, table["outcome"].to_pylist(), strict=True)]
    table = table.set_column(table.column_names.index("dropped"), "dropped", dropped)
    return table.set_column(table.column_names.index("doubt"), "doubt", pa.array(doubt).dictionary_encode())


def _separated(table):
    """The latent term of the acquisition models: no finite estimate."""
    is_it = np.array(table["term"].to_pylist()) == "latent"
    is_it &= np.array(table["outcome"].to_pylist()) == "acquisition"
    for name in ("estimate", "hr", "lower", "upper", "p", "z"):
        values = np.where(is_it, np.nan, table[name].to_numpy())
        table = table.set_column(table.column_names.index(name), name, pa.array(values, from_pandas=True))
    return table.set_column(table.column_names.index("infinite"), "infinite", pa.array(is_it))
