"""A KL whose terms are reduced one by one, the mean's by a norm, is read as a KL that is reduced as they all are."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

from vae_checked.facts import Reduced, Reduction

TEXT = (
    HEAD
    + MODEL
    + FORWARD
    + """

def loss_of(y, x, m, s):
    error = F.mse_loss(y, x, reduction="none").sum(1).mean()
    {kl}
    loss = error + {weight} * kl
    return loss


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        loss = loss_of(y, x, m, s)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
IN_PLACE = """kl = ({mean}).mean(dim=0)
    kl += s.exp().sum(dim=-1).mean(dim=0)
    kl -= s.sum(dim=-1).mean()
    kl -= 7"""
KLS = {
    "a norm of torch": ("torch.norm(m, p=2, dim=1) ** 2", IN_PLACE),
    "a norm of a tensor": ("m.norm(dim=1).pow(2)", IN_PLACE),
    "a norm of linalg": ("torch.square(torch.linalg.vector_norm(m, 2, 1))", IN_PLACE),
    "squares": ("m.pow(2).sum(1)", IN_PLACE),
    "a diagonal": (
        "m.pow(2)",
        (
            "var = torch.diagonal(torch.diag_embed(s.exp()), dim1=1, dim2=2)\n"
            "    kl = ({mean} + var - var.log() - 1).sum(1).mean()"
        ),
    ),
}


@pytest.mark.parametrize("kl", KLS)
def test_a_kl_in_parts_is_reduced_as_each_part_is(kl: str, tmp_path: Path) -> None:
    mean, text = KLS[kl]
    report = linted(tmp_path, {"net.py": TEXT.format(kl=text.format(mean=mean), weight="0.5")})
    assert codes(report) == []
    reduced = {facts.kl.reduced.value for facts in report.facts if facts.kl.reduced and facts.sampler.std}
    assert Reduced(Reduction.MEAN, Reduction.SUM) in reduced
    negative = linted(tmp_path / "sign", {"net.py": TEXT.format(kl=text.format(mean=mean), weight="-0.5")})
    assert codes(negative) == ["VAE302"]


@pytest.mark.parametrize(
    "kl",
    [
        # The mean's part is summed over the batch as well, that of the variance is averaged over the latents.
        IN_PLACE.format(mean="torch.norm(m, p=2) ** 2"),
        IN_PLACE.format(mean="m.pow(2).sum(1)").replace("s.exp().sum(dim=-1)", "s.exp().mean(dim=-1)"),
    ],
)
def test_parts_that_are_reduced_otherwise_have_no_reduction_together(kl: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TEXT.format(kl=kl, weight="0.5")})
    assert not [facts for facts in report.facts if facts.kl.reduced and facts.sampler.std]


@pytest.mark.parametrize(
    ("mean", "summed"), [("torch.linalg.vector_norm(m, 2) ** 2", True), ("torch.linalg.norm(m, 2) ** 2", False)]
)
def test_the_norm_of_all_elements_is_one_of_a_vector(mean: str, summed: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TEXT.format(kl=f"kl = {mean} + (s.exp() - 1 - s).sum()", weight="0.5")})
    found = {facts.kl.reduced.value for facts in report.facts if facts.kl.reduced and facts.sampler.std}
    assert found == ({Reduced(Reduction.SUM, Reduction.SUM)} if summed else set())


@pytest.mark.parametrize(
    "mean", ["torch.norm(m, dim=1)", "torch.norm(m, p=1, dim=1) ** 2", "torch.linalg.norm(m, 2) ** 2"]
)
def test_what_is_no_square_of_a_euclidean_norm_is_no_sum_of_squares(mean: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TEXT.format(kl=IN_PLACE.format(mean=mean), weight="0.5")})
    assert codes(report) == []
    assert not [facts for facts in report.facts if facts.kl.form and facts.sampler.std]


OF_EINOPS = TEXT.replace("import numpy as np\n", "import numpy as np\nfrom einops import reduce\n", 1)
EACH = "m.pow(2) + s.exp() - 1 - s"


@pytest.mark.parametrize(
    ("kl", "expected"),
    [
        (f"kl = reduce({EACH}, 'b l -> b', 'sum').mean()", Reduced(Reduction.MEAN, Reduction.SUM)),
        (f"kl = reduce({EACH}, 'b l -> l', reduction='mean').sum()", Reduced(Reduction.MEAN, Reduction.SUM)),
        (f"kl = reduce({EACH}, 'b l -> ', 'mean')", Reduced(Reduction.MEAN, Reduction.MEAN)),
        # Axes that are taken apart, and the largest of some entries, are not read.
        (f"kl = reduce({EACH}, 'b (l k) -> b l', 'sum', k=7).sum(1).mean()", None),
        (f"kl = reduce({EACH}, 'b l -> b', 'max').mean()", None),
    ],
)
def test_what_einops_reduces_is_reduced(kl: str, expected: Reduced | None, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": OF_EINOPS.format(kl=kl, weight="0.5")})
    found = {facts.kl.reduced.value for facts in report.facts if facts.kl.reduced and facts.sampler.std}
    assert found == (set() if expected is None else {expected})
