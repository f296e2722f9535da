"""A loss that code calls for a model which is not read: what it takes is not asked of one that is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

LEFT = """
class Left(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)
        self.back = nn.Sequential(nn.Linear(7, 84), nn.Tanh())

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s


def loss_function(x, x_hat, mean, logvar):
    return (F.binary_cross_entropy(x_hat, x, reduction="none").sum(1) + KLD).mean()


def fit(model, loader):
    for x, label in loader:
        x_hat, mean, logvar = model({given})
        optimizer.zero_grad()
        loss_function(x, x_hat, mean, logvar).backward()
        optimizer.step()
""".replace("KLD", "-0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp(), dim=1)")
MADE = {"imported": ("from elsewhere import Trained\n", "Trained(84)"), "not defined": ("", "Trained(84)")}


@pytest.mark.parametrize("made", MADE)
def test_what_a_loss_takes_is_asked_of_a_model_that_it_fits(made: str, tmp_path: Path) -> None:
    head, model = MADE[made]
    text = HEAD + head + f"\nmodel = {model}\noptimizer = torch.optim.Adam(model.parameters())\n" + LEFT
    assert codes(linted(tmp_path, {"train.py": text.format(given="x, label")})) == []


def test_what_a_loss_takes_is_asked_of_the_model_that_is_given(tmp_path: Path) -> None:
    text = HEAD + "\noptimizer = make()\n" + LEFT.format(given="x")
    assert codes(linted(tmp_path, {"train.py": text})) == ["VAE402"]


@pytest.mark.parametrize("given", ["x, label", "x, condition=label"], ids=["one too many", "by a name that it has not"])
@pytest.mark.parametrize(("fits", "named"), [(False, []), (True, ["VAE402"])], ids=["alone", "beside one that fits"])
def test_one_caller_that_a_model_fits_is_enough(given: str, fits: bool, named: list[str], tmp_path: Path) -> None:
    text = HEAD + "\noptimizer = make()\n" + LEFT.format(given=given)
    if fits:
        text += LEFT[LEFT.index("def fit") :].format(given="x").replace("def fit", "\n\ndef fit_alone")
    assert codes(linted(tmp_path, {"train.py": text})) == named


@pytest.mark.parametrize(
    ("taken", "given", "fits"),
    [
        ("x, **options", "x, label", False),
        ("x, **options", "x, label=label", True),
        ("x, *more", "x, label", True),
        ("x, *, label=None", "x, label", False),
        ("x, *, label=None", "x, label=label", True),
        ("x, label=None", "x, label", True),
    ],
)
def test_an_argument_by_its_place_is_asked_for_a_place(taken: str, given: str, fits: bool, tmp_path: Path) -> None:
    text = (
        HEAD
        + "\noptimizer = make()\n"
        + LEFT.format(given=given).replace("forward(self, x)", f"forward(self, {taken})")
    )
    assert codes(linted(tmp_path, {"train.py": text})) == (["VAE402"] if fits else [])
