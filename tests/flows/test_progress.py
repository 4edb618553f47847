"""What is shown while one waits, with a clock that is set by hand."""

import io
import re

import pytest
from rich.console import Console

from factsurv.events.errors import InputError
from factsurv.flows.progress import Board
from factsurv.flows.study import study


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def board(now):
    """On a terminal of 80 columns."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, legacy_windows=False)
    return Board(console, lambda: now[0])


def shown(board):
    paper = Console(file=io.StringIO(), width=80)
    paper.print(board.render())
    return paper.file.getvalue().rstrip("\n").split("\n")


def test_the_time_left_is_that_of_the_whole_study(board, now):
    board.expect({"run a-1": None, "run a-2": None, "run a-3": None, "analysis": 40.0, "report": 20.0}, workers=1)
    assert "time left: not known yet" in shown(board)[0]
    board.progress("run a-1", 0, 1, "")
    now[0] = 10.0  # the model is loaded
    board.progress("run a-1", 10, 100, "epoch 0: 0% of trained facts recalled")
    now[0] = 20.0
    board.progress("run a-1", 30, 100, "epoch 1: 5% of trained facts recalled")
    # 20 of 100 in 10 s: 35 s are left of this run, which takes 55 in all, as will the two that wait; then 40 and 20.
    assert board.left(20.0) == pytest.approx(35 + 2 * 55 + 60)
    bar, standing = shown(board)
    assert "0:20 so far, about 3:25 left" in bar and " 9 %" in bar
    assert standing.startswith("2 of 3 runs wait; run a-1 30 % (epoch 1: 5% of trained facts recalled)")
    for run in ("a-1", "a-2", "a-3"):
        board.progress(f"run {run}", 1, 1, "")
    now[0] = 100.0
    board.progress("analysis", 0, 1, "")
    board.progress("analysis", 1, 10, "1 of 10 fits")
    now[0] = 130.0
    board.progress("analysis", 4, 10, "4 of 10 fits")
    assert board.left(130.0) == pytest.approx(60 + 20)  # 3 fits in 30 s
    assert shown(board)[1] == "analysis 40 % (4 of 10 fits); then report"


def test_what_takes_longer_than_its_guess_is_not_shown_as_nearly_done(board, now):
    board.expect({"analysis": 60.0})
    board.progress("analysis", 0, 1, "")
    now[0] = 600.0
    assert shown(board)[0].startswith(" 80 %")


def test_every_line_fits_the_terminal_and_the_bar_never_goes_back(board, now):
    runs = {f"run a-recipe-with-a-long-name-{i}": None for i in range(40)}
    board.expect(runs | {"analysis": None, "report": None}, workers=4)
    shares = []
    for step in range(400):
        now[0] += 1.0 + (step % 7)
        for run in list(runs)[step // 10 : step // 10 + 4]:
            board.progress(run, step % 97 + 1, 100, "epoch 12.5: 100% of trained facts recalled, and more words")
        lines = shown(board)
        assert len(lines) == 2 and max(map(len, lines)) <= 80
        shares.append(int(re.search(r"(\d+) %", lines[0])[1]))
    assert shares == sorted(shares) and shares[-1] > shares[0]


def test_a_log_has_lines_with_their_times_and_no_bar(now):
    console = Console(file=io.StringIO(), width=80, force_terminal=False, soft_wrap=True, highlight=False)
    with Board(console, lambda: now[0]) as board:
        board.expect({"run a-1": None, "analysis": 40.0})
        board.say("facts: up to date, skipped")
        for share in range(1, 100):
            now[0] += 0.5
            board.progress("run a-1", share, 100, "epoch 1: loss 2.0")
        board.progress("run a-1", 99, 100, "epoch 2: 9% of trained facts recalled")
    lines = console.file.getvalue().splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
    assert lines[0].endswith("facts: up to date, skipped")
    assert len(lines) == 1 + 4 + 1  # one line in ten seconds, and each probe
    assert re.search(r"run a-1:  99 % · epoch 2: 9% of trained facts recalled, about 0:4\d left$", lines[-1])


def test_the_bar_is_of_the_whole_study_from_its_first_step_on(tmp_path):
    """It had stood at 100 % from the end of the first two steps to the last."""
    path, seen = tmp_path / "s.toml", []
    path.write_text('[study]\nname = "s"\nseeds = [1, 2]\n[facts]\nsource = "tiny-world"\n[model]\nname = "tiny"\n')

    def stopped(name, step):
        def first(store):
            seen.append(list(store.progress.__self__._parts))
            raise InputError("enough")

        return first

    with pytest.raises(InputError, match="enough"):
        study(path, tmp_path / "results", stopped)
    assert seen == [["facts", "models", "run main-1", "run main-2", "events", "analysis", "report"]]


def test_of_what_nobody_has_measured_no_time_is_told(board, now):
    board.expect({"audit": None})
    board.progress("audit", 1, 40, "1 of 40 facts decoded")
    assert board.left(0.0) is None and "time left: not known yet" in shown(board)[0]
    now[0] = 4.0
    board.progress("audit", 11, 40, "11 of 40 facts decoded")
    assert board.left(4.0) == pytest.approx(29 * 0.4)
