"""Gradients that `set_grad_enabled` switches off: around a block, of a function, or from a statement on."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, codes, linted

NET = (
    HEAD
    + """from contextlib import ExitStack, contextmanager, nullcontext

{file}


@contextmanager
def frozen():
    with torch.no_grad():
        yield


@contextmanager
def frozen_by_hand():
    torch.set_grad_enabled(False)
    yield
    torch.set_grad_enabled(True)


@contextmanager
def counted():
    with torch.no_grad():
        torch.ones(3).sum()
    yield


class Frozen:
    def __enter__(self):
        torch.set_grad_enabled(False)

    def __exit__(self, *given):
        torch.set_grad_enabled(True)


def freeze():
    torch.set_grad_enabled(False)


"""
    + LAYERS
    + """
        self.kept = False

    {decorated}
    def draw(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(m)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        {drawn}
        return self.back(z), m, s
"""
    + FIT
)
DRAWN = "z = self.draw(m, s)"
INSIDE = f"\n            {DRAWN}"
SHOWN = "\n            shown = m.exp()"
OFF = {
    "around a block": f"with torch.set_grad_enabled(False):{INSIDE}",
    "by its name": f"with torch.autograd.set_grad_enabled(mode=False):{INSIDE}",
    "beside another": f"with torch.set_grad_enabled(False), open(self.log):{INSIDE}",
    "by a name for it": f"off = torch.set_grad_enabled(False)\n        with off:{INSIDE}",
    "by an attribute": f"with torch.set_grad_enabled(self.kept):{INSIDE}",
    "in training": f"with torch.set_grad_enabled(not self.training):{INSIDE}",
    "by a mode that is on": f"with torch.inference_mode(True):{INSIDE}",
    "by a mode that is on in training": f"with torch.inference_mode(self.training):{INSIDE}",
    "by a choice": f"with torch.no_grad() if self.training else nullcontext():{INSIDE}",
    "by a name for a choice": f"way = torch.no_grad() if self.training else nullcontext()\n        with way:{INSIDE}",
    "by a context of the project": f"with frozen():{INSIDE}",
    "by a context that sets it": f"with frozen_by_hand():{INSIDE}",
    "by a class of the project": f"with Frozen():{INSIDE}",
    "by a stack of contexts": (
        f"with ExitStack() as around:\n            around.enter_context(torch.no_grad()){INSIDE}"
    ),
    "by a stack that is closed": (
        f"around = ExitStack()\n        around.enter_context(torch.no_grad())\n        {DRAWN}\n        around.close()"
    ),
    "entered and left": (
        f"guard = torch.no_grad()\n        guard.__enter__()\n        {DRAWN}\n        guard.__exit__(None, None, None)"
    ),
    "around what has it again": (
        f"with torch.no_grad():\n            with torch.enable_grad():\n                shown = m.exp(){INSIDE}"
    ),
    "from a statement on": f"torch.set_grad_enabled(False)\n        {DRAWN}\n        torch.set_grad_enabled(True)",
    "kept under a name": (
        f"before = torch.set_grad_enabled(False)\n        {DRAWN}\n        torch.set_grad_enabled(True)"
    ),
    "as torch does it": f"torch._C._set_grad_enabled(False)\n        {DRAWN}\n        torch.set_grad_enabled(True)",
    "by a function of the project": f"freeze()\n        {DRAWN}\n        torch.set_grad_enabled(True)",
    "until it is as before": (
        "before = torch.is_grad_enabled()\n        torch.set_grad_enabled(False)\n"
        f"        {DRAWN}\n        torch.set_grad_enabled(before)"
    ),
}
ON = {
    "on": f"with torch.set_grad_enabled(True):{INSIDE}",
    "on in training": f"with torch.set_grad_enabled(self.training):{INSIDE}",
    "by a mode that is off": f"with torch.inference_mode(False):{INSIDE}",
    "by a mode that is off, by its name": f"with torch.inference_mode(mode=False):{INSIDE}",
    "by a mode that is off in training": f"with torch.inference_mode(not self.training):{INSIDE}",
    "by a choice": f"with nullcontext() if self.training else torch.no_grad():{INSIDE}",
    "by a context that counts": f"with counted():{INSIDE}",
    "behind a named switch": f"off = torch.set_grad_enabled(False)\n        with off:{SHOWN}\n        {DRAWN}",
    "behind a stack of contexts": (
        f"with ExitStack() as around:\n            around.enter_context(torch.no_grad()){SHOWN}\n        {DRAWN}"
    ),
    "behind what was left": (
        f"guard = torch.no_grad()\n        guard.__enter__()\n        guard.__exit__(None, None, None)\n        {DRAWN}"
    ),
    "on again inside": f"with torch.no_grad():\n            with torch.enable_grad():\n                {DRAWN}",
    "on from a statement on": f"torch.set_grad_enabled(True)\n        {DRAWN}",
    "off before": f"torch.set_grad_enabled(False)\n        torch.set_grad_enabled(True)\n        {DRAWN}",
    "off outside of training": f"{DRAWN}\n        if not self.training:\n            torch.set_grad_enabled(False)",
}
# What is never switched on again leaves a whole step without its gradient.
LEFT_OFF = {
    "kept under a name": f"before = torch.set_grad_enabled(False)\n        {DRAWN}",
    "kept under a name with its type": f"before: object = torch.set_grad_enabled(False)\n        {DRAWN}",
    "kept as an attribute": f"self.before = torch.set_grad_enabled(False)\n        {DRAWN}",
    "entered": f"guard = torch.no_grad()\n        guard.__enter__()\n        {DRAWN}",
    "entered at once": f"torch.no_grad().__enter__()\n        {DRAWN}",
    "by a function of the project": f"freeze()\n        {DRAWN}",
}
BY_FILES = {
    "off": ("torch.set_grad_enabled(False)", False),
    "off, then on": ("torch.set_grad_enabled(False)\ntorch.set_grad_enabled(True)", True),
    "off by a context": ("torch.no_grad().__enter__()", False),
    "off by a context with a name": ("guard = torch.no_grad()\nguard.__enter__()", False),
    "on": ("torch.set_grad_enabled(True)", True),
    "off in a function": ("def show():\n    torch.set_grad_enabled(False)\n    return Net()", True),
}


@pytest.mark.parametrize("drawn", OFF.values(), ids=OFF)
def test_a_draw_without_its_gradient_is_named(drawn: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NET.format(file="", decorated="", drawn=drawn)})) == ["VAE206"]


@pytest.mark.parametrize("drawn", ON.values(), ids=ON)
def test_a_draw_with_its_gradient_is_clean(drawn: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(file="", decorated="", drawn=drawn)})
    assert codes(report) == []
    assert any("VAE206" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize(("mode", "found"), [("False", ["VAE206"]), ("mode=False", ["VAE206"]), ("True", [])])
def test_a_function_by_which_gradients_are_switched_off(mode: str, found: list[str], tmp_path: Path) -> None:
    text = NET.format(file="", decorated=f"@torch.set_grad_enabled({mode})", drawn=DRAWN)
    assert codes(linted(tmp_path, {"net.py": text})) == found


@pytest.mark.parametrize(("mode", "found"), [("False", []), ("mode=False", []), ("True", ["VAE206"]), ("", ["VAE206"])])
def test_a_function_by_whose_mode_gradients_are_off(mode: str, found: list[str], tmp_path: Path) -> None:
    text = NET.format(file="", decorated=f"@torch.inference_mode({mode})", drawn=DRAWN)
    assert codes(linted(tmp_path, {"net.py": text})) == found


@pytest.mark.parametrize("drawn", LEFT_OFF.values(), ids=LEFT_OFF)
def test_a_step_that_leaves_gradients_off_is_open(drawn: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(file="", decorated="", drawn=drawn)})
    assert codes(report) == []
    assert not any({"VAE206", "VAE305", "VAE601"} & set(vae.clean) for vae in report.vaes)


@pytest.mark.parametrize(("file", "is_clean"), BY_FILES.values(), ids=BY_FILES)
def test_a_file_that_leaves_gradients_off_is_open(file: str, is_clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET.format(file=file, decorated="", drawn=DRAWN)})
    assert codes(report) == []
    for code in ("VAE206", "VAE305", "VAE601"):
        assert any(code in vae.clean for vae in report.vaes) is is_clean


def test_a_function_may_switch_on_what_its_file_leaves_off(tmp_path: Path) -> None:
    text = NET.format(file="torch.set_grad_enabled(False)", decorated="", drawn=DRAWN)
    on = text.replace("    net = Net()", "    torch.set_grad_enabled(True)\n    net = Net()")
    report = linted(tmp_path, {"net.py": on})
    assert codes(report) == []
    assert any("VAE206" in vae.clean for vae in report.vaes)
