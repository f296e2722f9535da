"""The names that `from torch.nn import *` and its like bring are those of torch, also where they are handed on."""

from __future__ import annotations

from pathlib import Path

import pytest
from joined_parts import joined, read

from vae_checked.facts import Parametrisation

STARS = """\
from torch import *
from torch.nn import *
from torch.distributions import *
from torch.nn.functional import *
from torch.utils.data import *
"""
NET = """\
{imports}

class Net(Module):
    def __init__(self, width=20):
        super().__init__()
        self.to_m, self.to_s, self.back = Linear(784, width), Linear(784, width), Linear(width, 784)

    def forward(self, x):
        q = Normal(self.to_m(x), {std}(0.5 * self.to_s(x)))
        z = q.rsample()
        kl = kl_divergence(q, Normal(zeros(20), ones(20))).sum()
        return binary_cross_entropy_with_logits(self.back(z), x, reduction="sum"), kl


def train(rows):
    net = Net()
    for (x,) in DataLoader(TensorDataset(rows), batch_size=11):
        error, kl = net(x)
        (error {sign} kl).backward()
"""
WAYS = {
    "here": {"net.py": STARS},
    "handed on": {"base.py": STARS, "net.py": "from base import *\n"},
    "handed on twice": {"most.py": STARS, "base.py": "from most import *\n", "net.py": "from base import *\n"},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("sign", "found"), [("+", []), ("-", ["VAE302"])])
def test_a_model_of_names_that_a_star_brings_is_read(way: str, sign: str, found: list[str], tmp_path: Path) -> None:
    files = dict(WAYS[way])
    files["net.py"] = NET.format(imports=files["net.py"], std="exp", sign=sign)
    report = read(tmp_path, files)
    assert [finding.code for finding in report.findings] == found
    assert joined(report)


def test_a_name_of_the_files_own_is_not_that_of_the_star(tmp_path: Path) -> None:
    own = f"{STARS}\n\ndef exp(x):\n    return x * 2.5\n"
    report = read(tmp_path, {"net.py": NET.format(imports=own, std="exp", sign="+")})
    (curve,) = {facts.sampler.std.value for facts in report.facts if facts.sampler.std and facts.kl.form}
    assert curve.parametrisation is Parametrisation.STD
