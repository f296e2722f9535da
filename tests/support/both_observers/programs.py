"""What both observers are run on: every module of the catalogue, every spelling, and every planted mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

from planted.pieces import CONSEQUENCES, PLANTED, UNFIT, Planted, text_of
from planted.spelt import MISTAKES, spellings
from small_vaes.pieces import Inside, Pieces, Sequential1d, Spatial
from torch import Tensor

from both_observers.observing import Modules, Program, Subject
from vae_checked.catalogue import CATALOGUE


def catalogue_programs() -> list[Program]:
    """The bad and the good module of every mistake, each text once."""
    found: dict[str, Program] = {}
    for mistake in CATALOGUE:
        for kind, text in (("bad", mistake.bad), ("good", mistake.good)):
            found.setdefault(text, Program(f"{mistake.code} {kind}", {"model.py": text}, _catalogue_subject))
    return list(found.values())


def _catalogue_subject(modules: Modules) -> Subject:
    module: Any = modules["model"]
    return Subject(module.VAE(), module.INPUT, module.loss_function, module.DATA_RANGE)


def spelling_programs() -> list[Program]:
    """Every spelling of the linter's classical mistakes, and its corrected twin."""
    return [
        Program(f"{name}, {shape}, {kind}", files, _SPELLED[shape](_layout(files)))
        for name in MISTAKES
        for shape, twins in spellings(name).items()
        for kind, files in zip(("bad", "good"), twins, strict=True)
    ]


def _layout(files: Mapping[str, str]) -> str:
    """The input's axes: channels last where the text has a layer that paints."""
    return "B 8 12 3" if any("self.paint" in text for text in files.values()) else "B 3 8 12"


def _plain(inputs: str) -> Callable[[Modules], Subject]:
    def build(modules: Modules) -> Subject:
        cost = modules["squeeze"].cost

        def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Any:
            return cost(x_hat, x, mu, logvar)  # by names from which the auditor tells what is what

        return Subject(modules["squeeze"].Squeezer(), inputs, loss)

    return build


def _helpers(inputs: str) -> Callable[[Modules], Subject]:
    def build(modules: Modules) -> Subject:
        net: Any = modules["net"]
        built = net.Net

        def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Any:
            # `step` builds a model of its own: this one answers what the audited one did.
            net.Net = lambda: lambda _: (x_hat, (mu, logvar))
            return net.step(None, x)

        return Subject(built(), inputs, loss)

    return build


def _inherited(inputs: str) -> Callable[[Modules], Subject]:
    return lambda modules: Subject(modules["family"].Child(), inputs, modules["family"].Objective())


def _inside(inputs: str) -> Callable[[Modules], Subject]:
    def build(modules: Modules) -> Subject:
        model = modules["compact"].Compact()

        def loss(self: Any, x: Tensor) -> Any:
            return self(x)

        return Subject(model, inputs, MethodType(loss, model))

    return build


def _notebook(inputs: str) -> Callable[[Modules], Subject]:
    def build(modules: Modules) -> Subject:
        target = modules["study"].target
        return Subject(modules["study"].Study(), inputs, lambda x_hat, x, mu, logvar: target((x_hat, mu, logvar), x))

    return build


_SPELLED: dict[str, Callable[[str], Callable[[Modules], Subject]]] = {
    "plain": _plain,
    "helpers": _helpers,
    "inherited": _inherited,
    "inside": _inside,
    "notebook": _notebook,
}


def planted_programs(design: type[Pieces]) -> list[Program]:
    """A design without a mistake and with each that is planted in one of its pieces, and a loop that trains it.

    A binary cross entropy of data below 0 is left out: torch refuses it.
    """
    return [
        Program(
            f"{design.__name__}, {name}",
            {"model.py": text_of(design, planted) + _LOOP.format(design=design.__name__, loss=_LOSSES[design])},
            _design(design, planted.data_range or design.data_range),
            None if name in UNFIT[design] else frozenset({planted.code} - {""}),
            frozenset(CONSEQUENCES.get(planted.code, ())),
        )
        for name, planted in {"good": Planted("", "nothing", {}), **PLANTED}.items()
        if fits_both(design, planted)
    ]


def fits_both(design: type[Pieces], planted: Planted) -> bool:
    """Whether torch runs the mistake in this design as it does with a loop of its own."""
    return not (min(design.data_range) < 0 and "binary_cross_entropy(" in "".join(planted.bodies.values()))


def _design(design: type[Pieces], data_range: tuple[float, float]) -> Callable[[Modules], Subject]:
    return lambda modules: Subject(
        getattr(modules["model"], design.__name__)(), design.spec, None, data_range=data_range
    )


_LOSSES: dict[type[Pieces], str] = {
    Spatial: 'model.loss_function(out["logits"], x, out["mu"], out["logvar"])["loss"]',
    Sequential1d: "model.loss_function(*out)",
    Inside: 'out["loss"]',
}
_LOOP = """

def train(batches):
    model = {design}()
    optimizer = torch.optim.Adam(model.parameters())
    for x in batches:
        out = model(x)
        loss = {loss}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
