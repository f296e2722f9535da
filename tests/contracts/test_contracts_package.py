"""`check_package` on packages written to disk, and `shapes_of`, which says what the last call bound."""

from __future__ import annotations

import importlib
import sys
import textwrap

import pytest
import torch

from vae_checked.contracts import Float, Tensor, check_package, checked, shapes_of
from vae_checked.contracts.package import _Finder
from vae_checked.errors import ContractError, UsageError

# Comments on shapes need no import of what they name.
PLAIN = """
from __future__ import annotations
import torch
"""
HEADER = f"{PLAIN}from vae_checked.contracts import Float, Tensor\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a package of this name; gone from sys.modules afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    names = []

    def package(name, header=HEADER, **modules):
        names.append(name)
        (tmp_path / name).mkdir()
        for module, text in {"__init__": "", **modules}.items():
            (tmp_path / name / f"{module}.py").write_text(header + textwrap.dedent(text))
        importlib.invalidate_caches()

    yield package
    for module in list(sys.modules):
        if module.partition(".")[0] in names:
            del sys.modules[module]


LOSS = """
def kl(mu: Float[Tensor, "B L"], logvar: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
    return (mu + logvar).sum(1)

def helper(x): return x
"""
MODEL = """
from .loss import kl, helper

class VAE(torch.nn.Module):
    @staticmethod
    def encode(x: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3"]:
        return x

    def forward(self, x):
        return kl(self.encode(x), x)
"""


def test_functions_and_classes_of_a_package_come_under_contract(write):
    write("stranger", loss=LOSS, model=MODEL)
    with check_package("stranger") as package:
        model = importlib.import_module("stranger.model")
    assert sorted(package.checked) == ["stranger.loss.kl", "stranger.model.VAE"]
    assert package.refused == []
    vae = model.VAE()
    assert vae(torch.zeros(2, 3)).shape == (2,)
    with pytest.raises(ContractError, match=r"VAE\.encode\(x\): axis 1 is 4"):
        vae(torch.zeros(2, 4))
    with pytest.raises(ContractError, match=r"kl\(logvar\): axis 0"):
        model.kl(torch.zeros(2, 3), torch.zeros(4, 3))
    assert model.VAE.__module__ == "stranger.model"
    assert importlib.import_module("stranger.model").__spec__.loader.get_source("stranger.model").startswith("\nfrom")


def test_a_class_that_holds_itself_comes_under_contract_as_others_do(write):
    text = """
    class Config:
        rows: Float[Tensor, "B 3"]

        def use(self, x: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3"]:
            return x

        class Inner:
            pass

    Config.default = Config
    Config.Inner.outer = Config

    class Registry:
        known = {}

    Registry.first = Registry
    """
    write("circular", model=text)
    with check_package("circular") as package:
        model = importlib.import_module("circular.model")
    assert package.checked == ["circular.model.Config"]
    assert model.Registry.first is model.Registry
    with pytest.raises(ContractError):
        model.Config().use(torch.zeros(2, 4))


def test_what_another_package_puts_into_a_class_is_no_contract(write):
    outside = """
    def filled(kind):
        def fill(self, values: "OnlyWhereTypesAreChecked") -> None:
            pass

        kind.fill = fill
        return kind
    """
    model = """
    from outsider.tools import filled

    @filled
    class Config:
        pass

    @filled
    class Model:
        def run(self, x: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3"]:
            return x
    """
    write("outsider", tools=outside)
    write("insider", model=model)
    with check_package("insider") as package:
        importlib.import_module("insider.model")
    assert package.checked == ["insider.model.Model"]
    assert package.refused == []


def test_after_the_block_imports_are_left_alone(write):
    write("early", loss=LOSS)
    write("late", loss=LOSS)
    with check_package("early"):
        importlib.import_module("early.loss")
    late = importlib.import_module("late.loss")
    assert late.kl(torch.zeros(2, 3), torch.zeros(1, 3)).shape == (2,)


def test_what_cannot_be_checked_is_listed_and_left_as_it_is(write):
    write(
        "mixed",
        loss=LOSS
        + """
def rows(x: Float[Tensor, "B L"]):
    yield x

def hidden(x: OnlyForTypeCheckers) -> Float[Tensor, " B"]:
    return x
""",
    )
    with check_package("mixed") as package:
        loss = importlib.import_module("mixed.loss")
    assert package.checked == ["mixed.loss.kl"]
    (first, why), (second, reason) = package.refused
    assert (first, second) == ("mixed.loss.rows", "mixed.loss.hidden")
    assert "a generator hands out its values after the call" in why
    assert reason == "name 'OnlyForTypeCheckers' is not defined"
    assert loss.hidden(5) == 5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def f(x): return x", "no function there has a jaxtyping annotation"),
        ("def f(x: Float[Tensor, 'B']): yield x", "nothing.loss.f: @checked cannot check f: a generator"),
        (None, "not imported in the block"),
    ],
)
def test_nothing_under_contract_is_an_error(write, text, why):
    write("nothing", loss=text or "")
    module = "nothing.loss" if text is not None else "textwrap"
    with pytest.raises(UsageError, match=f"nothing in nothing came under contract: {why}"), check_package("nothing"):
        importlib.import_module(module)
    assert not any(isinstance(finder, _Finder) for finder in sys.meta_path)


def test_a_package_that_is_imported_already_is_refused(write):
    write("loaded", loss=LOSS)
    importlib.import_module("loaded.loss")
    with pytest.raises(UsageError, match="loaded is imported already"), check_package("loaded"):
        pass


