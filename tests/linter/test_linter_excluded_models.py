"""A model that one setting chooses and a loss that another one does: which exclude each other go not together."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

NET = (
    HEAD
    + """

class Dense(nn.Module):
    def __init__(self, i, o, bend=None):
        super().__init__()
        self.linear, self.bend = nn.Linear(i, o), bend

    def forward(self, x):
        h = self.linear(x)
        return h if self.bend is None else self.bend(h)


class Net(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.settings = settings
        self.trunk, self.to_m, self.to_s = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
MADE
    def forward(self, x):
        h = torch.tanh(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(m)), m, s

    def loss(self, x):
        y, m, s = self(x)
        if self.settings.kind == "binary":
            p = torch.clamp(y, 1e-5, 1 - 1e-5)
            error = -(x * torch.log(p) + (1 - x) * torch.log(1 - p)).sum(1)
        elif self.settings.kind == "counts":
            error = -(F.log_softmax(y, 1) * x).sum(1)
        else:
            error = ((x - y) ** 2).sum(1)
        return (error - 0.5 * (1 + s - m.pow(2) - s.exp()).sum(1)).mean()
"""
)
SIGMOID, RAW = "self.back = Dense(7, 84, nn.Sigmoid())", "self.back = Dense(7, 84)"
ASKED = "self.settings.kind"


def of(*branches: tuple[str, str]) -> str:
    return "".join(f"        {f'{test}:' if test else ''}\n            {made}\n" for test, made in branches)


APART = {
    "one after another": of((f"if {ASKED} == 'binary'", SIGMOID), (f"if {ASKED} == 'counts'", RAW)),
    "with a further one": of(
        (f"if {ASKED} == 'binary'", SIGMOID),
        (f"if {ASKED} == 'counts'", RAW),
        (f"elif {ASKED} == 'grey'", SIGMOID),
    ),
    "negated": of((f"if not {ASKED} != 'binary'", SIGMOID), (f"if {ASKED} == 'counts'", RAW)),
    "of one if": of((f"if {ASKED} == 'binary'", SIGMOID), ("else", RAW)),
}
TOGETHER = {
    "always": f"        {RAW}\n",
    "of the same": of((f"if {ASKED} == 'counts'", SIGMOID), (f"if {ASKED} == 'binary'", RAW)),
    "of one if": of((f"if {ASKED} == 'binary'", RAW), ("else", SIGMOID)),
}

FLAGS = {
    "one after another": ((("if", "binary"), SIGMOID), (("if", "counts"), RAW)),
    "of one if": ((("if", "counts"), RAW), (("elif", "binary"), SIGMOID)),
}


@pytest.mark.parametrize("before", ["", "        self.back = None\n"])
@pytest.mark.parametrize("made", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize(("swapped", "expected"), [(False, []), (True, ["VAE402"])])
def test_a_loss_of_one_switch_is_judged_with_the_model_of_that_alone(
    made: tuple[tuple[tuple[str, str], str], ...], swapped: bool, expected: list[str], before: str, tmp_path: Path
) -> None:
    asked = [(word, {"binary": "counts", "counts": "binary"}[name] if swapped else name) for (word, name), _ in made]
    branches = of(
        *((f"{word} {ASKED} == '{name}'", layer) for (word, name), (_, layer) in zip(asked, made, strict=True))
    )
    text = NET.replace("MADE", before + branches)
    for kind in ("binary", "counts"):
        for quote in "\"'":
            text = text.replace(f"{ASKED} == {quote}{kind}{quote}", f"self.settings.{kind}")
    assert codes(linted(tmp_path, {"net.py": text})) == expected


@pytest.mark.parametrize("made", APART.values(), ids=APART)
def test_a_loss_of_one_value_is_not_judged_with_the_model_of_another(made: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.replace("MADE", made)})) == []


@pytest.mark.parametrize("made", TOGETHER.values(), ids=TOGETHER)
def test_a_loss_is_judged_with_the_model_of_the_same_value(made: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.replace("MADE", made)})) == ["VAE402"]
