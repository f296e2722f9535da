"""Settings that are handed over as `*settings` and not read: an option by which a head is confined has no default."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, codes, linted

from vae_checked.reports import all_examined

NET = (
    HEAD
    + """

class Halves(nn.Module):
    def __init__(self, wide=33, {option}):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(84, 33), nn.ReLU())
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
        self.last = {last}

    def forward(self, x):
        h = self.trunk(x)
        return self.last(self.to_m(h)), self.to_s(h)


class Named(Halves):
    def __init__(self, *options, **more):
        super().__init__(*options, **more)


class Wide(Halves):
    def __init__(self, wide, *options):
        super().__init__(wide, *options)


class Maker:
    def __call__(self, *options):
        return Halves(*options)


def make(*options):
    return Halves(*options)


def wide(wide, *options):
    return Halves(wide, *options)


def made(cls, *options, **more):
    return cls(*options, **more)


class Net(nn.Module):
    def __init__(self, settings=(), more=None):
        super().__init__()
        self.encode, self.back = {made}, nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.encode(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s
"""
)
OPTIONS = {
    "a flag": ("bounded=True", "nn.ReLU() if bounded else nn.Identity()"),
    "a text": ('last="relu"', 'nn.ReLU() if last == "relu" else nn.Identity()'),
    "a layer": ("last=nn.ReLU()", "last"),
    "a class": ("last=nn.ReLU", "last()"),
}


def confined(folder: Path, option: str, made: str) -> bool | None:
    """Whether a head is said to be confined, None where that is open."""
    named, last = OPTIONS[option]
    # What it is made with is not known: nobody says that it is what is there by default.
    train = FIT.replace("loader", "loader, settings, more").replace("Net()", "Net(settings, more)")
    report = linted(folder, {"net.py": NET.format(option=named, last=last, made=made) + train})
    if codes(report):
        assert codes(report) == ["VAE204"]
        return True
    return False if any("VAE204" in each.clean for each in all_examined(report)) else None


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(
    "made",
    [
        "Halves(*settings)",
        "Halves(33, *settings)",
        "Halves(*settings, **more)",
        "Halves(*settings.sizes)",
        'Halves(*more["halves"])',
        "Halves(*list(settings))",
        "Halves(*map(int, settings))",
        "Halves(*[each for each in settings])",
        "Halves(*[33, *settings])",
        "Named(*settings)",
        "Named(33, *settings)",
        "Wide(*settings)",
        "Wide(33, *settings)",
        "(lambda *options: Halves(*options))(*settings)",
        "Maker()(*settings)",
        "make(*settings)",
        "make(33, *settings)",
        "wide(*settings)",
        "wide(33, *settings)",
        "made(Halves, *settings)",
        "made(make, *settings)",
    ],
)
def test_an_option_that_a_star_may_give_is_open(option: str, made: str, tmp_path: Path) -> None:
    assert confined(tmp_path, option, made) is None


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(
    "made",
    [
        *("Halves()", "Halves(33)", "Halves(*[33])", "Halves(*(33,))", "Named(33)", "Wide(33)"),
        *("(lambda *options: Halves(*options))(33)", "Maker()(33)", "make(*[33])", "wide(33)", "made(Halves, 33)"),
    ],
)
def test_a_default_that_nothing_replaces_is_named(option: str, made: str, tmp_path: Path) -> None:
    assert confined(tmp_path, option, made) is True


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("Halves(*settings, bounded=True)", True),
        ("Halves(*settings, bounded=False)", False),
        ("Halves(33, True, *settings)", True),
        ("Halves(33, False, *settings)", False),
        ("Halves(*[33, False])", False),
        ("Named(33, False)", False),
        ("Wide(33, False)", False),
        ("make(33, True, *settings)", True),
        ("make(33, False, *settings)", False),
        ("wide(33, False)", False),
        # It says itself by which setting the head is confined.
        ("Halves(33, settings[1])", True),
    ],
)
def test_an_option_that_is_written_is_read(made: str, expected: bool, tmp_path: Path) -> None:
    assert confined(tmp_path, "a flag", made) is expected
