"""An activation of the heads that a setting chooses: the finding says which, and a file of settings may name it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, options):
        super().__init__()
        {made}
        self.both, self.back = nn.Linear(84, 14), nn.Linear(7, 84)

    def forward(self, x):
        h = self.bend(self.both(x))
        m, s = h[:, :7], h[:, 7:]
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(m))
        return F.mse_loss(y, x, reduction="sum") + 0.5 * torch.sum(m ** 2 + s.exp() - s - 1)
"""
)
TABLE = 'self.bend = {"relu": nn.ReLU(), "soft": nn.Softplus(), "none": nn.Identity()}[options.bend%s]'
CHAIN = """if options.bend == "relu":
            self.bend = nn.ReLU()
        elif options.bend == "soft":
            self.bend = nn.Softplus()
        else:
            self.bend = nn.Identity()"""
LEFT_OUT = """if options.bend is None:
            self.bend = {plain}
        {other}:
            self.bend = nn.ReLU()"""
MADE = {
    "of a table": (TABLE % "", "options.bend == 'relu' or options.bend == 'soft'"),
    "by a changed text": (TABLE % ".lower()", "options.bend.lower() == 'relu' or options.bend.lower() == 'soft'"),
    "of two": ('self.bend = {"relu": nn.ReLU(), "none": nn.Identity()}[options.bend]', "options.bend == 'relu'"),
    "by a number": ("self.bend = {0: nn.ReLU(), 1: nn.Identity()}[options.bend]", "options.bend == 0"),
    "by yes or no": ("self.bend = {True: nn.ReLU(), False: nn.Identity()}[options.bend]", "options.bend == True"),
    "in a chain": (CHAIN, 'options.bend == "soft" or options.bend == "relu"'),
    "or none": (LEFT_OUT.format(plain="nn.Identity()", other="else"), "not (options.bend is None)"),
    "or none by a name": (
        LEFT_OUT.format(plain="lambda h: h", other='elif options.bend == "relu"'),
        "not (options.bend is None)",
    ),
}


ALIKE = 'self.bend = {"relu": nn.ReLU(), "in place": nn.ReLU(inplace=True)}[options.bend]'


def said(files: dict[str, str], folder: Path) -> list[str]:
    return [each.message for each in linted(folder, files).findings if each.code == "VAE204"]


@pytest.mark.parametrize(("made", "asked"), MADE.values(), ids=list(MADE))
def test_heads_that_one_setting_bends_are_named_with_it(made: str, asked: str, tmp_path: Path) -> None:
    (message,) = said({"net.py": NET.format(made=made)}, tmp_path)
    assert set(message.rpartition(", where ")[2].split(" or ")) == set(asked.split(" or "))


def test_a_key_that_no_text_tells_is_not_shown_as_one(tmp_path: Path) -> None:
    filled = "bends = {}\n        for name in options.names:\n            bends[name] = nn.ReLU()"
    made = f'{filled}\n        bends["none"] = nn.Identity()\n        self.bend = bends[options.bend]'
    (message,) = said({"net.py": NET.format(made=made)}, tmp_path)
    assert "where" not in message


@pytest.mark.parametrize("made", ["self.bend = nn.ReLU()", ALIKE])
def test_heads_that_are_bent_whatever_is_set_are_named_without(made: str, tmp_path: Path) -> None:
    (message,) = said({"net.py": NET.format(made=made)}, tmp_path)
    assert "where" not in message


@pytest.mark.parametrize("changed", ["", ".lower()"])
def test_the_entry_that_a_file_of_settings_names_is_taken(changed: str, tmp_path: Path) -> None:
    text = NET.format(made=TABLE % changed)
    for name, confined in (("none", None), ("relu", "[0, inf)"), ("soft", "(0, inf)")):
        files = {"net.py": text, "configs/one.yaml": f"model:\n  bend: {name}\n"}
        messages = said(files, tmp_path / name)
        assert len(messages) == (confined is not None)
        assert all(confined in each and "where" not in each for each in messages if confined is not None)


SET = """from net import Net


def main(args):
    net = Net(bend=args.bend)
    optimizer = torch.optim.Adam(net.parameters())
    for x in args.records:
        optimizer.zero_grad()
        net(x).backward()
        optimizer.step()
"""


@pytest.mark.parametrize(("plain", "bent"), [("nn.Dropout(0.1)", "nn.Tanh()"), ("nn.Identity()", "nn.ReLU()")])
def test_what_an_argument_that_has_none_by_default_bends_is_named_with_it(
    plain: str, bent: str, tmp_path: Path
) -> None:
    made = f"self.bend = {plain} if bend is None else {bent}"
    text = NET.replace("options):", "bend=None):").format(made=made)
    assert said({"net.py": text}, tmp_path / "alone") == []
    (message,) = said({"net.py": text, "fit.py": HEAD + SET}, tmp_path / "set")
    assert message.endswith(", where not (bend is None)")
