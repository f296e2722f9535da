"""Two processes that train together as torchrun starts them, and what each of them wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from preloaded import run_together
from torch.distributed import TCPStore

SUPPORT = Path(__file__).resolve().parent
RANKS = 2


def written_by_ranks(script: Path, folder: Path) -> list[dict[str, Any]]:
    """The JSON files that two ranks of `script` leave in `folder`, in the order of their names."""
    # As under torchrun, the store in which the ranks find each other is held by who starts them, at any free port.
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    shared = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(SUPPORT.parents[1]), str(SUPPORT)]),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "WORLD_SIZE": str(RANKS),
        "LOCAL_WORLD_SIZE": str(RANKS),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
    environments = [{**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(RANKS)]
    for done in run_together([[str(script), str(folder)]] * RANKS, environments=environments):
        assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
