"""A name that `:=` gives in a comprehension is one of the function around it: each turn goes on with the last."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, linted

from vae_checked.facts import Interval

DATA = """

def loaders():
    steps = [torchvision.transforms.ToTensor(){further}]
    pictures = torchvision.datasets.MNIST("d", transform=torchvision.transforms.Compose(steps))
    return DataLoader(pictures, 8)


fit(loaders())
"""
SCALED = ", torchvision.transforms.Normalize((0.5,), (0.5,))"
TURNS = {
    "a list": "[z := part(z) for part in self.parts]",
    "a list in a list": "[[z := part(z) for part in group] for group in [self.parts]]",
    "a set": "{z := part(z) for part in self.parts}",
    "a dictionary": "{number: (z := part(z)) for number, part in enumerate(self.parts)}",
    "a generator": "all((z := part(z)) is not None for part in self.parts)",
    "pairs": "[z := part(z) for number, part in enumerate(self.parts) if number < 9]",
}
NET = (
    LAYERS
    + """
        self.parts = nn.ModuleList([self.back, {last}])

    def decode(self, z):
        {turns}
        return z

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.decode(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s
"""
)


def model(turns: str, last: str, further: str) -> str:
    return HEAD + NET.format(turns=turns, last=last) + FIT + DATA.format(further=further)


@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
def test_the_last_layer_of_a_comprehension_ends_the_decoder(turns: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": model(turns, "nn.Sigmoid()", SCALED)})
    assert codes(report) == ["VAE403"]
    right = linted(tmp_path, {"net.py": model(turns, "nn.Tanh()", SCALED)})
    assert codes(right) == []
    assert any(facts.output.interval and facts.output.interval.value.high == 1.0 for facts in right.facts)


def test_a_target_of_a_comprehension_stays_its_own(tmp_path: Path) -> None:
    # Python 3 binds `z` of the loop in the comprehension alone.
    kept = "[z for z in self.parts]"
    report = linted(tmp_path, {"net.py": model(kept, "nn.Sigmoid()", SCALED)})
    assert codes(report) == []
    assert not any(
        facts.output.interval and facts.output.interval.value == Interval(0.0, 1.0) for facts in report.facts
    )


def test_more_turns_than_are_run_leave_the_output_unknown(tmp_path: Path) -> None:
    many = "[z := part(z) for part in [*[self.parts[0]] * 60, self.parts[1]]]"
    report = linted(tmp_path, {"net.py": model(many, "nn.Sigmoid()", SCALED)})
    assert codes(report) == []
    assert not any(facts.output.interval for facts in report.facts)
