"""The state of a recurrent layer has its samples along the second axis: a view to rows of samples mixes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

MODEL = (
    HEAD
    + """

class Text(nn.Module):
    def __init__(self, words=211, wide=19, latents=7, layers=2, both=True):
        super().__init__()
        self.wide, self.layers, self.factor = wide, layers, 2 * layers if both else layers
        self.embed = nn.Embedding(words, 23)
        self.read = nn.{kind}(23, wide, {options})
        self.to_m, self.to_s = nn.Linear({features}, latents), nn.Linear({features}, latents)
        self.start = nn.Linear(latents, wide * {depth})
        self.write = nn.{kind}(23, wide, {depth}, batch_first=True)
        self.back = nn.Linear(wide, words)

    def forward(self, x):
        b, t = x.shape
        batch_size = x.size(0)
        _, h = self.read(self.embed(x))
        {taken}
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        state = self.start(z)
        {made}
        out, _ = self.write(self.embed(x), state)
        return self.back(out), m, s


def loss(out, x, mu, logvar):
    error = F.cross_entropy(out.transpose(1, 2), x, reduction="sum")
    return error - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
"""
)
BOTH, DEEP, ONE = "bidirectional=True, batch_first=True", "num_layers=layers, batch_first=True", "batch_first=True"
LAST = "h = h[-1]"
# Of the encoder: the options of the recurrent layer, the features of its state and what is done to it.
MIXING = {
    "two directions": ("GRU", BOTH, 38, "h = h.view(b, self.wide * 2)"),
    "a batch by its name": ("GRU", BOTH, 38, "h = h.reshape(batch_size, -1)"),
    "two layers": ("RNN", DEEP, 38, "h = h.contiguous().view(x.size(0), -1)"),
    "rows by their width": ("GRU", BOTH, 38, "h = h.view(-1, 38)"),
    "a long memory": ("LSTM", BOTH, 38, "h = h[0].reshape(b, -1)"),
    "layers and directions": ("GRU", "layers, bidirectional=both", 76, "h = h.view(h.size(1), 76)"),
}
KEEPING = {
    "moved before": ("GRU", BOTH, 38, "h = h.transpose(0, 1).reshape(b, -1)"),
    "moved before, a memory": ("LSTM", BOTH, 38, "h = h[0].permute(1, 0, 2).contiguous().view(b, -1)"),
    "one layer, one direction": ("GRU", ONE, 19, "h = h.view(b, -1)"),
    "layers told apart": ("GRU", DEEP, 19, "h = h.view(self.layers, 1, b, self.wide)[-1, 0]"),
    "put beside one another": ("GRU", BOTH, 38, "h = torch.cat([h[0], h[1]], dim=-1)"),
    "an unknown number of layers": ("GRU", "some_layers, batch_first=True", 19, "h = h.view(b, -1)"),
}
MADE = {
    "a state": ("GRU", "state = state.view({depth}, b, self.wide)"),
    "a state by its layers": ("RNN", "state = state.reshape(self.layers, batch_size, -1)"),
    "two states": (
        "LSTM",
        "state = (state.view({depth}, b, self.wide), torch.zeros_like(state).view({depth}, b, self.wide))",
    ),
}
KEPT = {
    "moved afterwards": "state = state.view(b, {depth}, self.wide).transpose(0, 1).contiguous()",
    "one for every layer": "state = torch.stack([state] * {depth})[..., : self.wide]",
    "repeated before": "state = self.start(z.unsqueeze(0).repeat({depth}, 1, 1)).view({depth}, b, self.wide)",
}


def text(kind: str, options: str, features: int, taken: str, depth: int = 1, made: str = "state = state[None]") -> str:
    return MODEL.format(
        kind=kind, options=options, features=features, taken=taken, depth=depth, made=made.format(depth=depth)
    )


@pytest.mark.parametrize(("kind", "options", "features", "taken"), MIXING.values(), ids=MIXING)
def test_a_state_that_is_viewed_as_rows_of_samples(
    kind: str, options: str, features: int, taken: str, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"text.py": text(kind, options, features, taken)})
    assert codes(report) == ["VAE106"]
    (finding,) = report.findings
    assert "transpose(0, 1)" in (finding.fix or "")


@pytest.mark.parametrize(("kind", "options", "features", "taken"), KEEPING.values(), ids=KEEPING)
def test_a_state_whose_samples_stay_apart(kind: str, options: str, features: int, taken: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"text.py": text(kind, options, features, taken)})) == []


@pytest.mark.parametrize(("kind", "made"), MADE.values(), ids=MADE)
@pytest.mark.parametrize(("depth", "expected"), [(2, ["VAE106"]), (1, [])])
def test_rows_of_samples_that_are_viewed_as_a_state(
    kind: str, made: str, depth: int, expected: list[str], tmp_path: Path
) -> None:
    taken = "h = h[0][-1]" if kind == "LSTM" else LAST
    made = made.replace("self.layers", str(depth))
    assert codes(linted(tmp_path, {"text.py": text(kind, ONE, 19, taken, depth, made)})) == expected


@pytest.mark.parametrize("made", KEPT.values(), ids=KEPT)
def test_rows_that_become_a_state_sample_by_sample(made: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"text.py": text("GRU", ONE, 19, LAST, 3, made)})) == []


def test_an_encoder_by_itself_tells_that_its_state_is_mixed(tmp_path: Path) -> None:
    whole = text("GRU", BOTH, 38, "h = h.view(b, self.wide * 2)")
    alone = whole.partition("        state = self.start(z)")[0] + "        return self.start(z), m, s\n"
    assert codes(linted(tmp_path, {"text.py": alone})) == ["VAE106"]
