"""Noise that is drawn once and kept, outside of the steps or at the first one: not called new at each step."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, KL, LAYERS, codes, joined, linted

NET = (
    HEAD
    + """import functools

{file}


class Drawn:
    def __init__(self, m, s):
        self.value = m + torch.exp(0.5 * s) * torch.randn_like(m)


"""
    + LAYERS
    + """
        {made}

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        {step}
        return self.back(z), m, s
"""
    + FIT
)
Z = "z = m + torch.exp(0.5 * s) * "
ASKING = "def noise(self, m):\n        {asked}\n        return self.eps"
NONE = "if self.eps is None:\n            self.eps = torch.randn_like(m)"
# What the file has, how the model is made, and one step.
KEPT = {
    "where the model is made": ("", "self.eps = torch.randn(32, 7)", f"{Z}self.eps"),
    "as a buffer": ("", 'self.register_buffer("eps", torch.randn(32, 7))', f"{Z}self.eps"),
    "by the file": ("EPS = torch.randn(32, 7)", "pass", f"{Z}EPS.to(m.device)"),
    "by another class": ("class Kept:\n    eps = torch.randn(32, 7)", "pass", f"{Z}Kept.eps"),
    "by a function that is cached": (
        "@functools.lru_cache(maxsize=3)\ndef noise(rows):\n    return torch.randn(rows, 7)",
        "pass",
        f"{Z}noise(len(x))",
    ),
    "by a property that is cached": (
        "",
        "pass\n\n    @functools.cached_property\n    def eps(self):\n        return torch.randn(32, 7)",
        f"{Z}self.eps",
    ),
    "as a default": ("def noise(eps=torch.randn(32, 7)):\n    return eps", "pass", f"{Z}noise()"),
    "at the first step": ("", "self.eps = None", f"{NONE}\n        {Z}self.eps"),
    "at the first step, by a method": (
        "",
        f"self.eps = None\n\n    {ASKING.format(asked=NONE)}",
        f"{Z}self.noise(m)",
    ),
    "by what the first step calls": (
        "",
        "self.eps = None\n\n    def start(self, m):\n        self.eps = torch.randn_like(m)",
        f"if self.eps is None:\n            self.start(m)\n        {Z}self.eps",
    ),
    "where there is none": (
        "",
        "pass",
        f'if not hasattr(self, "eps"):\n            self.eps = torch.randn_like(m)\n        {Z}self.eps',
    ),
    "where there is none, by its name": (
        "",
        "self.eps = None",
        f'if self.eps is None:\n            setattr(self, "eps", torch.randn_like(m))\n        {Z}self.eps',
    ),
    "as a buffer where there is none": (
        "",
        "pass",
        (
            'if not hasattr(self, "eps"):\n            self.register_buffer("eps", torch.randn_like(m))\n'
            f"        {Z}self.eps"
        ),
    ),
    "by another name first": (
        "",
        "self.eps = None",
        f"if self.eps is None:\n            eps = torch.randn_like(m)\n            self.eps = eps\n        {Z}self.eps",
    ),
    "by two names": (
        "",
        "self.eps = None",
        f"eps = self.eps\n        if eps is None:\n            self.eps = eps = torch.randn_like(m)\n        {Z}eps",
    ),
    "by a flag": (
        "",
        "self.first = True",
        (
            "if self.first:\n            self.eps = torch.randn_like(m)\n            self.first = False\n"
            f"        {Z}self.eps"
        ),
    ),
    "every hundredth step": (
        "",
        "self.count = 0",
        (
            "if self.count % 100 == 0:\n            self.eps = torch.randn_like(m)\n        self.count += 1\n"
            f"        {Z}self.eps"
        ),
    ),
    "in a table": (
        "",
        "self.kept = {}",
        f'if "eps" not in self.kept:\n            self.kept["eps"] = torch.randn_like(m)\n        {Z}self.kept["eps"]',
    ),
    "in a table, for each shape": (
        "",
        "self.kept = {}",
        (
            "if m.shape not in self.kept:\n            self.kept[m.shape] = torch.randn_like(m)\n"
            f"        {Z}self.kept[m.shape]"
        ),
    ),
    "as the default of a table": ("", "self.kept = {}", f'{Z}self.kept.setdefault("eps", torch.randn_like(m))'),
    "in a table of the file": ("KEPT = {}", "pass", f'{Z}KEPT.setdefault("eps", torch.randn_like(m))'),
    "by a choice": (
        "",
        "self.eps = None",
        f"self.eps = torch.randn_like(m) if self.eps is None else self.eps\n        {Z}self.eps",
    ),
    "by an or": ("", "self.eps = None", f"self.eps = self.eps or torch.randn_like(m)\n        {Z}self.eps"),
    "by a name of the file": (
        "EPS = None",
        "pass",
        f"global EPS\n        if EPS is None:\n            EPS = torch.randn_like(m)\n        {Z}EPS",
    ),
}
NEW = {
    "at each step": ("", "pass", f"{Z}torch.randn_like(m)"),
    "kept at each step": ("", "self.eps = None", f"self.eps = torch.randn_like(m)\n        {Z}self.eps"),
    "by an object of each step": ("", "pass", "z = Drawn(m, s).value"),
    "by a function of the file": ("def noise(rows):\n    return torch.randn(rows, 7)", "pass", f"{Z}noise(len(x))"),
    "beside a number of the file": ("EPS = 1e-6", "pass", f"{Z}torch.randn_like(m) + EPS"),
    "where an option asks for it": (
        "",
        "self.wide = True",
        f"eps = torch.randn_like(m)\n        if self.wide:\n            eps = torch.randn_like(m)\n        {Z}eps",
    ),
    "kept in training": (
        "",
        "pass",
        (
            "if self.training:\n            self.eps = torch.randn_like(m)\n        else:\n"
            f"            self.eps = torch.zeros_like(m)\n        {Z}self.eps"
        ),
    ),
    "kept where it is used": (
        "",
        "self.wide = True",
        (
            f"if self.wide:\n            self.eps = torch.randn_like(m)\n            {Z}self.eps\n"
            "        else:\n            z = m"
        ),
    ),
}
# Noise that a loop of training draws, or that is drawn before it.
TRAINING = (
    HEAD
    + LAYERS
    + """
    def forward(self, x, eps):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp(0.5 * s) * eps), m, s


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    {before}
    for epoch in range(3):
        {each_epoch}
        for x in loader:
            {each_step}
            y, m, s = net(x, eps)
            loss = (F.mse_loss(y, x, reduction="none").sum(1) + KL).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
