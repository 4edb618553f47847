"""What every process that we start has in common."""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_child_can_read_from_the_terminal():
    """A library that asks "do you wish to run this code?" must find nobody who says yes."""
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    seen = 0
    for name in tracked.stdout.split():
        if "tests/" in name or not (ROOT / name).is_file():
            continue
        for call in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in STARTS:
                seen += 1
                given = {k.arg for k in call.keywords}
                assert given & {"stdin", "input"}, f"{name}:{call.lineno} leaves its child the terminal"
    assert seen > 10


STARTS = {f"subprocess.{how}" for how in ("run", "Popen", "call", "check_call", "check_output")} | {
    "Popen",
    "os.system",
}
