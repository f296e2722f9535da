"""A loss with an error of its own for each kind of column, or for a label: what each takes is told of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

from vae_checked.reports import all_examined

NET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self, mode=None):
        super().__init__()
        self.up, self.to_m, self.to_s = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.numbers, self.kinds, self.others = nn.Linear(7, 40), nn.Linear(7, 22), nn.Linear(7, 22)
        self.seen = nn.Linear(40, 5)
        self.mode = mode

    def step(self, x, labels, optimizer):
        m, s = self.to_m(self.up(x)), self.to_s(self.up(x))
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        error = F.mse_loss(self.numbers(z), x[:, :40], reduction="sum")
        {further}
        loss = error + further + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
SOFT = "torch.softmax(self.{}(z), dim=1)"
BOTH = f"torch.cat(({SOFT.format('kinds')}, {SOFT.format('others')}), dim=1)"
CROSS = "further = F.cross_entropy({}, x[:, 40:], reduction='sum')"
LABEL = "further = F.cross_entropy({}, labels, reduction='sum')"
LOGITS = "further = F.binary_cross_entropy_with_logits({}, x[:, 40:], reduction='sum')"
SCORES = "self.kinds(z)"
ERRORS = {
    "scores": (CROSS.format(SCORES), []),
    "probabilities": (CROSS.format(SOFT.format("kinds")), ["VAE405"]),
    "probabilities of two columns": (CROSS.format(BOTH), ["VAE405"]),
    "scores of two columns": (CROSS.format(f"torch.cat(({SCORES}, self.others(z)), dim=1)"), []),
    "probabilities beside scores": (CROSS.format(f"torch.cat(({SOFT.format('kinds')}, self.others(z)), 1)"), []),
    "a label": (LABEL.format(SOFT.format("kinds")), ["VAE405"]),
    "scores of a label": (LABEL.format(SCORES), []),
    "logits": (LOGITS.format(SCORES), []),
    "a sigmoid for logits": (LOGITS.format("torch.sigmoid(self.kinds(z))"), ["VAE401"]),
    "as it is set": (
        'h = self.kinds(z)\n        h = torch.softmax(h, dim=1) if self.mode == "soft" else h\n        '
        + CROSS.format("h"),
        [],
    ),
    "shown alone": ("further = 0\n        print(" + CROSS.format(SOFT.format("kinds"))[10:] + ")", []),
}


@pytest.mark.parametrize(("further", "found"), ERRORS.values(), ids=ERRORS)
def test_what_each_error_of_a_loss_is_handed(further: str, found: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(further=further)})
    assert joined(report)
    assert codes(report) == found
    if "VAE405" in found:
        assert [each.fix for each in report.findings] == ["drop the softmax: the loss takes the softmax itself"]


# How often each part is used is put near to how often it shall be: numbers, whatever the data.
USED = "used = torch.softmax(self.kinds(z), dim=1).mean(0)\n        further = F.mse_loss(used, {}, reduction='sum')"
SHALL = [
    "torch.ones(22) / 22",
    "torch.full_like(used, 0.05)",
    "torch.ones_like(used) / used.shape[0]",
    "1 / used.size(0)",
]


@pytest.mark.parametrize("shall", SHALL)
def test_an_error_against_numbers_is_none_of_the_data(shall: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(further=USED.format(shall))})
    assert codes(report) == []
    assert [each.core_checked for each in report.vaes] == [True]


@pytest.mark.parametrize(
    "shall", ["torch.softmax(x[:, 40:], dim=1).mean(0)", "labels / 22", "self.to_m.bias.repeat(3)"]
)
def test_an_error_against_what_is_no_number_is_looked_at(shall: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(further=USED.format(shall))})
    assert [each.core_checked for each in report.vaes] == [False]


SUMMED = "further = F.mse_loss({}, {}, reduction='none').sum(dim={}).mean()"
BESIDE = "error = F.mse_loss(self.numbers(z), x[:, :40], reduction='none').sum(dim=1).mean()"
KL = "kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()"
# The code that an error which stands otherwise in the loss leaves open; of one that stands alike all stays clean.
STANDING = {
    "alike": (SUMMED.format("self.kinds(z)", "x[:, 40:]", 1), "+ further", []),
    "of the same output": (SUMMED.format("self.numbers(z)", "x[:, :40]", 1).replace("mse", "l1"), "+ further", []),
    "with a minus": (SUMMED.format("self.kinds(z)", "labels", 1), "- further", ["VAE505"]),
    "summed over the batch": (SUMMED.format("self.kinds(z)", "x[:, 40:]", 0), "+ further", ["VAE501", "VAE504"]),
    "of a label, a mean": ("further = F.cross_entropy(self.kinds(z), labels)", "+ further", ["VAE501", "VAE502"]),
    "of what is no probability": (
        "further = F.binary_cross_entropy(self.kinds(z), labels, reduction='none').sum(dim=1).mean()",
        "+ further",
        ["VAE401", "VAE402"],
    ),
    "of features": (SUMMED.format("self.seen(self.numbers(z))", "self.seen(x[:, :40])", 1), "+ further", []),
    "of probabilities made of it": (
        "further = F.binary_cross_entropy(self.seen(self.numbers(z)), labels, reduction='none').sum(dim=1).mean()",
        "+ further",
        ["VAE401", "VAE402"],
    ),
    "of scores of a label": (
        "further = F.cross_entropy(self.kinds(z), labels, reduction='none').mean()",
        "+ further",
        ["VAE501"],
    ),
    "of what is minimised nowhere": (SUMMED.format("self.kinds(z)", "x[:, 40:]", 0), "", []),
}
OF_AN_ERROR = {"VAE401", "VAE402", "VAE404", "VAE501", "VAE502", "VAE503", "VAE504", "VAE505"}


@pytest.mark.parametrize(("further", "added", "unsaid"), STANDING.values(), ids=STANDING)
def test_an_error_that_stands_otherwise_is_not_clean(
    further: str, added: str, unsaid: list[str], tmp_path: Path
) -> None:
    source = NET.format(further=f"{further}\n        {BESIDE}\n        {KL}")
    report = linted(tmp_path, {"net.py": source.replace("error + further + kl", f"error {added} + kl")})
    [vae] = all_examined(report)
    opened = OF_AN_ERROR - set(vae.clean)
    assert joined(report)
    assert codes(report) == []
    assert set(unsaid) <= opened
    assert bool(opened) == bool(unsaid)


MEANS = """\
        y, t = torch.sigmoid(self.numbers(z)), x[:, :40]
        further = {}
        loss = F.mse_loss(y, t) + 0.3 * further + self.mode.beta * kl