""".replace("KL", KL)
)
PLACES = ("before", "each_epoch", "each_step")
# The same in one function, or in none.
IN_LINE = """
{before}
for x in DataLoader(torchvision.datasets.MNIST("pictures")):
    {each_step}
    m, s = net.to_m(x), net.to_s(x)
    y = net.back(m + torch.exp(0.5 * s) * eps)
    loss = (F.mse_loss(y, x, reduction="none").sum(1) + KL).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""".replace("KL", KL)
MADE = "net = Net()\noptimizer = torch.optim.Adam(net.parameters())"


@pytest.mark.parametrize(("file", "made", "step"), KEPT.values(), ids=KEPT)
def test_noise_that_is_kept_is_not_called_new(file: str, made: str, step: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(file=file, made=made, step=step)})
    assert codes(report) == []
    assert joined(report)
    assert not any("VAE207" in vae.clean for vae in report.vaes)


def test_rows_of_noise_that_is_kept_are_in_no_draw_that_is_read(tmp_path: Path) -> None:
    """Nothing is said of the draw then, of its noise least of all."""
    made, step = "self.eps = torch.randn(999, 7)", f"{Z}self.eps[: len(m)]"
    report = linted(tmp_path, {"net.py": NET.format(file="", made=made, step=step)})
    assert codes(report) == []
    assert all(facts.sampler.std is None for facts in report.facts)
    assert not any({"VAE201", "VAE203", "VAE207"} & set(vae.clean) for vae in report.vaes)


@pytest.mark.parametrize(("file", "made", "step"), NEW.values(), ids=NEW)
def test_noise_that_is_drawn_at_each_step_is_clean(file: str, made: str, step: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(file=file, made=made, step=step)})
    assert codes(report) == []
    assert any("VAE207" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize("drawn", PLACES)
def test_noise_of_a_loop_that_trains_is_new_in_each_step_alone(drawn: str, tmp_path: Path) -> None:
    places = {place: "eps = torch.randn(32, 7)" if place == drawn else "pass" for place in PLACES}
    report = linted(tmp_path, {"net.py": TRAINING.format(**places)})
    assert codes(report) == []
    assert joined(report)
    assert any("VAE207" in vae.clean for vae in report.vaes) is (drawn == "each_step")


@pytest.mark.parametrize("drawn", ["before", "each_step"])
@pytest.mark.parametrize("around", ["", "def fit():"], ids=["a file", "a function"])
def test_noise_before_a_loop_is_no_new_noise_in_it(around: str, drawn: str, tmp_path: Path) -> None:
    eps = {place: "eps = torch.randn(32, 7)" if place == drawn else "pass" for place in ("before", "each_step")}
    lines = (MADE + IN_LINE.format(**eps)).splitlines(keepends=True)
    script = "".join(("    " if around else "") + line for line in lines)
    report = linted(tmp_path, {"net.py": f"{HEAD}{LAYERS}\n\n{around}\n{script}"})
    assert codes(report) == []
    assert joined(report)
    assert any("VAE207" in vae.clean for vae in report.vaes) is (drawn == "each_step")


def test_steps_of_a_game_are_none_of_training(tmp_path: Path) -> None:
    places = {**dict.fromkeys(PLACES, "pass"), "each_step": "eps = torch.randn(32, 7)"}
    game = "for turn in range(9):\n                game.step(turn)\n            "
    text = TRAINING.format(**places).replace("y, m, s = net(x, eps)", f"{game}y, m, s = net(x, eps)")
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert any("VAE207" in vae.clean for vae in report.vaes)


HANDED = {
    "of the model": f"{Z}self.eps",
    "of the data": f"{Z}x.eps",
    "tried": f"try:\n            eps = self.eps\n        except AttributeError:\n            eps = s\n        {Z}eps",
}


@pytest.mark.parametrize("step", HANDED.values(), ids=HANDED)
def test_std_times_what_an_attribute_holds_is_open(step: str, tmp_path: Path) -> None:
    """It may hold noise, which others have put there."""
    report = linted(tmp_path, {"net.py": NET.format(file="", made="pass", step=step)})
    assert codes(report) == []
    assert not any("VAE207" in vae.clean for vae in report.vaes)


def test_std_by_itself_is_no_draw(tmp_path: Path) -> None:
    text = NET.format(file="", made="pass", step="z = m + torch.exp(0.5 * s)")
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE207"]