def test_an_exception_of_the_import_is_the_imports(write):
    write("broken", loss="raise KeyError('mine')")
    with pytest.raises(KeyError, match="mine"), check_package("broken"):
        importlib.import_module("broken.loss")
    with pytest.raises(ModuleNotFoundError), check_package("absent"):
        importlib.import_module("absent")


def test_switched_off_it_does_nothing(write, monkeypatch):
    monkeypatch.setenv("VAE_CHECKED", "off")
    write("asleep", loss=LOSS)
    with check_package("asleep") as package:
        loss = importlib.import_module("asleep.loss")
    assert package.checked == []
    assert loss.kl(torch.zeros(2, 3), torch.zeros(1, 3)).shape == (2,)


# --------------------------------------------------------------------------------------------------- shapes_of


@checked
def encode(
    x: Float[Tensor, "B 3 H W"], width: int = 5, note: object = None
) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
    return torch.zeros(len(x), width), torch.zeros(len(x), width)


def test_shapes_of_says_what_the_last_call_bound():
    for _ in range(2):
        encode(torch.zeros(4, 3, 64, 48))
        assert shapes_of(encode) == (
            "encode(x: float32 (4, 3, 64, 48)) -> tuple (float32 (4, 5), float32 (4, 5))\nB = 4, H = 64, W = 48, L = 5"
        )
        encode(torch.zeros(2, 3, 8, 6).double(), width=7)
        assert shapes_of(encode) == (
            "encode(x: float64 (2, 3, 8, 6), width: 7) -> tuple (float32 (2, 7), float32 (2, 7))\n"
            "B = 2, H = 8, W = 6, L = 7"
        )
        with pytest.raises(ContractError):
            encode(torch.zeros(9, 4, 8, 6))


def test_shapes_of_a_stage_without_result_or_axes():
    @checked
    def stage(x: Float[Tensor, "*batch L"], n: int): ...

    for _ in range(2):
        stage(torch.zeros(2, 3, 4), 1)
        assert shapes_of(stage) == "stage(x: float32 (2, 3, 4), n: 1)\nL = 4, batch = (2, 3)"
        stage(torch.zeros(5), 1)
        assert shapes_of(stage) == "stage(x: float32 (5,), n: 1)\nL = 5, batch = ()"


def test_shapes_of_what_has_none():
    @checked
    def never(x: Float[Tensor, " B"]) -> None: ...

    @checked
    def unremembered(x: Float[Tensor, " B"], kinds: set[int]) -> None: ...

    for subject, message in {
        never: "shapes_of: never has kept its contract in no call yet; call it first",
        unremembered: "shapes_of: no call of unremembered is remembered; kinds: set",
        len: "shapes_of takes a @checked function or method",
    }.items():
        with pytest.raises(UsageError, match=message):
            shapes_of(subject)


COMMENTED = """
class VAE(torch.nn.Module):
    def __init__(self, latents=3):
        super().__init__()
        self.latents = latents

    # shapes: x: Float[Tensor, "B {self.latents}"]
    # shapes: -> tuple[Float[Tensor, "B {self.latents}"], Float[Tensor, " B"]]
    @torch.no_grad()
    def encode(self, x: list[int], scale=1) -> int:
        return x * scale, x.sum(1)

    # What is said above another line is no signature.
    # shapes: x: Float[Tensor, "B 7"]

    def forward(self, x):
        return self.encode(x)

# shapes: x: Float[Tensor, "B 2"]
def pairs(x): return x

# shapes: y: Float[Tensor, "B 2"]
def misnamed(x): return x

# shapes: x: Flaot[Tensor, "B 2"]
def misspelt(x): return x
"""


def test_comments_on_shapes_stand_for_annotations(write):
    write("commented", header=PLAIN, model=COMMENTED)
    with check_package("commented") as package:
        model = importlib.import_module("commented.model")
    assert package.checked == ["commented.model.VAE", "commented.model.pairs"]
    assert package.refused == [
        ("commented.model.misnamed", "# shapes: y: Float[Tensor, \"B 2\"]: misnamed has no argument 'y'"),
        ("commented.model.misspelt", "# shapes: x: Flaot[Tensor, \"B 2\"]: NameError: name 'Flaot' is not defined"),
    ]
    assert model.VAE()(torch.zeros(2, 3))[1].shape == (2,)
    assert model.VAE(5)(torch.zeros(2, 5))[1].shape == (2,)
    with pytest.raises(ContractError, match=r"VAE\.encode\(x\): axis 1 is 4, the contract says \{self\.latents\} = 3"):
        model.VAE()(torch.zeros(2, 4))
    with pytest.raises(ContractError, match=r"pairs\(x\): axis 1 is 3"):
        model.pairs(torch.zeros(2, 3))
    assert not hasattr(model.misspelt, "__vae_contract__")


SCRIPTED = """
import torch.nn.functional as F

class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(3, 2)

    # shapes: x: Float[Tensor, "B 3"]
    # shapes: -> Float[Tensor, "B 2"]
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(doubled(self.line(x)))


def doubled(x: torch.Tensor) -> torch.Tensor:
    return 2 * x
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_comments_say_leaves_torch_script_what_it_reads(write):
    write("scripted", header=PLAIN, model=SCRIPTED)
    with check_package("scripted"):
        line = importlib.import_module("scripted.model").Line()
    with pytest.raises(ContractError, match=r"Line\.forward\(x\): axis 1 is 4"):
        line(torch.zeros(5, 4))
    scripted = torch.jit.script(line)
    assert torch.equal(scripted(torch.ones(5, 3)), line(torch.ones(5, 3)))
