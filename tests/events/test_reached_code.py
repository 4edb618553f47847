"""The code that a result depends on: found by following imports, so that no list is kept by hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from factsurv.events.files import digest
from factsurv.events.reached_code import ROOT, reached_code

LOADED = (
    "import json, sys, {module}\n"
    "print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.startswith('factsurv.{room}')]))"
)


@pytest.mark.parametrize("module", ["factsurv.training.run", "factsurv.events.own_table"])
def test_nothing_that_python_loads_is_missed(module):
    """Whatever of the module's room Python has loaded after importing it, the walk has found, and nothing else's."""
    room = module.split(".")[1]
    asked = LOADED.format(module=module, room=room)
    said = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {str(Path(p).resolve().relative_to(ROOT)) for p in json.loads(said.stdout.splitlines()[-1])}
    found, own = reached_code(module), "/".join(module.split(".")[1:]) + ".py"
    assert loaded <= set(found)
    assert all(name.startswith(f"{room}/") for name in found)
    assert found[own] == digest(ROOT / own)


def test_imports_inside_functions_count():
    """A source of facts is imported where it is asked for; its code decides what the facts are all the same."""
    assert "training/facts/sources/world.py" in reached_code("factsurv.training.facts.gather")


def test_a_module_that_is_not_there_is_an_error():
    with pytest.raises(ModuleNotFoundError, match=r"training\.nowhere"):
        reached_code("factsurv.training.nowhere")
