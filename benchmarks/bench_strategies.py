"""What an example costs, and what a failure shrinks to: hypothesis-torch, hypothesis.extra.numpy with from_numpy, ours.

Milliseconds of processor time an example for an image batch of (4, 3, 64, 64) and what import costs beyond torch and
Hypothesis, all in one run; then two mistakes, each put to the same property under the strategies that the libraries
offer, with sizes drawn from the same range. Target: ours at most 3 ms an example, and the smallest sizes that fail.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from vae_checked.strategies import Sizes, images, posteriors, sizes

SHAPE = (4, 3, 64, 64)
EXAMPLES, ROUNDS = 60, 5
LARGEST = 8
UNIT = st.floats(0, 1, width=32)
OURS, NUMPY, TORCH = "vae_checked", "extra.numpy", "hypothesis-torch"
IMPORTS = {
    OURS: "import vae_checked.strategies",
    NUMPY: "import hypothesis.extra.numpy",
    TORCH: "import hypothesis_torch",
}


def numpy_tensors(shape: Any, elements: st.SearchStrategy[float] = UNIT) -> st.SearchStrategy[Tensor]:
    return hnp.arrays("float32", shape, elements=elements).map(torch.from_numpy)


def torch_tensors(shape: Any, elements: st.SearchStrategy[float] = UNIT) -> st.SearchStrategy[Tensor]:
    from hypothesis_torch import tensor_strategy

    plain = {"requires_grad": False, "pin_memory": False, "layout": torch.strided, "device": torch.device("cpu")}
    # Without a fill every element is drawn, which is more than Hypothesis allows for such a batch.
    options = {"elements": elements, "fill": elements, "memory_format": torch.contiguous_format, **plain}
    return tensor_strategy(torch.float32, shape, **options)


def shapes(axes: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(1, LARGEST)] * axes)


Tensors = Callable[..., st.SearchStrategy[Tensor]]


def heads_of(tensors: Tensors) -> st.SearchStrategy[tuple[Tensor, Tensor]]:
    reals = st.floats(-4, 4, width=32)
    return shapes(2).flatmap(lambda shape: st.tuples(tensors(shape, reals), tensors(shape, reals)))


def known() -> dict[str, dict[str, st.SearchStrategy[Any]]]:
    """For each library: a batch of fixed size, channels-last images of any size, and both heads of a posterior."""
    found: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        OURS: {
            "batch": images(Sizes(*SHAPE, 5)),
            "images": images(sizes(B=(1, LARGEST), C=(1, LARGEST), H=(1, LARGEST), W=(1, LARGEST)), channels_last=True),
            "heads": posteriors((1, LARGEST), (1, LARGEST)),
        }
    }
    others: dict[str, Tensors] = {NUMPY: numpy_tensors}
    if importlib.util.find_spec("hypothesis_torch") is not None:
        others[TORCH] = torch_tensors
    for name, tensors in others.items():
        found[name] = {"batch": tensors(SHAPE), "images": tensors(shapes(4)), "heads": heads_of(tensors)}
    return found


def steady(examples: int, *phases: Phase) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )


def milliseconds(strategy: st.SearchStrategy[Any]) -> float:
    count = 0

    @steady(EXAMPLES, Phase.generate)
    @given(strategy)
    def draw(value: Any) -> None:
        nonlocal count
        count += 1

    started = time.process_time()
    draw()
    return 1e3 * (time.process_time() - started) / count


IMPORT = """
import time, torch, hypothesis.strategies
started = time.process_time()
{0}
print(time.process_time() - started)
"""


def import_time(statement: str) -> float:
    words = [sys.executable, "-c", IMPORT.format(statement)]
    runs = [subprocess.run(words, check=True, capture_output=True, text=True) for _ in range(ROUNDS)]
    return 1e3 * statistics.median(float(run.stdout) for run in runs)


def viewed_is_permuted(x: Tensor) -> None:
    B, H, W, C = x.shape
    viewed = x.reshape(B, C, H, W)  # the mistake: elements change places with each other
    assert torch.equal(viewed, x.permute(0, 3, 1, 2))


def kl_of_each_sample(heads: tuple[Tensor, Tensor]) -> None:
    mu, logvar = heads
    kl = 0.5 * (logvar.exp() + mu.pow(2) - 1 - logvar).sum(dim=0)  # the mistake: over the batch
    assert kl.shape == mu.shape[:1]


def smallest(strategy: st.SearchStrategy[Any], holds: Callable[[Any], None]) -> tuple[str, int, float]:
    """The example that is reported, how many were tried, and seconds."""
    seen: list[Any] = []
    tried = 0

    @steady(200, Phase.generate, Phase.shrink)
    @given(strategy)
    def test(value: Any) -> None:
        nonlocal tried
        tried += 1
        try:
            holds(value)
        except AssertionError:
            seen.append(value)
            raise

    started = time.process_time()
    try:
        test()
    except AssertionError:
        return told(seen[-1]), tried, time.process_time() - started
    return "nothing found", tried, time.process_time() - started


def told(value: Any) -> str:
    if isinstance(value, tuple):
        return " and ".join(map(told, value))
    numbers = [f"{number:.3g}" for number in value.flatten().tolist()]
    return f"{tuple(value.shape)} of {', '.join(numbers[:6])}{', ...' if len(numbers) > 6 else ''}"


def main() -> None:
    torch.set_num_threads(1)
    strategies = known()
    print(f"{'':18}{'ms an example ' + str(SHAPE):>32}{'ms to import':>16}")
    took: dict[str, list[float]] = {name: [] for name in strategies}
    for round_ in range(ROUNDS + 1):
        for name, each in strategies.items():
            cost = milliseconds(each["batch"])
            if round_:  # the first time Hypothesis reads the source of all modules for constants
                took[name].append(cost)
    for name in strategies:
        print(f"{name:18}{statistics.median(took[name]):32.2f}{import_time(IMPORTS[name]):16.0f}")
    loaded = sorted(entry.value.partition(":")[0] for entry in entry_points(group="hypothesis"))
    print(f"\nwhat `import hypothesis` loads by itself, before the clock starts: {', '.join(loaded) or 'nothing'}")
    for title, key, holds in (
        ("a view used as a permute", "images", viewed_is_permuted),
        ("a KL summed over the batch", "heads", kl_of_each_sample),
    ):
        print(f"\n{title} shrinks to")
        for name, each in strategies.items():
            example, tried, seconds = smallest(each[key], holds)
            print(f"  {name:18}{example}  ({tried} examples, {seconds:.1f} s)")


if __name__ == "__main__":
    main()
