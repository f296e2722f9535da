"""What a method of a model is handed where nothing calls it: a head that its own name is not against."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

BASE = """

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def draw(self, mu, log_var):
        return mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)

    def divergence(self, mu, std):
        return (0.5 * (mu ** 2 + std ** 2 - 1) - torch.log(std)).sum(1)

    def forward(self, x):
        mu, log_var = self.to_m(x), self.to_s(x)
        std = torch.exp(0.5 * log_var)
        z = mu + std * torch.randn_like(std)
        return mu, std, self.back(z)
"""
DERIVED = """

class Wide(Base):
    def __init__(self):
        super().__init__()
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 84))
"""
CALLED = """
    def between(self, x):
        mu, std, _ = self.forward(x)
        z = self.draw(mu, std)
        return F.mse_loss(self.back(z), x, reduction="sum") + self.divergence(mu, std).sum()
"""


def test_a_std_is_not_handed_on_as_a_log_variance_by_guess(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"model.py": HEAD + BASE + DERIVED})) == []


def test_a_std_that_code_hands_on_as_a_log_variance_is_named(tmp_path: Path) -> None:
    assert "VAE201" in codes(linted(tmp_path, {"model.py": HEAD + BASE + CALLED}))


@pytest.mark.parametrize(("second", "found"), [("log_std", ["VAE201"]), ("log_var", [])])
def test_names_of_logarithms_do_not_tell_which_one_it_is(second: str, found: list[str], tmp_path: Path) -> None:
    """Heads go by either name: what is wrong is how they are read."""
    model = BASE.replace("std = torch.exp(0.5 * log_var)\n        z = mu + std * torch.randn_like(std)", "{drawn}")
    model = model.replace("return mu, std, self.back(z)", f"return mu, {second}, self.back(z)")
    model = model.replace("mu, log_var = self", f"mu, {second} = self")
    std = "torch.exp(log_std)" if second == "log_std" else "torch.exp(0.5 * log_var)"
    text = HEAD + model.replace("{drawn}", f"z = mu + {std} * torch.randn_like(mu)").replace(
        "def divergence(self, mu, std):\n        return (0.5 * (mu ** 2 + std ** 2 - 1) - torch.log(std)).sum(1)",
        "def kl_loss(self, mu, log_var):\n        return 0.5 * (mu ** 2 + log_var.exp() - 1 - log_var).sum(1)",
    )
    assert codes(linted(tmp_path, {"model.py": text})) == found