"""
# What is made of the output lies in another range than that: only a loss which takes no other leaves it as it is.
MADE_OF_IT = {
    "edges": ("F.l1_loss(y[:, 1:] - y[:, :-1], t[:, 1:] - t[:, :-1])", True),
    "a filter": ("F.smooth_l1_loss(F.conv1d(y[:, None], self.kernel), F.conv1d(t[:, None], self.kernel))", True),
    "features": ("F.mse_loss(self.seen(y), self.seen(t))", True),
    "logits made of it": ("F.binary_cross_entropy_with_logits(self.seen(y), labels)", True),
    "a probability made of it": ("F.binary_cross_entropy(torch.sigmoid(self.seen(y)), labels)", True),
    "scores for a probability": ("F.binary_cross_entropy(self.seen(y), labels)", False),
    "another output": ("F.l1_loss(self.kinds(z), x[:, 40:])", False),
}


@pytest.mark.parametrize(("further", "leaves"), MADE_OF_IT.values(), ids=MADE_OF_IT)
def test_an_error_of_edges_or_features_is_of_the_output(further: str, leaves: bool, tmp_path: Path) -> None:
    source = NET.format(further="further = 0").replace("        loss = error + further + kl\n", MEANS.format(further))
    report = linted(
        tmp_path, {"net.py": source.replace("self.mode = mode", "self.mode, self.kernel = mode, mode.kernel")}
    )
    [vae] = all_examined(report)
    assert codes(report) == []
    assert ({"VAE401", "VAE402", "VAE404"} <= set(vae.clean)) is leaves
    assert {"VAE501", "VAE505"} <= set(vae.clean)


BOUNDED = {
    "any number": ("F.mse_loss(self.kinds(z), x[:, 40:], reduction='none').sum(1).mean()", True),
    "a label": ("F.cross_entropy(self.kinds(z), labels)", True),
    "a bounded one": ("F.mse_loss(torch.tanh(self.kinds(z)), x[:, 40:], reduction='none').sum(1).mean()", False),
    "a bounded score": ("F.binary_cross_entropy_with_logits(torch.relu(self.kinds(z)), labels)", False),
    "a probability": ("F.binary_cross_entropy(self.kinds(z), labels)", False),
}


@pytest.mark.parametrize(("further", "leaves"), BOUNDED.values(), ids=BOUNDED)
def test_an_error_that_takes_any_value_leaves_the_ranges_decided(further: str, leaves: bool, tmp_path: Path) -> None:
    source = NET.format(further=f"{BESIDE}\n        {KL}\n        further = {further}")
    [vae] = all_examined(
        linted(tmp_path, {"net.py": source.replace("        error = F.mse_loss", "        _ = print", 1)})
    )
    assert ({"VAE401", "VAE402", "VAE403"} <= set(vae.clean)) is leaves


@pytest.mark.parametrize("bounded", ["torch.softmax(self.kinds(z), dim=1)", "torch.tanh(self.kinds(z))"])
def test_what_is_named_of_another_error_leaves_the_rest_decided(bounded: str, tmp_path: Path) -> None:
    source = NET.format(further=f"{BESIDE}\n        {KL}\n        further = F.cross_entropy({bounded}, labels)")
    report = linted(tmp_path, {"net.py": source.replace("        error = F.mse_loss", "        _ = print", 1)})
    [vae] = all_examined(report)
    assert codes(report) == ["VAE405"]
    assert {"VAE401", "VAE402"} <= set(vae.clean)
    assert "VAE403" not in vae.clean
    assert vae.core_checked
