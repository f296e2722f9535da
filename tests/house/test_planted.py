"""The store of planted mistakes: each is of the catalogue, changes what it says it changes, and runs."""

from __future__ import annotations

import ast
import textwrap

import pytest
from planted.pieces import BERNOULLI, PLANTED, Planted, built, text_of
from planted.shapes import EDITS, HARMLESS, WRONG
from planted.spelt import MISTAKES
from small_vaes.any_size import CHANNELS_LAST, SOURCE
from small_vaes.pieces import Carried, Inside, Pieces, Sequential1d, Spatial

from vae_checked.catalogue import find

DESIGNS = (Spatial, Sequential1d, Inside, Carried)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_rewrites_one_vae_and_nothing_else(name: str) -> None:
    planted = PLANTED[name]
    assert find(planted.code).code == planted.code
    for design in DESIGNS:
        text = text_of(design, planted)
        classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
        assert [each.name for each in classes] == ["Pieces", design.__name__]
        methods = {node.name: node.body for each in classes for node in each.body if isinstance(node, ast.FunctionDef)}
        for piece, body in planted.bodies.items():
            assert "\n".join(map(ast.unparse, methods[piece])) == ast.unparse(_statements(body))
        assert built(design, planted).__name__ == design.__name__


def _statements(body: str) -> ast.Module:
    """The statements as a module, taken out of the function in which a `return` may stand."""
    function = ast.parse("def piece(self):\n" + textwrap.indent(body, "    ")).body[0]
    assert isinstance(function, ast.FunctionDef)
    return ast.Module(function.body, [])


def test_no_two_planted_mistakes_are_the_same() -> None:
    bodies = [(tuple(sorted(each.bodies.items())), each.data_range) for each in (BERNOULLI, *PLANTED.values())]
    assert len(set(bodies)) == len(bodies)


def test_a_piece_that_there_is_not_cannot_be_rewritten() -> None:
    with pytest.raises(ValueError, match="no piece 'blur'"):
        text_of(Spatial, Planted("VAE201", "nothing", {"blur": "return x"}))


def test_the_text_of_a_design_is_the_design() -> None:
    made = built(Inside)
    assert made is not Inside
    assert {name for name in vars(made) if not name.startswith("__")} == {
        name for name in vars(Inside) if not name.startswith("__")
    }
    assert set(vars(made.__mro__[1])) == set(vars(Pieces))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_shape_is_one_edit(name: str) -> None:
    old, new = WRONG[name]
    assert CHANNELS_LAST.count(old) == 1
    assert old != new


@pytest.mark.parametrize("edit", [*EDITS, *HARMLESS], ids=lambda edit: edit.name)
def test_an_edit_of_shapes_finds_what_it_replaces(edit) -> None:
    assert edit.old in SOURCE
    assert edit.old != edit.new


def test_every_spelt_mistake_is_of_the_catalogue() -> None:
    assert all(find(code).code == code for code, _ in MISTAKES.values())
