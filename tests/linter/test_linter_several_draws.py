"""Several draws for each sample along a first axis: what is averaged over it is no mean over the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LOOP, codes, linted

TEXT = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.Sigmoid())

    def forward(self, x):
        m, s = self.a(x), self.b(x)
        std = torch.exp(0.5 * s)
        {drawn}
        return self.back(z), m, s
"""
    + LOOP.replace(
        "{loss}",
        """error = F.binary_cross_entropy(y, x.expand_as(y), reduction="none").sum(-1).{rest}
        loss = error - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())""",
    ).replace("{differentiated}", "loss.backward()")
)
SEVERAL = {
    "an axis in front": "z = m.unsqueeze(0) + std.unsqueeze(0) * torch.randn(5, *m.shape)",
    "an axis by None": "z = m[None] + std[None] * torch.randn(5, *m.shape)",
    "larger noise": "z = m + std * torch.randn(5, m.size(0), m.size(1))",
    "larger noise by a star": "z = m + std * torch.randn(5, *m.shape)",
    "expanded heads": "wide = m.expand(5, -1, -1)\n        z = wide + std * torch.randn_like(wide)",
    "repeated heads": "wide = m.repeat(5, 1, 1)\n        z = wide + std.repeat(5, 1, 1) * torch.randn_like(wide)",
    "a distribution": "z = torch.distributions.Normal(m, std).rsample((5,))",
    "a stack": "z = torch.stack([m + std * torch.randn_like(m) for _ in range(5)])",
}
ONE = {
    "one draw": "z = m + std * torch.randn_like(m)",
    "one draw by its sizes": "z = m + std * torch.randn(m.size(0), 7)",
    "one draw of a distribution": "z = torch.distributions.Normal(m, std).rsample()",
    "an axis that is gone": "z = (m.unsqueeze(1) + std.unsqueeze(1) * torch.randn(len(m), 1, 7)).squeeze(1)",
}


@pytest.mark.parametrize("drawn", SEVERAL)
def test_a_mean_over_draws_is_not_one_over_the_batch(drawn: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": TEXT.format(drawn=SEVERAL[drawn], rest="mean(0).sum()")})) == []


@pytest.mark.parametrize("drawn", ONE)
def test_a_mean_over_the_batch_beside_a_sum_is_named(drawn: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": TEXT.format(drawn=ONE[drawn], rest="mean(0)")})) == ["VAE504"]


@pytest.mark.parametrize("drawn", [*SEVERAL, *ONE])
def test_one_mean_over_all_is_one_over_the_batch_as_well(drawn: str, tmp_path: Path) -> None:
    text = TEXT.format(drawn={**SEVERAL, **ONE}[drawn], rest="mean()")
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE504"]


@pytest.mark.parametrize("length", ["y.size(0)", "y.shape[0]", "len(y)", "torch.sigmoid(y).size(dim=0)"])
@pytest.mark.parametrize("drawn", SEVERAL)
def test_what_is_divided_by_their_number_is_no_mean_of_the_batch(drawn: str, length: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TEXT.format(drawn=SEVERAL[drawn], rest=f"sum() / {length}")})
    assert codes(report) == []
    assert all("VAE504" not in each.clean for each in report.judgements)


OF_THE_BATCH = {
    "one draw": (ONE["one draw"], "y.size(0)"),
    "one draw by its sizes": (ONE["one draw by its sizes"], "len(y)"),
    "one draw of a distribution": (ONE["one draw of a distribution"], "y.shape[0]"),
    "an axis that is gone": (ONE["an axis that is gone"], "y.size(0)"),
    "the data's": (SEVERAL["a distribution"], "x.size(0)"),
    "the heads'": (SEVERAL["a stack"], "m.size(0)"),
    "rows of all draws": ("z = torch.distributions.Normal(m, std).rsample((5,)).view(-1, 7)", "y.size(0)"),
    "the batch in front": ("z = torch.distributions.Normal(m, std).rsample((5,)).transpose(0, 1)", "y.size(0)"),
}


@pytest.mark.parametrize(("drawn", "length"), OF_THE_BATCH.values(), ids=OF_THE_BATCH)
def test_what_is_divided_by_the_batch_beside_a_sum_is_named(drawn: str, length: str, tmp_path: Path) -> None:
    text = TEXT.format(drawn=drawn, rest=f"sum() / {length}")
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE504"]


@pytest.mark.parametrize(("number", "clean"), [("len(x)", True), ("y.size(0)", False)])
def test_a_kl_divided_by_the_number_of_draws_is_no_mean(number: str, clean: bool, tmp_path: Path) -> None:
    text = TEXT.format(drawn=SEVERAL["a distribution"], rest=f"sum() / {number}")
    text = text.replace("- 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())", "+ kl")
    kl = f"        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp()) / {number}\n"
    report = linted(tmp_path, {"net.py": text.replace("        loss = ", f"{kl}        loss = ")})
    assert codes(report) == []
    assert any("VAE504" in each.clean for each in report.judgements) is clean


OF_STEPS = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.GRU(33, 7, batch_first=True)
        self.out = nn.Sequential(nn.Linear(7, 33), nn.Sigmoid())

    def forward(self, x):
        m, s = self.a(x[:, 0]), self.b(x[:, 0])
        z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        return self.out(self.back(x, z.unsqueeze(0))[0]), m, s


def train(loader):
    net = Net()
    for x in loader:
        y, m, s = net(x)
        error = F.binary_cross_entropy(y, x, reduction="none").sum((1, 2)).mean(0)
        loss = error - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss.backward()
"""
)


def test_the_first_state_of_a_recurrent_decoder_is_no_axis_of_draws(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": OF_STEPS})) == ["VAE504"]
