"""What a difference is divided by below its square counts as its square does above: `((x - y) / sqrt(B)) ** 2`."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, FORWARD, HEAD, MODEL, codes, joined, linted

from vae_checked.facts import EffectiveBeta

ERROR = 'F.mse_loss(y, x, reduction="none").sum(1) + -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)).mean()'
OF_BATCH = "-0.5 * torch.sum(1 + s - m.pow(2) - s.exp()) / x.size(0)"


def trained(tmp_path: Path, error: str, kl: str = OF_BATCH) -> tuple[list[str], list[EffectiveBeta | None]]:
    whole = f"({ERROR}"
    assert whole in FIT
    fit = FIT.replace(whole, f"{error} + {kl}")
    report = linted(tmp_path, {"net.py": "import math\n" + HEAD + MODEL + FORWARD + fit})
    betas = [each.objective.effective_beta for each in joined(report)]
    return codes(report), [None if beta is None else beta.value for beta in betas]


ROOTS = ("x.size(0) ** 0.5", "math.sqrt(len(x))", "torch.sqrt(torch.tensor(x.shape[0]))", "-(len(x) ** 0.5)")
BELOW = [f"torch.sum(((y - x) / ({root})) ** 2)" for root in ROOTS]
BESIDE = [
    "torch.square((y - x) * torch.rsqrt(torch.tensor(float(len(x))))).sum()",
    "((y - x) * len(x) ** -0.5).pow(2).sum()",
    "((y - x) / len(x) ** 0.25 / len(x) ** 0.25).pow(2).sum()",
    "torch.norm((y - x) / len(x) ** 0.5) ** 2",
    'torch.einsum("bi,bi->", (y - x) / len(x) ** 0.5, (y - x) / len(x) ** 0.5)',
    "((y / len(x) ** 0.5 - x / len(x) ** 0.5) ** 2).sum()",
    'F.mse_loss(y / len(x) ** 0.5, x / len(x) ** 0.5, reduction="sum")',
]


@pytest.mark.parametrize("error", [*BELOW, *BESIDE])
def test_a_root_of_the_batch_size_below_a_square_makes_a_mean(error: str, tmp_path: Path) -> None:
    assert trained(tmp_path, error) == ([], [EffectiveBeta(1.0, ())])


@pytest.mark.parametrize(
    "error", ["((y - x) / len(x)).abs().sum()", 'F.l1_loss(y / len(x), x / len(x), reduction="sum")']
)
def test_an_absolute_difference_is_divided_once(error: str, tmp_path: Path) -> None:
    assert trained(tmp_path, error) == ([], [EffectiveBeta(1.0, ())])


@pytest.mark.parametrize(
    ("error", "power"),
    [
        ("torch.sum(((y - x) / len(x)) ** 2)", 1),
        ("torch.norm((y - x) / len(x)) ** 2", 1),
        ("torch.sum(((y - x) / len(x) ** 0.5) ** 2, 1).mean()", 1),
        ("torch.norm(y - x) ** 2", -1),
        ("torch.sum((y - x) ** 2)", -1),
    ],
)
def test_another_power_of_the_batch_size_is_named(error: str, power: int, tmp_path: Path) -> None:
    found, betas = trained(tmp_path, error)
    assert found == ["VAE504"]
    assert [[factor.power for factor in beta.factors if factor.symbol == "B"] for beta in betas if beta] == [[power]]


@pytest.mark.parametrize(
    ("error", "constant"),
    [
        ("torch.sum(((y - x) / (2 * len(x)) ** 0.5) ** 2)", 2.0),
        ("((y - x) / 2 / len(x) ** 0.5).square().sum()", 4.0),
        ("((y - x) / 3 ** 0.5).square().sum() / len(x)", 3.0),
        ("((y - x) / (len(x) / 2) ** 0.5).square().sum()", 0.5),
    ],
)
def test_a_number_below_a_square_counts_twice(error: str, constant: float, tmp_path: Path) -> None:
    assert trained(tmp_path, error) == ([], [EffectiveBeta(pytest.approx(constant), ())])


@pytest.mark.parametrize("number", ["1e-160", "1e-320", "1e200", "(1e-100 / 1e100)"])
def test_a_number_whose_square_is_no_float_leaves_the_balance_open(number: str, tmp_path: Path) -> None:
    found, betas = trained(tmp_path, f"((y - x) / {number}).square().sum() / len(x)")
    assert (found, betas) == ([], [None])


def test_a_number_below_a_square_is_a_weight_that_somebody_chose(tmp_path: Path) -> None:
    kl = OF_BATCH
    # A mean over a picture beside a sum over the latents, as it is and weighed by the inverse of a variance.
    assert trained(tmp_path, "torch.mean((y - x) ** 2)", kl)[0] == ["VAE502"]
    assert trained(tmp_path, "torch.mean(((y - x) / 0.1) ** 2)", kl)[0] == []
    # A number balances the terms at one batch size only.
    assert trained(tmp_path, "torch.sum(((y - x) / 0.1) ** 2)", kl)[0] == ["VAE504"]


@pytest.mark.parametrize(("scaled", "power"), [("(y - x) / share ** 0.75", 1), ("(y - x) * share ** 0.75", -1)])
def test_a_power_that_is_not_whole_weighs_the_way_it_is_written(scaled: str, power: int, tmp_path: Path) -> None:
    found, betas = trained(tmp_path, f"torch.sum(({scaled}) ** 2) / len(x)")
    assert found == []
    assert [[(each.symbol, each.power) for each in beta.factors] for beta in betas if beta] == [[("share", power)]]


def test_the_count_of_the_elements_of_a_sample_is_no_batch_size(tmp_path: Path) -> None:
    found, betas = trained(tmp_path, "torch.sum(((y - x) / x[0].numel() ** 0.5) ** 2) / len(x)")
    assert found == []
    assert [[factor.symbol for factor in beta.factors] for beta in betas if beta] == [["x[0].numel()"]]
