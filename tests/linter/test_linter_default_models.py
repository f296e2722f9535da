"""Of several models that a command-line option chooses from, the one that nobody has to ask for is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

# Two models of which one ends in a sigmoid, and a loss that wants probabilities.
BARE = (MODEL + FORWARD).replace("class Net", "class Bare").replace(", nn.Sigmoid()", "")
SCRIPT = (
    HEAD
    + MODEL
    + FORWARD
    + BARE
    + """

class Trainer:
    def __init__(self, args):
        self.args = args
        {chosen}
        self.optimizer = torch.optim.Adam(self.model.parameters())

    def fit(self, loader):
        for x, _ in loader:
            out, m, s = self.model(x)
            loss = {error} - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def show(self, z):
        return z if self.args.kind == "net" else z + 1


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("--kind"{option})
    args = parser.parse_args()
    Trainer(args).fit(DataLoader(Dataset()))
"""
)
BRANCHES = """if {test}:
            self.model = Net()
        else:
            self.model = Bare()"""
LISTED = 'args.kind in ("net", "wide")'
SUMMED = 'F.binary_cross_entropy(out, x, reduction="sum")'
# Which model is made by default: with a sigmoid, as the loss needs it, or without.
OPTIONS = {
    "the other text": (', default="bare"', 'args.kind == "net"', ["VAE402"]),
    "this text": (', default="net"', 'args.kind == "net"', []),
    "not this text": (', default="net"', 'args.kind != "net"', ["VAE402"]),
    "one of several": (', default="wide"', LISTED, []),
    "none of several": (', default="bare"', LISTED, ["VAE402"]),
    "a text in other letters": (', default="Bare"', 'args.kind.lower() == "net"', ["VAE402"]),
    "a switch": (', action="store_true"', "args.kind", ["VAE402"]),
    "a switch that is on": (', action="store_false"', "args.kind", []),
    "a switch turned round": (', action="store_true"', "not args.kind", []),
    "a number": (", type=int, default=2", "args.kind == 1", ["VAE402"]),
    "nothing": (", default=None", 'args.kind == "net"', ["VAE402"]),
    "asked for": (", required=True", 'args.kind == "net"', []),
}


@pytest.mark.parametrize(("option", "test", "expected"), OPTIONS.values(), ids=OPTIONS)
def test_the_model_of_the_default_is_judged(option: str, test: str, expected: list[str], tmp_path: Path) -> None:
    text = SCRIPT.format(chosen=BRANCHES.format(test=test), option=option, error=SUMMED)
    assert codes(linted(tmp_path, {"train.py": text})) == expected


@pytest.mark.parametrize(("default", "expected"), [("bare", ["VAE402"]), ("net", [])])
def test_a_model_is_chosen_within_an_expression(default: str, expected: list[str], tmp_path: Path) -> None:
    chosen = 'self.model = Net() if args.kind == "net" else Bare()'
    text = SCRIPT.format(chosen=chosen, option=f', default="{default}"', error=SUMMED)
    assert codes(linted(tmp_path, {"train.py": text})) == expected


@pytest.mark.parametrize("default", ["bare", "net"])
def test_a_loss_that_goes_with_the_model_is_not_taken_for_another(default: str, tmp_path: Path) -> None:
    logits = 'F.binary_cross_entropy_with_logits(out, x, reduction="sum")'
    text = SCRIPT.format(
        chosen=BRANCHES.format(test='args.kind == "net"'),
        option=f', default="{default}"',
        error=f'({SUMMED} if self.args.kind == "net" else {logits})',
    )
    assert codes(linted(tmp_path, {"train.py": text})) == []


PARTS = (
    HEAD
    + """

class Encoder(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.layer = nn.Linear(84, size)

    def forward(self, x):
        return self.layer(x)


class Decoder(nn.Module):
    def __init__(self, probable=False):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(7, 84), nn.Sigmoid() if probable else nn.Tanh())

    def forward(self, z):
        return self.layers(z)


class Net(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.args = args
        if {test}:
            self.encoder, self.decoder = Encoder(14), Decoder({variational})
        else:
            self.encoder, self.decoder = Encoder(7), Decoder()

    def forward(self, x):
        h = self.encoder(x)
        if {test}:
            m, s = h.chunk(2, dim=1)
            y = self.decoder(m + torch.exp(0.5 * s) * torch.randn_like(s))
            kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
            return F.binary_cross_entropy(y, x, reduction="sum") + kl
        return F.mse_loss(self.decoder(h), x)


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("--kind"{option})
    net = Net(parser.parse_args())
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in DataLoader(Dataset()):
        loss = net(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)


BY_ONE_SETTING = (
    HEAD
    + """

class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(84, 7)

    def forward(self, x):
        return self.layer(x), None, None


class Drawn(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return m + torch.exp(0.5 * s) * torch.randn_like(s), m, s


class Scores(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(7, 84)

    def forward(self, z):
        return self.layer(z)


class Shares(Scores):
    def forward(self, z):
        return torch.sigmoid(self.layer(z))


class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        if config.plain:
            self.encoder = Plain()
        else:
            self.encoder = Drawn()
        self.decoder = {plain}() if config.plain else {other}()

    def forward(self, x):
        z, m, s = self.encoder(x)
        return self.decoder(z), m, s


def train(loader, config):
    net = Net(config)
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        loss = F.binary_cross_entropy(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)


@pytest.mark.parametrize(("plain", "other", "expected"), [("Scores", "Shares", []), ("Shares", "Scores", ["VAE402"])])
def test_a_setting_that_makes_an_encoder_draw_makes_the_decoder(
    plain: str, other: str, expected: list[str], tmp_path: Path
) -> None:
    text = BY_ONE_SETTING.format(plain=plain, other=other)
    assert codes(linted(tmp_path, {"train.py": text})) == expected


@pytest.mark.parametrize(
    ("test", "option"), [("args.kind", ', action="store_true"'), ('args.kind == "vae"', ', default="vae"')]
)
@pytest.mark.parametrize(("variational", "expected"), [("True", []), ("False", ["VAE402"])])
def test_parts_are_those_with_which_a_model_is_a_vae(
    test: str, option: str, variational: str, expected: list[str], tmp_path: Path
) -> None:
    text = PARTS.replace("if {test}:\n            m", "if self.{test}:\n            m")
    text = text.format(test=test, option=option, variational=variational)
    assert codes(linted(tmp_path, {"train.py": text})) == expected
