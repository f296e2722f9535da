"""`shapes annotate`: what is written holds on the model that was probed, and nothing but annotations changes."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from small_vaes.any_size import SOURCE
from torch import nn

from vae_checked.errors import ContractError, UsageError
from vae_checked.shapes import annotate, infer
from vae_checked.shapes.annotation import Annotated
from vae_checked.shapes.configurations import configurations
from vae_checked.shapes.formula import symbols_in
from vae_checked.shapes.naming import Naming

HEAD = "import torch\nfrom torch import nn\n\n\n"

# A model, the specification of its inputs, and shapes of inputs to call it with: module, spec, calls.
PARTS = (
    HEAD
    + """class Encoder(nn.Module):
    def __init__(self, latents):
        super().__init__()
        self.latents = latents
        self.conv = nn.Conv2d(3, 7, 3)
        self.heads = nn.Conv2d(7, 2 * latents, 1)

    def forward(self, x):
        return self.heads(self.conv(x)).chunk(2, 1)


class Decoder(nn.Module):
    def __init__(self, latents):
        super().__init__()
        self.up = nn.ConvTranspose2d(latents, 3, 4, 2)

    def forward(self, z):
        return self.up(z)


class VAE(nn.Module):
    def __init__(self, latents=5):
        super().__init__()
        self.encoder, self.decoder = Encoder(latents), Decoder(latents)

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * (0.5 * logvar).exp()

    def forward(self, x):
        mu, logvar = self.encoder(x)
        return self.decoder(self.reparameterize(mu, logvar)), mu, logvar
