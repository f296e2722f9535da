"""What names say, the last resort: it only breaks ties, and no name by itself makes a finding."""

from __future__ import annotations

# Whole names of a batch size, without case and underscores; what counts batches is none.
_BATCH_SIZES = frozenset("b bs bsz bsize batch batchsize batchsz nbatch sizebatch".split())


def plain(name: str) -> str:
    """A name without case and underscores."""
    return name.lower().replace("_", "")


def is_batch_size(name: str) -> bool:
    """Whether a number is called the batch size: `batch_size`, `train_batch_size`, `bs`.

    >>> [name for name in ("bs", "train_batch_size", "num_batches", "batch_idx") if is_batch_size(name)]
    ['bs', 'train_batch_size']
    """
    bare = plain(name.rpartition(".")[2])
    return bare in _BATCH_SIZES or bare.endswith(("batchsize", "batchsz")) or name.lower().endswith(("_bs", "_bsz"))
