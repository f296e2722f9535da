"""Hooks around the forward pass of a module: what they return takes the place of what it is given, or gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, LAYERS_FORWARD, codes, linted

NET = (
    HEAD
    + """import types


def cut(module, given, output):
    return torch.relu(output)


def cut_given(module, given):
    return (torch.relu(given[0]),)


def seen(module, given, output):
    def shown():
        return output.shape

    print(shown())


def nothing(module, given, output):
    seen(module, given, output)
    return None


class Looked:
    def __init__(self, layer):
        self.found = []
        layer.register_forward_hook(self.cut)

    def cut(self, module, given, output):
        return torch.relu(output)


"""
    + LAYERS
    + """
        {made}

    def cut(self, module, given, output):
        return torch.relu(output)

    def note(self, module, given, output):
        self.seen = output
"""
    + LAYERS_FORWARD
    + FIT
)
HEADED = "self.to_m = nn.Sequential(nn.Linear(84, 13), nn.Linear(13, 7))\n        "
CUT = {
    "a function": "self.to_m.register_forward_hook(cut)",
    "a lambda": "self.to_m.register_forward_hook(lambda module, given, output: torch.relu(output))",
    "a method": "self.to_m.register_forward_hook(self.cut)",
    "by its name": "self.to_m.register_forward_hook(hook=cut)",
    "of both heads": "for layer in (self.to_m, self.to_s):\n            layer.register_forward_hook(cut)",
    "of a container": f"{HEADED}self.to_m.register_forward_hook(cut)",
    "of the last layer": f"{HEADED}self.to_m[1].register_forward_hook(cut)",
    "before an activation": f"{HEADED}self.to_m.append(nn.ReLU())\n        self.to_m[2].register_forward_hook(cut)",
    "another forward pass": "self.to_m.forward = lambda x: torch.relu(x)",
}
KEPT = {
    "none": "pass",
    "what only looks": "self.to_m.register_forward_hook(seen)",
    "a method that keeps": "self.to_m.register_forward_hook(self.note)",
    "a lambda that keeps": (
        "self.kept = []\n"
        "        self.to_m.register_forward_hook(lambda module, given, output: self.kept.append(output))"
    ),
    "of the first layer": f"{HEADED}self.to_m[0].register_forward_hook(cut)",
    "in front of a head": "self.to_m.register_forward_pre_hook(cut_given)",
    "in front of the decoder": "self.back.register_forward_pre_hook(cut_given)",
    "behind the decoder": "self.back.register_forward_hook(cut)",
    "what returns nothing": "self.to_m.register_forward_hook(nothing)",
    "what is None": "self.to_m.register_forward_hook(lambda module, given, output: None)",
    "of gradients": "self.to_m.register_full_backward_hook(cut)",
}
UNREAD = {
    "of another library": "self.to_m.register_forward_hook(torchvision.ops.hook)",
    "of what a setting names": "self.to_m.register_forward_hook(np.settings.hook)",
    "of all modules": "torch.nn.modules.module.register_module_forward_hook(cut)",
    "of each module": "self.apply(lambda layer: layer.register_forward_hook(cut))",
    "a bound forward pass": "self.to_m.forward = types.MethodType(cut, self.to_m)",
}


@pytest.mark.parametrize("made", CUT.values(), ids=CUT)
def test_a_head_that_a_hook_cuts_is_named(made: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(made=made)})) == ["VAE204"]


def test_a_hook_that_is_put_around_a_head_later_is_run(tmp_path: Path) -> None:
    later = "    net = Net()\n    net.to_m.register_forward_hook(cut)\n"
    text = NET.format(made="pass").replace("    net = Net()\n", later)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE204"]


@pytest.mark.parametrize("made", KEPT.values(), ids=KEPT)
def test_a_head_that_no_hook_changes_is_clean(made: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(made=made)})
    assert codes(report) == []
    assert any("VAE204" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize("made", UNREAD.values(), ids=UNREAD)
def test_a_head_behind_a_hook_that_is_not_read_is_open(made: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(made=made)})
    assert codes(report) == []
    assert not any("VAE204" in vae.clean for vae in report.vaes)


def test_other_codes_see_what_a_hook_returns(tmp_path: Path) -> None:
    cut = NET.format(made="self.to_m.register_forward_hook(lambda module, given, output: output.detach())")
    assert codes(linted(tmp_path / "cut", {"net.py": cut})) == ["VAE206", "VAE601"]
    squashed = NET.format(made="self.back.register_forward_hook(lambda module, given, output: output.sigmoid())")
    logits = squashed.replace("F.mse_loss(y, x", "F.binary_cross_entropy_with_logits(y, x")
    assert codes(linted(tmp_path / "logits", {"net.py": logits})) == ["VAE401"]
