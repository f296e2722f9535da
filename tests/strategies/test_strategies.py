"""What the strategies draw, what they refuse, and what a failing example shrinks to."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from drawn import drawn
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from vae_checked.errors import UsageError
from vae_checked.shapes import infer
from vae_checked.strategies import Sizes, accepted_sizes, images, latents, posteriors, sizes

steady = settings(
    max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@drawn(50, suppress=list(HealthCheck))
@given(sizes())
def test_sizes_differ_pairwise_and_stay_in_bounds(drawn):
    B, C, H, W, L = drawn
    assert len({B, C, H, W, L}) == 5
    assert (1 <= B <= 8, 1 <= C <= 4, 1 <= H <= 16, 1 <= W <= 16, 1 <= L <= 16) == (True,) * 5
    assert (drawn.batch, drawn.event, drawn.latent) == (B, (C, H, W), (L,))


@drawn(50, suppress=list(HealthCheck))
@given(sizes(B=(2, 5), C=3, H=(8, 40), W=(8, 40), L=(2, 6), multiple_of=8))
def test_sizes_keep_to_what_a_model_accepts(drawn):
    assert drawn.C == 3
    assert drawn.H % 8 == drawn.W % 8 == 0
    assert drawn.H != drawn.W
    assert drawn.B in (2, 4, 5)
    assert drawn.L not in (3, drawn.B)


@drawn(50, suppress=list(HealthCheck))
@given(sizes(B=(1, 3), C=(1, 3), H=(1, 3), W=5, L=5))
def test_tight_bounds_leave_every_arrangement_and_no_dead_end(drawn):
    assert sorted((drawn.B, drawn.C, drawn.H)) == [1, 2, 3]
    assert drawn.W == drawn.L == 5


def test_every_size_in_the_bounds_is_drawn():
    seen = set()

    @settings(steady, max_examples=300)
    @given(sizes(B=(1, 3), C=(1, 3), H=(1, 3), W=5, L=5))
    def collect(drawn):
        seen.add((drawn.B, drawn.C, drawn.H))

    collect()
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"B": (1, 2), "C": (1, 2), "H": (1, 2)}, "no pairwise distinct sizes with B=\\(1, 2\\), C=\\(1, 2\\)"),
        ({"B": (1, 1), "L": 1}, "no pairwise distinct sizes"),
        ({"H": (9, 15), "multiple_of": 8}, "H=\\(9, 15\\): no positive size that 8 divides lies there"),
        ({"B": 0}, "B=0: no positive size lies there"),
        ({"L": (5, 4)}, "L=\\(5, 4\\): no positive size"),
        ({"multiple_of": 0}, "multiple_of=0: give 1 or more"),
    ],
)
def test_bounds_without_a_choice_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        sizes(**options)


class Strided(torch.nn.Module):
    """Rows by fours and at most 32 of them, columns by threes; samples in pairs."""

    def forward(self, x):
        rows, columns = x.shape[2] // 4, x.shape[3] // 3
        x.new_zeros(8 - rows)
        latent = x.flatten(1).view(len(x) // 2, 2, -1).flatten(0, 1).mean(dim=1, keepdim=True)
        return latent[:, :, None, None].expand(len(x), 2, 4 * rows, 3 * columns)


def test_accepted_sizes_are_those_that_the_model_gives_back():
    model = Strided()
    known = infer(model, "B 2 H W")
    seen = []

    @drawn(40, suppress=list(HealthCheck))
    @given(accepted_sizes(known))
    def collect(chosen):
        x = torch.zeros(chosen["B"], 2, chosen["H"], chosen["W"])
        assert model(x).shape == x.shape
        assert len(set(chosen.values())) == 3
        seen.append(chosen["H"])

    collect()
    assert max(seen) <= 32
    assert len(set(seen)) > 3
    only = find(accepted_sizes(known, bounds={"H": 12, "W": (20, 26)}), lambda _: True, settings=steady)
    assert (only["H"], only["W"]) in {(12, 21), (12, 24)}
    with pytest.raises(UsageError, match=r"H=\(5, 7\): the model takes and gives back no such size, H % 4 == 0"):
        accepted_sizes(known, bounds={"H": (5, 7)})
    with pytest.raises(UsageError, match="no pairwise distinct sizes are left"):
        accepted_sizes(infer(torch.nn.Identity(), "B H W"), bounds=dict.fromkeys("BHW", (3, 4)))


def test_sizes_may_agree_on_request():
    assert find(sizes(distinct=False), lambda s: len(set(s)) == 1, settings=steady) == Sizes(1, 1, 1, 1, 1)


def test_a_failure_shrinks_to_the_smallest_sizes():
    assert find(sizes(), lambda s: True, settings=steady) == Sizes(1, 2, 3, 4, 5)
    found = find(sizes(H=(4, 64), W=(4, 64), multiple_of=4), lambda s: s.H >= 12 and s.L > 2, settings=steady)
    assert found == Sizes(1, 2, 12, 4, 3)


@drawn(50, suppress=list(HealthCheck))
@given(st.data())
def test_images_have_the_sizes_the_range_and_the_type(data):
    s = data.draw(sizes())
    x = data.draw(images(s, data_range=(-1.0, 3.0), dtype=torch.float64))
    assert (x.shape, x.dtype) == ((s.B, s.C, s.H, s.W), torch.float64)
    assert -1 <= x.min() <= x.max() < 3
    nhwc = data.draw(images(sizes(C=3, H=9, W=7), dtype=torch.uint8, channels_last=True))
    assert (nhwc.shape[1:], nhwc.dtype) == ((9, 7, 3), torch.uint8)


def test_images_fill_their_range():
    x = find(images(Sizes(4, 3, 64, 48, 5), data_range=(-1.0, 3.0)), lambda x: True, settings=steady)
    # uniform: mean 1 and variance 16/12; 36864 draws, so six standard errors are 0.036 and 0.038
    assert x.mean().item() == pytest.approx(1, abs=0.036)
    assert x.var().item() == pytest.approx(16 / 12, abs=0.038)
    pixels = find(images(Sizes(4, 3, 64, 48, 5), dtype=torch.uint8), lambda x: True, settings=steady)
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_an_empty_range_is_refused():
    with pytest.raises(UsageError, match=r"data_range=\(1\.0, 1\.0\)"):
        images(data_range=(1.0, 1.0))


@drawn(50, suppress=list(HealthCheck))
@given(posteriors(), latents((2, 3), 7))
def test_posteriors_and_latents(heads, z):
    mu, logvar = heads
    assert mu.shape == logvar.shape
    assert mu.shape[0] != mu.shape[1]
    assert -4 <= logvar.min() <= logvar.max() < 2
    assert not torch.equal(mu, logvar)
    assert z.shape in ((2, 7), (3, 7))


def test_posteriors_have_their_law():
    mu, logvar = find(posteriors(300, 200), lambda _: True, settings=steady)
    # 60000 draws of N(0, 4) and U(-4, 2): six standard errors
    assert mu.mean().item() == pytest.approx(0, abs=0.049)
    assert mu.std().item() == pytest.approx(2, abs=0.035)
    assert logvar.mean().item() == pytest.approx(-1, abs=0.043)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    pairs = [find(posteriors(3, 5), lambda _: True, settings=steady) for _ in range(2)]
    assert torch.equal(pairs[0][0], pairs[1][0])
    first = pairs[0][0]
    other = find(posteriors(3, 5), lambda heads: not torch.equal(heads[0], first), settings=steady)
    assert other[0].shape == (3, 5)


def test_a_failing_example_names_shapes_and_seed():
    @settings(steady, phases=[Phase.generate, Phase.shrink])
    @given(images(sizes(H=(8, 16))), posteriors())
    def test(x, heads):
        assert x.shape[2] < 10

    with pytest.raises(AssertionError) as caught:
        test()
    assert {"images: shape (1, 2, 10, 3), seed 0", "posterior: shape (1, 2), seed 0"} <= set(caught.value.__notes__)


def test_without_hypothesis_the_extra_is_named():
    script = """
import sys
sys.modules["hypothesis"] = None
import vae_checked.strategies
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert run.stderr.strip().endswith(
        "vae_checked.strategies needs the package 'hypothesis', which is not installed: "
        "pip install 'vae-checked[pytest]'"
    )
