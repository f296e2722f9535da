"""Axes that are not those of a sample: Monte Carlo samples, tokens, steps and classes of one input."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

TEXT = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, samples=9):
        super().__init__()
        self.samples = samples
        self.trunk = nn.Sequential(nn.Linear(84, 33), nn.ReLU())
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, {outputs})

    def forward(self, x):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
{body}
        return loss


def fit(loader):
    net = Net()
    for x, _ in loader:
        net(x).backward()
"""
)
MANY = """\
m, s = (each.unsqueeze(1).{spread} for each in (m, s))
z = m + torch.exp(0.5 * s) * torch.randn_like(s)
y = self.back(z.view(-1, z.size(-1))).view(-1, self.samples, 84)
wanted = x.unsqueeze(1).{spread}
error = F.mse_loss(y, wanted, reduction="none").sum(-1)
kl = -0.5 * (1 + s - m.pow(2) - s.exp()).sum(-1)
loss = {whole}"""
AGAIN = """\
z = m + torch.exp(0.5 * s) * torch.randn_like(s)
error = F.mse_loss(self.back(z), x, reduction="none").view(x.size(0), self.samples, -1)
kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
loss = (error{reduced} + kl).mean()"""
CLASSES = """\
z = m + torch.exp(0.5 * s) * torch.randn_like(s)
odds = torch.softmax(self.back(z).view(len(x), 84, 3), {axis})
right = F.one_hot(x.long(), num_classes=3) * torch.log(odds.clamp(1e-6, 1.0))
kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
loss = (kl - right.sum(-1){reduced}).mean()"""


def judged(folder: Path, body: str, outputs: str = "84") -> list[str]:
    indented = "\n".join("        " + line for line in body.splitlines())
    return codes(linted(folder, {"net.py": TEXT.format(body=indented, outputs=outputs)}))


@pytest.mark.parametrize("spread", ["repeat(1, self.samples, 1)", "expand(-1, self.samples, -1)"])
@pytest.mark.parametrize("whole", ["(error + kl).mean()", "error.mean(1).mean() + kl.mean()"])
def test_a_mean_over_samples_of_one_input_is_right(spread: str, whole: str, tmp_path: Path) -> None:
    assert judged(tmp_path, MANY.format(spread=spread, whole=whole)) == []


@pytest.mark.parametrize("reduced", [".sum(-1).mean(1)", ".sum(2).mean(dim=1)", ".sum(-1).sum(1)", ".sum((1, 2))"])
def test_what_a_view_splits_again_is_not_called_mixed(reduced: str, tmp_path: Path) -> None:
    assert judged(tmp_path, AGAIN.format(reduced=reduced)) == []


FILMS = """\
z = m + torch.exp(0.5 * s) * torch.randn_like(s)
error = F.mse_loss(self.back(z).view(len(x), {sizes}), x, reduction="none")
kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
loss = error.sum({axes}).mean() + kl.mean()"""


@pytest.mark.parametrize(
    ("sizes", "axes", "expected"),
    [
        ("7, 1, 3, 4", "[2, 3, 4]", []),
        ("7, 1, 3, 4", "(1, 2, 3, 4)", []),
        ("7, 3, 4", "[2, 3]", ["VAE501"]),
        ("7, 1, 3, 4", "[1, 2, 3]", ["VAE501"]),
    ],
)
def test_the_frames_of_a_film_are_no_axis_of_a_picture(
    sizes: str, axes: str, expected: list[str], tmp_path: Path
) -> None:
    assert judged(tmp_path, FILMS.format(sizes=sizes, axes=axes)) == expected


@pytest.mark.parametrize("axis", [2, -1])
@pytest.mark.parametrize(
    ("reduced", "expected"), [(".sum(-1)", []), (".sum(1)", []), (".mean(-1)", ["VAE502"]), (".mean(1)", ["VAE502"])]
)
def test_the_sum_over_classes_belongs_to_each_element(
    axis: int, reduced: str, expected: list[str], tmp_path: Path
) -> None:
    assert judged(tmp_path, CLASSES.format(axis=axis, reduced=reduced), "3 * 84") == expected


SCALARS = """\
z = m + torch.exp(0.5 * s) * torch.randn_like(s)
kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
error = F.l1_loss(self.back(z), x, reduction="sum")
loss = {whole}"""


@pytest.mark.parametrize(
    "whole",
    [
        "(error + torch.sum(kl)) / len(x)",
        "error / len(x) + kl.sum() / len(x)",
        "-(-error - torch.mean(kl)) / x.size(0)",
    ],
)
def test_a_sum_of_a_number_is_that_number(whole: str, tmp_path: Path) -> None:
    assert judged(tmp_path, SCALARS.format(whole=whole)) == []


LABELS = """\
z = m + torch.exp(0.5 * s) * torch.randn_like(s)
y = torch.sigmoid(self.back(z)).view(x.size(0), 256, -1)
kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
loss = F.{cost}(y, {target}, reduction="sum") + kl"""


@pytest.mark.parametrize(
    ("cost", "target", "expected"),
    [
        ("cross_entropy", "(torch.sigmoid(x) * 255).long()", ["VAE405"]),
        ("mse_loss", "torch.sigmoid(x).view(x.size(0), 256, -1) * 255", ["VAE104"]),
    ],
)
def test_numbers_of_classes_are_no_pixels(cost: str, target: str, expected: list[str], tmp_path: Path) -> None:
    assert judged(tmp_path, LABELS.format(cost=cost, target=target), "256 * 84") == expected


CONSTANTS = """\
z = m + torch.exp(0.5 * s) * torch.randn_like(s)
kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
loss = F.mse_loss(self.back(z), x, reduction="sum") + kl + 0.1 * (x * torch.log({number})).sum()"""


@pytest.mark.parametrize(
    "number", ["torch.ones(1).clamp(1e-6, 1.0)", "torch.clamp(torch.full((1,), 0.5), min=0.1)", "torch.ones(1) + 1e-6"]
)
def test_the_logarithm_of_a_number_is_no_likelihood(number: str, tmp_path: Path) -> None:
    assert judged(tmp_path, CONSTANTS.format(number=number)) == []
