"""Runs at the same time get GPUs of their own; no GPU is needed to hand out their names."""

from factsurv.flows.gpus import taken
from factsurv.flows.study import share_of_machine


def test_each_run_gets_the_gpus_that_the_fewest_use():
    names = ["3", "5", "GPU-ab"]
    with taken(1, names) as one, taken(2, names) as two, taken(1, names) as shared:
        assert one == {"CUDA_VISIBLE_DEVICES": "3"}
        assert two == {"CUDA_VISIBLE_DEVICES": "5,GPU-ab"}
        assert shared == {"CUDA_VISIBLE_DEVICES": "3"}  # more runs than GPUs
    with taken(3, names) as free:
        assert free == {"CUDA_VISIBLE_DEVICES": "3,5,GPU-ab"}
    with taken(2, []) as none:
        assert none == {}


def test_threads_are_shared_between_processes(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert share_of_machine(None, 40) == (16, 1)
    assert share_of_machine(None, 40, processes=4) == (4, 1)
    assert share_of_machine(2, 40, processes=4) == (2, 2)
    assert share_of_machine(None, 1, processes=2) == (1, 8)
