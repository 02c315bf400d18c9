"""One, two and four threads must give the same bytes: the probe and the comparison, once for all kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROBE = """
import hashlib, numba, numpy as np
from demandgeo.kernels import parallel_kernel

@parallel_kernel
def who(out):
    '''Fill out[i] with the thread that ran i.'''
    for i in numba.prange(out.size):
        total = 0.0
        for j in range(20000):
            total += np.sin(j * 1.0)
        out[i] = numba.get_thread_id() + 0.0 * total

who.dispatcher.disable_cache = True
"""

COMPARISON = """
digests = set()
for threads in (1, 2, 4, 2, 4):
    numba.set_num_threads(threads)
    ran = np.empty(64)
    who(ran)
    assert len(np.unique(ran)) == threads, (threads, np.unique(ran))
    parts = [part if isinstance(part, bytes) else part.tobytes() for part in made()]
    digests.add(hashlib.sha256(b"".join(parts)).digest())
print(numba.threading_layer(), len(digests))
"""


def assert_same_bytes(layer: str, folder: Path, script: str, **environment: str) -> None:
    """Run a script that defines `made()`, which gives arrays or bytes, in a fresh process on 1, 2 and 4 threads.

    The probe asserts that so many threads really ran: on a layer that ran one, any race would pass.
    """
    path = folder / "threads.py"
    path.write_text(PROBE + script + COMPARISON)
    settings = {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "4", "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | settings, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [layer, "1"]
