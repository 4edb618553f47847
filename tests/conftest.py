"""Settings of the whole test run: few threads, no network, no user's own Prefect or model folders."""

import atexit
import os
import shutil
import tempfile

# Of this process alone: the workers of pytest-xdist inherit their parent's, and two may not share a database.
os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="prefect-")
atexit.register(shutil.rmtree, os.environ["PREFECT_HOME"], ignore_errors=True)
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # alone or beside other workers: the same sums in the same order
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
