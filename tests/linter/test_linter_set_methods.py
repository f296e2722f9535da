"""A method that is put into a class later is the one that runs: by an assignment and by setattr."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

SCENE = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def drawn(self, m, s):
        return m + torch.exp({written} * s) * torch.randn_like(m)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        y = self.back(self.drawn(m, s))
        return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


def later(self, m, s):
    return m + torch.exp({put} * s) * torch.randn_like(m)


{patch}
"""
)
PATCHES = (
    "Net.drawn = later",
    'setattr(Net, "drawn", later)',
    'setattr(Net, "dr" + "awn", later)',
    'type.__setattr__(Net, "drawn", later)',
    'for name in ("drawn",):\n    setattr(Net, name, later)',
)


@pytest.mark.parametrize("patch", PATCHES)
def test_a_method_that_is_put_into_a_class_is_the_one_that_runs(patch: str, tmp_path: Path) -> None:
    right, wrong = (
        codes(linted(tmp_path, {"net.py": SCENE.format(written=written, put=put, patch=patch)}))
        for written, put in ((1, 0.5), (0.5, 1))
    )
    assert (right, wrong) == ([], ["VAE201"])


def test_another_attribute_leaves_the_method(tmp_path: Path) -> None:
    patch = 'setattr(Net, "drawn_later", later)'
    assert codes(linted(tmp_path, {"net.py": SCENE.format(written=1, put=0.5, patch=patch)})) == ["VAE201"]


BUILT = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        for name in ("to_m", "to_s"):
            {setting}
        self.back = nn.Linear(7, 33)

    def forward(self, x):
        m, s = self.to_m(x), self.{head}(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(m))
        return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
"""
)
SETTINGS = (
    "setattr(self, name, nn.Linear(33, 7))",
    "self.__setattr__(name, nn.Linear(33, 7))",
    "super().__setattr__(name, nn.Linear(33, 7))",
    "nn.Module.__setattr__(self, name, nn.Linear(33, 7))",
    "object.__setattr__(self, name, nn.Linear(33, 7))",
    "self.register_module(name, nn.Linear(33, 7))",
)


@pytest.mark.parametrize("setting", SETTINGS)
def test_layers_that_are_set_by_name_make_the_heads(setting: str, tmp_path: Path) -> None:
    right, wrong = (
        codes(linted(tmp_path, {"net.py": BUILT.format(setting=setting, head=head)})) for head in ("to_s", "to_m")
    )
    assert (right, wrong) == ([], ["VAE205"])