"""
)
SEVERAL_CALLS = (
    HEAD
    + """class Head(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.mu, self.logvar = nn.Linear(11, size), nn.Linear(11, size)

    def forward(self, h):
        return self.mu(h), self.logvar(h)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared, self.first, self.second = nn.Linear(9, 11), Head(4), Head(6)
        self.out = nn.Linear(10, 9)

    def draw(self, mu, logvar=None):
        return mu if logvar is None else mu + torch.randn_like(mu) * (0.5 * logvar).exp()

    def pool(self, h):
        return h.mean(-1)

    def shift(self, h, by):
        return h + by

    def forward(self, x):
        h = self.shared(x)
        h = self.shift(self.shift(h, 0.5), h)
        a, b = self.draw(*self.first(h)), self.draw(*self.second(h))
        level = self.pool(h) + self.pool(h[:, None]).squeeze(1)
        return self.out(torch.cat([a, self.draw(b)], 1)) + level[:, None]
"""
)
ARGUMENTS = (
    HEAD
    + """class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(2, 6, 4, 2, 1), nn.ConvTranspose2d(3, 2, 4, 2, 1)

    def encode(self, *inputs, scale=1.0):
        def heads(h):
            return h.chunk(2, 1)

        return heads(self.down(inputs[0] * scale))

    def decode(self, skip=None, *, z, **more):
        x_hat = self.up(z + more["offset"])
        return x_hat if skip is None else x_hat[:, :, : skip.shape[2], : skip.shape[3]]

    def loss(self, mu, logvar):
        return (mu**2 + logvar.exp() - 1 - logvar).sum(), "named"

    def forward(self, x):
        mu, logvar = self.encode(x, scale=2.0)
        self.loss(mu, logvar)
        return [self.decode(x, offset=torch.zeros_like(mu), z=mu), mu]
"""
)
DECORATED = '''"""The docstring."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Optional

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


def noted(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


def same(kind):
    return kind
@same
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(8, 6), nn.Linear(3, 8)

    @noted
    @torch.no_grad()
    def encode(self, x: Tensor, y: Optional[Tensor] = (None)) -> tuple[Tensor, Tensor]:
        return self.down(x).chunk(2, -1)

    @staticmethod
    def draw(mu, logvar): return mu + torch.randn_like(mu) * (0.5 * logvar).exp()

    def decode(self, z): return self.up(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.draw(mu, logvar)), mu, logvar

import math
'''
TABS = (
    "import torch; from torch import nn\nclass Outer:\n\tclass VAE(nn.Module):\n\t\tdef __init__(self):\n"
    '\t\t\tsuper().__init__()\n\t\t\tself.up = nn.Linear(4, 4)  # \x0c "\u2028"\n\n'
    "\t\tdef encode(\n\t\t\tself,\n\t\t\tx,  # é, (the picture\n\t\t\t*,\n"
    "\t\t\tscale=(1.0),\n\t\t\tmask   =   None,\n\t\t):\n"
    "\t\t\treturn self.up(x * scale)\n\n\t\tdef decode(self, z, \\\n\t\t\t):\n\t\t\treturn self.up(z)\n\n"
    "\t\tdef forward(self, x):\n\t\t\treturn self.decode(self.encode(x, mask=x > 0))\n\nVAE = Outer.VAE\n"
)
CASES: dict[str, tuple[str, str, tuple[tuple[int, ...], ...]]] = {
    "parts": (PARTS, "B 3 H W", ((2, 3, 9, 14), (1, 3, 31, 8))),
    "several calls": (SEVERAL_CALLS, "B 9", ((3, 9), (7, 9))),
    "arguments": (ARGUMENTS, "B 2 H W", ((3, 2, 8, 13), (2, 2, 21, 4))),
    "decorated": (DECORATED, "B 8", ((2, 8), (5, 8))),
    "tabs": (TABS, "B T 4", ((2, 3, 4), (6, 5, 4))),
}


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], nn.Module]]:
    """The VAE of a module of these bytes, imported anew."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    path = tmp_path / "annotated_subject.py"

    def loaded(data: bytes) -> nn.Module:
        path.write_bytes(data)
        sys.modules.pop(path.stem, None)
        importlib.invalidate_caches()
        model: nn.Module = importlib.import_module(path.stem).VAE()
        return model

    yield loaded
    sys.modules.pop(path.stem, None)


def with_others(model: nn.Module, spec: str, **options: Any) -> Annotated:
    """The annotations of a model that takes nothing it could not be built without, other configurations regarded."""
    others = configurations(type(model), spec, infer)
    return annotate(model, infer(model, spec), others=others, **options)


def annotated(model: nn.Module, spec: str, **options: Any) -> tuple[str, tuple[str, ...]]:
    """The annotated source, and the notes."""
    result = with_others(model, spec, **options)
    (text,) = result.files.values()
    return text, result.notes


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("case", CASES)
def test_what_is_written_holds_on_the_same_model(load: Any, case: str, ends: str) -> None:
    source, spec, calls = CASES[case]
    data = source.replace("\n", ends).encode()
    model = load(data)
    text, _ = annotated(model, spec, checked=True)
    kept = iter(text)
    # Every character of the source that is no annotation is there, in its order.
    bare = source.replace(": Tensor", "").replace(": Optional[Tensor]", "").replace("tuple[Tensor, Tensor]", "")
    assert all(character in kept for character in bare.replace("\n", ends))
    assert text.count("\n") == text.count(ends)
    model = load(text.encode())
    for sizes in calls:
        model(torch.rand(sizes))
    with pytest.raises(ContractError, match="the contract says"):
        model(torch.rand(*calls[0][:-1], calls[0][-1], 1))
    again, _ = annotated(model, spec, checked=True)
    assert again == text


@pytest.mark.parametrize(
    ("head", "encoding"),
    [("# -*- coding: latin-1 -*-\n", "latin-1"), ("", "utf-8-sig"), ("#!/usr/bin/python\n", "utf-8")],
)
def test_a_file_keeps_its_encoding_and_what_stands_at_its_head(load: Any, head: str, encoding: str) -> None:
    model = load((head + ARGUMENTS.replace("heads(h):", "heads(h):  # é")).encode(encoding))
    path = Path(sys.modules["annotated_subject"].__file__ or "")
    annotate(model, infer(model, "B 2 H W")).write()
    data = path.read_bytes()
    assert data.startswith((head + "import torch").encode(encoding))
    assert "heads(h):  # é\n" in data.decode(encoding)
    assert 'x: Float[Tensor, "B 2 H W"]' in data.decode(encoding)
    assert load(data)(torch.rand(2, 2, 8, 6))[1].shape == (2, 3, 4, 3)


def test_each_stage_is_annotated_with_what_holds_in_every_call(load: Any) -> None:
    said: dict[str, tuple[str, ...]] = {}
    notes: dict[str, tuple[str, ...]] = {}
    for case, (source, spec, _) in CASES.items():
        model = load(source.encode())
        result = with_others(model, spec)
        said[case], notes[case] = result.signatures, result.notes
    head = 'Float[Tensor, "B n"]'
    half = 'Float[Tensor, "B {self.latents} H-2 W-2"]'
    assert said["parts"][2:] == (
        f'def Encoder.forward(self, x: Float[Tensor, "B 3 H W"]) -> tuple[{half}, {half}]: ...',
        # A kernel of 4 and a stride of 2 make 2*h + 2 of h, which is 2*(H - 2) + 2 of H; no attribute has the latents.
        'def Decoder.forward(self, z: Float[Tensor, "B n h w"]) -> Float[Tensor, "B 3 2*h+2 2*w+2"]: ...',
    )
    assert notes["parts"] == ()
    assert said["several calls"][1:] == (
        'def shift(self, h: Float[Tensor, "B 11"], by) -> Float[Tensor, "B 11"]: ...',
        f'def draw(self, mu: {head}, logvar: Float[Tensor, "B n2"] | None=None) -> {head}: ...',
        'def pool(self, h: Float[Tensor, "..."]) -> Float[Tensor, "..."]: ...',
        f'def Head.forward(self, h: Float[Tensor, "B 11"]) -> tuple[{head}, {head}]: ...',
    )
    assert notes["several calls"] == ("shift: by is not a tensor in every call: left as it is",)
    assert notes["arguments"] == (
        "forward: it returns a list: left as it is",
        "encode: *args: left as it is",
        "loss: it returns a tuple of more than tensors: left as it is",
        "decode: **kwargs has offset: left as it is",
    )


HEADS = "return self.to_mu(h), self.to_logvar(h)"
WRONG = {
    (".sum(dim=(1, 2, 3))", ".sum(dim=(0, 2, 3))"): r"VAE\.kl\(\) result: axis 0 \(B\) is 6, mu has B = 2",
    (".sum(dim=(1, 2, 3))", ".sum()"): r"VAE\.kl\(\) result: 0 axes \(\), the contract says 1: B",
    (".sum(dim=(1, 2, 3))", ".sum(dim=(1, 2, 3), keepdim=True)"): r"VAE\.kl\(\) result: 4 axes \(2, 1, 1, 1\)",
    (HEADS, HEADS.replace("(h),", "(h)[0],")): r"VAE\.encode\(\) result\[0\]: 3 axes \(6, 6, 9\)",
    (HEADS, HEADS + ".mean(1, keepdim=True)"): r"VAE\.encode\(\) result\[1\]: axis 1 \(n\) is 1, result\[0\] has n = 6",
    (
        HEADS,
        HEADS.replace("(h),", "(h).mT,"),
    ): r"VAE\.encode\(\) result\[0\]: axis 2 is 9, the contract says \(H\+3\)//4 = 6",
    ("self.decoder(self.widen(z))", "self.decoder(self.widen(z)).mT"): r"VAE\.decode\(\) result: axis 2 is 36",
    ("return x_hat, mu", "return z, mu"): r"VAE\.forward\(\) result\[0\]: axis 1 is 6, the contract says 3",
}


def test_what_was_written_refuses_wrong_shapes_by_their_stage(load: Any) -> None:
    model = load(SOURCE.encode())
    text, _ = annotated(model, "B 3 H W", checked=True)
    for (old, new), said in WRONG.items():
        assert text.count(old) == 1
        wrong = load(text.replace(old, new).encode())
        with pytest.raises(ContractError, match=said):
            wrong(torch.rand(2, 3, 24, 36))


def test_a_part_that_is_used_elsewhere_too_is_left(load: Any) -> None:
    block = "class Block(nn.Module):\n    def __init__(self, size, inner=None):\n        super().__init__()\n"
    block += "        self.line, self.inner = nn.Linear(size, size), inner or nn.Identity()\n\n"
    block += "    def forward(self, x):\n        return self.line(self.inner(x))\n\n\n"
    vae = "class VAE(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    vae += "        self.body = Block(4, nn.Sequential(Block(4)))\n\n"
    vae += "    def forward(self, x):\n        return self.body(x)\n"
    model = load((HEAD + block + vae).encode())
    result = annotate(model, infer(model, "B 4"))
    assert [each.partition("(")[0] for each in result.signatures] == ["def forward"]
    assert result.notes == ("Block is used inside of other parts as well: left as it is",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("def decode(self, z)", "def decode(self, z: (torch.Tensor))"), "annotations cannot be put in"),
        (("from torch import nn", "from torch import nn\nTensor = torch.FloatTensor"), "Tensor is not that of torch"),
    ],
)
def test_what_cannot_be_written_safely_is_refused(load: Any, change: tuple[str, str], said: str) -> None:
    source = DECORATED.replace(*change)
    assert source != DECORATED
    model = load(source.encode())
    result = annotate(model, infer(model, "B 8"))
    with pytest.raises(UsageError, match=said):
        result.write()
    assert Path(sys.modules["annotated_subject"].__file__ or "").read_text(encoding="utf-8") == source


@pytest.mark.parametrize("linked", [False, True])
def test_an_installed_package_is_not_written_to(linked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pythae.models import VAE, VAEConfig

    if linked:  # an environment that is reached by a link
        (tmp_path / "packages").symlink_to(sysconfig.get_path("purelib"))
        monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "packages"))

    model = VAE(VAEConfig(input_dim=(1, 6, 8), latent_dim=5))
    result = annotate(model, infer(model, "B 1 6 8"))
    assert any(each.startswith("def loss_function(self, recon_x: Float[") for each in result.signatures)
    with pytest.raises(UsageError, match="is part of an installed package: annotate a copy"):
        result.write()


def test_a_class_without_a_file_is_refused() -> None:
    names: dict[str, Any] = {}
    exec(PARTS, names)  # noqa: S102  the test's own text
    with pytest.raises(UsageError, match="the source of VAE cannot be read: annotate needs a file"):
        annotate(names["VAE"](), infer(names["VAE"](), "B 3 H W"))


def test_a_link_to_the_source_stays_a_link(load: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere" / "real.py"
    real.write_text(PARTS, encoding="utf-8")
    link = tmp_path / "annotated_subject.py"
    link.symlink_to(real)
    model = load(PARTS.encode())
    with_others(model, "B 3 H W").write()
    assert link.is_symlink()
    assert 'Float[Tensor, "B 3 H W"]' in real.read_text(encoding="utf-8")
    assert sorted(each.name for each in real.parent.iterdir()) == ["real.py"]


@pytest.mark.parametrize(
    ("bound", "axis", "written"),
    [
        (["H//4"], "4*(H//4)", "4*h"),
        (["H-2"], "2*H-2", "2*h+2"),
        (["(H+3)//4", "(W+3)//4"], "((H+3)//4)*((W+3)//4)", "h*w"),
        (["H//4"], "4*(H//8)", "h2"),
        (["H", "H//2"], "H//2", "H//2"),
        (["h//2"], "2*(h//2)+h", "h3"),
    ],
)
def test_an_axis_is_written_in_names_that_are_bound(bound: list[str], axis: str, written: str) -> None:
    naming = Naming(bound, {letter for each in (*bound, axis) for letter in symbols_in(each)})
    for each in bound:
        naming.name([each])
    assert naming.name([axis]) == written


def test_what_an_absent_argument_would_bind_is_used_by_nothing_later() -> None:
    naming = Naming(["H//4", "W"], ["H", "W"])
    with naming.uncertain():
        assert [naming.name([axis]) for axis in ("H//4", "W", "2*W")] == ["h", "W", "2*W"]
    # A name of its own for what only the absent argument has bound, and another than it has there.
    assert [naming.name([axis]) for axis in ("4*(H//4)", "2*W", "W", "3*W")] == ["h2", "w", "W", "3*W"]
