"""Layers over steps that are given samples where they have their steps: batch_first, which is False by default."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

from vae_checked.reports import all_examined

MODEL = """

class Net(nn.Module):
    def __init__(self, options=None):
        super().__init__()
        self.wide = nn.Linear(5, 24)
        self.codes = nn.Embedding(31, 24)
        {layers}
        self.to_m, self.to_s = nn.Linear(24, 7), nn.Linear(24, 7)
        self.back = nn.Sequential(nn.Linear(7, 40), nn.ReLU(), nn.Linear(40, 13 * 5))

    def forward(self, x):
        h = self.wide(x)
        {encoded}
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        {decoded}
        return y, m, s
"""
TRAINED = """

def fit(data):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in DataLoader(data, {loaded}):
        {before}
        y, m, s = net(x)
        error = ((y - x) ** 2).sum(dim=(1, 2))
        kl = 0.5 * torch.sum(m.pow(2) + s.exp() - s - 1, dim=1)
        optimizer.zero_grad()
        (error + kl).mean().backward()
        optimizer.step()
"""
DECODED = "y = self.back(z).view(x.shape)"
ATTENTION = "self.over = nn.TransformerEncoder(nn.TransformerEncoderLayer(24, 4{more}), 2)"
OVER = {
    "attention over all": (ATTENTION, "h = self.over(h).mean(dim=1)"),
    "one layer of it": ("self.over = nn.TransformerEncoderLayer(24, 4{more})", "h = self.over(h)[:, 0]"),
    "attention alone": ("self.over = nn.MultiheadAttention(24, 4{more})", "h = self.over(h, h, h)[0].mean(1)"),
    "an LSTM": ("self.over = nn.LSTM(24, 24{more})", "h = self.over(h)[0][:, -1]"),
    "a GRU": ("self.over = nn.GRU(24, 24{more})", "h, _ = self.over(h)\n        h = h[:, -1, :]"),
    "steps apart": (
        "self.over = nn.GRU(24, 24{more})",
        "h = torch.relu(h).permute(0, 1, 2) + 0.1\n        h = self.over(h)[1][-1]",
    ),
}


def found(
    folder: Path,
    layers: str,
    encoded: str,
    decoded: str = DECODED,
    loaded: str = "batch_size=9",
    before: str = "pass",
) -> list[str]:
    text = HEAD + MODEL.format(layers=layers, encoded=encoded, decoded=decoded)
    report = linted(folder, {"net.py": text + TRAINED.format(loaded=loaded, before=before)})
    assert not any("VAE106" in each.clean for each in all_examined(report))
    return [each.code for each in report.findings]


@pytest.mark.parametrize(("layers", "encoded"), OVER.values(), ids=OVER)
def test_samples_in_the_place_of_steps_are_mixed(layers: str, encoded: str, tmp_path: Path) -> None:
    assert found(tmp_path, layers.format(more=""), encoded) == ["VAE106"]
    assert found(tmp_path, layers.format(more=", batch_first=False"), encoded) == ["VAE106"]
    assert found(tmp_path, layers.format(more=", batch_first=True"), encoded) == []


@pytest.mark.parametrize(("layers", "encoded"), OVER.values(), ids=OVER)
def test_steps_that_are_moved_in_front_are_where_they_should_be(layers: str, encoded: str, tmp_path: Path) -> None:
    """As is what a setting says, and what is handed out with the steps in front."""
    moved = encoded.replace("self.over(h", "self.over(h.transpose(0, 1)", 1)
    assert found(tmp_path, layers.format(more=""), moved) == []
    assert found(tmp_path, layers.format(more=""), encoded, before="x = x.permute(1, 0, 2)") == []
    assert found(tmp_path, layers.format(more=""), encoded, loaded="batch_size=9, collate_fn=put_together") == []
    assert found(tmp_path, layers.format(more=", batch_first=options.first"), encoded) == []
    assert found(tmp_path, layers.format(more=", **options"), encoded) == []
    assert found(tmp_path, layers.format(more=""), encoded, loaded="batch_size=1") == []


STATE = "h = self.over(h)[1][-1]"


def test_rows_without_steps_are_mixed_where_they_come_in_no_order(tmp_path: Path) -> None:
    """In order a batch of rows may be a sequence."""
    layer = "self.over = nn.GRU(24, 24)"
    assert found(tmp_path, layer, STATE, loaded="batch_size=9, shuffle=True") == ["VAE106"]
    assert found(tmp_path, layer, STATE, loaded="batch_size=9") == []


LAYERS = """\
self.over, self.out = nn.LSTM(24, 24, batch_first=True), nn.LSTM(7, 5{more})
        self.widen = nn.Linear(7, 91)"""
LAST = "h = self.over(h)[1][0][-1]"
REPEATED = {
    "repeated": "z.unsqueeze(1).repeat(1, 13, 1)",
    "as views": "z[:, None, :].expand(-1, 13, -1)",
    "by the data": "z.unsqueeze(1).expand(x.size(0), x.size(1), 7)",
    "widened": "self.widen(z).view(-1, 13, 7)",
}


@pytest.mark.parametrize("repeated", REPEATED.values(), ids=REPEATED)
def test_latents_are_repeated_behind_the_samples(repeated: str, tmp_path: Path) -> None:
    decoded = f"y = self.out({repeated})[0]"
    given = "batch_size=9, collate_fn=put_together"
    assert found(tmp_path, LAYERS.format(more=""), LAST, decoded, loaded=given) == ["VAE106"]
    assert found(tmp_path, LAYERS.format(more=", batch_first=True"), LAST, decoded, loaded=given) == []


def test_latents_are_repeated_in_front_of_the_samples(tmp_path: Path) -> None:
    decoded = "y = self.out(z.unsqueeze(0).repeat(13, 1, 1))[0].transpose(0, 1)"
    assert found(tmp_path, LAYERS.format(more=""), LAST, decoded) == []
    decoded = "y = self.out(z.unsqueeze(1).repeat(1, 13, 1).transpose(0, 1))[0].transpose(0, 1)"
    assert found(tmp_path, LAYERS.format(more=""), LAST, decoded) == []


def test_what_is_added_may_have_steps_in_front(tmp_path: Path) -> None:
    added = "y = self.out(z + self.places)[0].transpose(0, 1)"
    layers = LAYERS.format(more="") + "\n        self.places = nn.Parameter(torch.zeros(13, 1, 7))"
    assert found(tmp_path, layers, LAST, added) == []


PICTURES = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, 20, 4, stride=4)
        {layer}
        self.to_m, self.to_s = nn.Linear(20, 11), nn.Linear(20, 11)
        self.back = nn.Sequential(nn.Linear(11, 784), nn.Sigmoid())

    def forward(self, x):
        {encoded}
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def fit():
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    data = torchvision.datasets.MNIST("here", transform=torchvision.transforms.ToTensor())
    for x, _ in DataLoader(data, batch_size=9):
        y, m, s = net(x)
        error = F.binary_cross_entropy(y, x.flatten(1), reduction="none").sum(1)
        kl = 0.5 * torch.sum(m.pow(2) + s.exp() - s - 1, dim=1)
        optimizer.zero_grad()
        (error + kl).mean().backward()
        optimizer.step()
"""
ATTEND = "self.over = nn.TransformerEncoder(nn.TransformerEncoderLayer(20, 4{more}), 2)"
THROUGH = "self.over = nn.LSTM(28, 20{more})"
OF_PICTURES = {
    "patches": (ATTEND, "h = self.over(self.patches(x).flatten(2).transpose(1, 2)).mean(1)"),
    "one token": (ATTEND, "h = self.over(self.patches(x).mean((2, 3)).unsqueeze(1)).squeeze(1)"),
    "rows by a view": (THROUGH, "h = self.over(x.view(-1, 28, 28))[0][:, -1]"),
    "rows by another": (THROUGH, "h = self.over(x.reshape(x.size(0), 28, 28))[1][0][-1]"),
    "rows without the channel": (THROUGH, "h = self.over(x.squeeze(1))[0][:, -1]"),
}
IN_FRONT = {
    "patches": (ATTEND, "h = self.over(self.patches(x).flatten(2).permute(2, 0, 1)).mean(0)"),
    "one token": (ATTEND, "h = self.over(self.patches(x).mean((2, 3)).unsqueeze(0)).squeeze(0)"),
    "rows": (THROUGH, "h = self.over(x.squeeze(1).transpose(0, 1))[0][-1]"),
}


@pytest.mark.parametrize(("layer", "encoded"), OF_PICTURES.values(), ids=OF_PICTURES)
def test_patches_and_rows_of_pictures_are_steps_behind_the_samples(layer: str, encoded: str, tmp_path: Path) -> None:
    for more, expected in (("", ["VAE106"]), (", batch_first=True", [])):
        text = HEAD + PICTURES.format(layer=layer.format(more=more), encoded=encoded)
        assert [each.code for each in linted(tmp_path, {"net.py": text}).findings] == expected


@pytest.mark.parametrize(("layer", "encoded"), IN_FRONT.values(), ids=IN_FRONT)
def test_patches_and_rows_of_pictures_may_stand_in_front(layer: str, encoded: str, tmp_path: Path) -> None:
    text = HEAD + PICTURES.format(layer=layer.format(more=""), encoded=encoded)
    assert linted(tmp_path, {"net.py": text}).findings == ()
