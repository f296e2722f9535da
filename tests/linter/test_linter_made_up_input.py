"""An encoder that is tried out on input that was made up: how its heads are read there is asked all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, codes, linted

FIT = """

def fit():
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in DataLoader(Dataset(), batch_size=12):
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net
"""
NET = HEAD + LAYERS + LAYERS_FORWARD
FUNCTION = FIT + "\n\ndef around(net, x):\n    m, s = net.to_m(x), net.to_s(x)\n    return net.back({drawn})\n\n\n"
METHOD = (
    "\n    def around(self, x):\n        m, s = self.to_m(x), self.to_s(x)\n        return self.back({drawn})\n"
    + FIT
    + "\n\n"
)
IN_A_ROW = FIT + "\n\nnet = fit()\nx = {x}\nm, s = net.to_m(x), net.to_s(x)\ny = net.back({drawn})\n"
SCENES = {
    "a function": FUNCTION + "net = fit()\naround(net, {x})\n",
    "a function of the script": FUNCTION + 'if __name__ == "__main__":\n    net = fit()\n    around(net, {x})\n',
    "without a gradient": FUNCTION + "net = fit()\nwith torch.no_grad():\n    around(net, {x})\n",
    "another object": FUNCTION + "fit()\nother = Net()\nother.load_state_dict(torch.load('a'))\naround(other, {x})\n",
    "a method": METHOD + "net = fit()\nnet.around({x})\n",
    "lines of the script": IN_A_ROW,
}
MADE_UP = ("torch.rand(5, 84)", "torch.randn(5, 84).clamp(0, 1)")
WRONG = {
    "a log variance as a log std": "m + torch.exp(s) * torch.randn_like(m)",
    "a log variance as a std": "m + s * torch.randn_like(m)",
    "a distribution": "torch.distributions.Normal(m, torch.exp(s)).sample()",
}
RIGHT = {
    "as it is trained": "m + torch.exp(0.5 * s) * torch.randn_like(m)",
    "as it is trained by a root": "m + s.exp().sqrt() * torch.randn_like(m)",
    "a distribution": "torch.distributions.Normal(m, torch.exp(s / 2)).sample()",
    "the prior": "torch.randn(5, 7)",
    "the mean": "m",
}


def _written(scene: str, drawn: str, x: str = MADE_UP[0]) -> dict[str, str]:
    return {"net.py": NET + SCENES[scene].replace("{drawn}", drawn).replace("{x}", x)}


@pytest.mark.parametrize("x", MADE_UP)
@pytest.mark.parametrize("scene", SCENES)
def test_a_head_read_otherwise_on_made_up_input_is_named(scene: str, x: str, tmp_path: Path) -> None:
    report = linted(tmp_path, _written(scene, WRONG["a log variance as a log std"], x))
    assert codes(report) == ["VAE201"]
    assert "exp(s) as std" in report.findings[0].message


@pytest.mark.parametrize("drawn", WRONG.values(), ids=WRONG)
def test_whatever_else_is_made_of_the_head_there_is_named(drawn: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, _written("a function", drawn))) == ["VAE201"]


@pytest.mark.parametrize("drawn", RIGHT.values(), ids=RIGHT)
@pytest.mark.parametrize("scene", SCENES)
def test_a_head_read_as_it_is_trained_is_clean_on_made_up_input(scene: str, drawn: str, tmp_path: Path) -> None:
    report = linted(tmp_path, _written(scene, drawn))
    assert codes(report) == []
    assert any("VAE201" in each.clean for each in report.vaes)


@pytest.mark.parametrize("x", ["torch.rand(5, 84)", "torch.ones(5, 84)", "next(iter(DataLoader(Dataset())))"])
@pytest.mark.parametrize("scene", SCENES)
def test_a_draw_that_is_only_handed_out_is_asked_as_well(scene: str, x: str, tmp_path: Path) -> None:
    handed = _written(scene, "{drawn}", x)["net.py"].replace("net.back({drawn})", "{drawn}")
    handed = handed.replace("self.back({drawn})", "{drawn}")
    wrong, right = (
        handed.replace("{drawn}", made) for made in (next(iter(WRONG.values())), next(iter(RIGHT.values())))
    )
    assert codes(linted(tmp_path / "wrong", {"net.py": wrong})) == ["VAE201"]
    assert codes(linted(tmp_path / "right", {"net.py": right})) == []


@pytest.mark.parametrize("scale", ["spread(s, m)", "torch.exp(s).mul(spread)"])
@pytest.mark.parametrize("scene", ["a function", "another object", "lines of the script"])
def test_a_scale_that_is_not_read_there_leaves_the_reading_open(scene: str, scale: str, tmp_path: Path) -> None:
    report = linted(tmp_path, _written(scene, f"m + {scale} * torch.randn_like(m)"))
    assert codes(report) == []
    assert report.vaes
    assert not any("VAE201" in each.clean for each in report.vaes)


def test_a_mean_of_made_up_input_beside_other_noise_is_no_draw(tmp_path: Path) -> None:
    report = linted(tmp_path, _written("a function", "m + 0.2 * torch.randn_like(m)"))
    assert codes(report) == []
    assert any("VAE201" in each.clean for each in report.vaes)


TRIED = "\n\nother = Net()\n{filled}x = {x}\nm, s = other.to_m(x), other.to_s(x)\nshown = other.back({drawn})\n"
FILLED = {
    "a file": "other.load_state_dict(torch.load('a'))\n",
    "what was trained": "other.load_state_dict(fit().state_dict())\n",
    "by hand": "for own, new in zip(other.parameters(), fit().parameters()):\n    own.data.copy_(new.data)\n",
}


@pytest.mark.parametrize("x", [*MADE_UP, "next(iter(DataLoader(Dataset(), batch_size=4)))"])
@pytest.mark.parametrize("drawn", WRONG.values(), ids=WRONG)
def test_what_is_tried_out_on_a_new_object_reads_no_head_that_is_trained(drawn: str, x: str, tmp_path: Path) -> None:
    tried = TRIED.format(filled="", x=x, drawn=drawn)
    report = linted(tmp_path, {"net.py": NET + FIT + tried + "net = fit()\n"})
    assert codes(report) == []
    assert any("VAE201" in each.clean for each in report.vaes)


@pytest.mark.parametrize("filled", FILLED.values(), ids=FILLED)
def test_an_object_that_was_filled_reads_the_head_that_is_trained(filled: str, tmp_path: Path) -> None:
    tried = TRIED.format(filled=filled, x=MADE_UP[0], drawn=WRONG["a log variance as a std"])
    assert codes(linted(tmp_path, {"net.py": NET + FIT + tried + "net = fit()\n"})) == ["VAE201"]


LEARNED = (
    LAYERS
    + "        self.up_m, self.up_s = nn.Linear(5, 7), nn.Linear(5, 7)\n"
    + LAYERS_FORWARD
    + """
    def drawn(self, count):
        top = torch.randn(count, 5)
        m, t = self.up_m(top), self.up_s(top)
        return self.back(m + torch.exp(t) * torch.randn_like(m))
"""
)


def test_a_prior_that_is_learned_reads_heads_of_its_own(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": HEAD + LEARNED + FIT + "\n\nnet = fit()\nnet.drawn(3)\n"})
    assert codes(report) == []
    assert any("VAE201" in each.clean for each in report.vaes)
