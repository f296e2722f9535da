"""What several files, values or optimizers ask of the same code is found once for all of them: the work is counted."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from counted import calls_of
from small_vaes.fragments import HEAD, linted

from vae_checked.facts import NoiseLaw
from vae_checked.linter.evaluations import leftovers
from vae_checked.linter.files import iterators, source, syntax
from vae_checked.linter.files.ast_budget import AstBudget
from vae_checked.linter.files.source import Cell
from vae_checked.linter.interpreter import external_calls, moving
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.roles import cut_losses, phi, prior, reductions, samplers
from vae_checked.linter.symbols.expression import Expr, atom, const
from vae_checked.linter.symbols.numeric import settled
from vae_checked.linter.symbols.structures import NUMBERS, Structures, once_per_structure, once_per_structures
from vae_checked.linter.symbols.values import Module, as_expr

SETS = """
class Used{0}(torch.utils.data.Dataset):
    def __init__(self):
        self.held = datasets.CelebA("faces", transform=transforms.ToTensor())

    def __getitem__(self, place):
        return self.held[place]


class Unused{0}(torch.utils.data.Dataset):
    def __init__(self):
        self.held = datasets.CelebA("more", transform=transforms.ToTensor())

    def __getitem__(self, place):
        return self.held[place]
"""
DRAWS = "def draw(mu, logvar):\n    return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)\n"


@pytest.mark.parametrize("number", [3, 9])
def test_where_classes_of_data_are_named_is_read_once(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Counter[int]()
    names = leftovers._names

    def counted(cell: Cell) -> Iterator[tuple[str, int]]:
        asked[id(cell)] += 1
        return names(cell)

    monkeypatch.setattr(leftovers, "_names", counted)
    head = HEAD + "from torchvision import datasets, transforms\n"
    files = {f"data{place}.py": head + SETS.format(place) + DRAWS for place in range(number)}
    files["main.py"] = HEAD + "".join(f"from data{place} import Used{place}\n" for place in range(number)) + DRAWS
    files |= {f"other{place}.py": HEAD + DRAWS for place in range(number)}
    linted(tmp_path, files)
    # The files of the classes and the one that imports them, of all.
    assert [*asked.values()] == [1] * (number + 1)


@pytest.mark.parametrize(
    ("differentiated", "asked"),
    [
        ("shown = loss.detach().item()\nloss.backward()", False),
        ("value = loss.item()\nself.loss.backward(retain_graph=True)", False),
        ("scaler.scale(loss).backward()", True),
        ("loss.data.backward()", True),
        ("loss.detach().requires_grad_() \\\n    .backward()", True),
        ("losses[0].manual_backward()", True),
    ],
)
def test_a_tree_is_asked_for_where_a_number_may_be_differentiated(
    differentiated: str, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[ast.AST]()

    def noted(node: ast.AST) -> Iterator[ast.AST]:
        seen.append(node)
        return iter(())

    monkeypatch.setattr(syntax, "descendants", noted)
    cut_losses._differentiates_a_number(Cell(ast.parse(differentiated), differentiated, None))
    assert bool(seen) is asked


def test_what_values_share_is_gone_through_once_for_a_draw() -> None:
    def values(number: int) -> list[Expr]:
        node, made = Expr("noise", (), (("law", NoiseLaw.STANDARD_NORMAL), ("serial", 1))), list[Expr]()
        for place in range(number):
            node = Expr("add", (node, atom(f"x{place}")))
            made.append(node)
        return made

    few, many = values(100), values(400)
    assert calls_of(lambda: prior.may_draw(many)) < 6 * calls_of(lambda: prior.may_draw(few))
    uniform = Expr("noise", (many[7],), (("law", NoiseLaw.UNIFORM), ("serial", 2)))
    assert not prior.may_draw(many)
    assert prior.may_draw([*many, Expr("exp", (uniform,))])
    assert prior.may_draw([uniform, many[0]])


def test_a_function_is_read_once_for_all_of_its_optimizers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Sequence[ast.stmt]] = []

    class Counted(iterators.Block):
        def __init__(self, body: Sequence[ast.stmt], emptying: frozenset[str]) -> None:
            made.append(body)
            super().__init__(body, emptying)

    monkeypatch.setattr(iterators, "Block", Counted)
    lines = "".join(f"    o{place} = torch.optim.Adam(nets[{place}].parameters())\n" for place in range(30))
    linted(tmp_path, {"fit.py": f"{HEAD}{DRAWS}\ndef fit(nets):\n{lines}\n\ndef other(net):\n{lines}"})
    assert len(made) == 2


def test_a_long_function_takes_no_more_for_each_of_its_optimizers() -> None:
    def taken(number: int) -> int:
        lines = "".join(f"o{place} = Adam(nets[{place}].parameters())\n" for place in range(number))
        body = ast.parse(lines).body
        block = iterators.Block(body, frozenset())
        calls = [node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Call)]
        return calls_of(lambda: [block.left(call) for call in calls])

    assert taken(160) < 6 * taken(40)


def test_a_condition_is_read_once_for_all_that_is_assigned_under_it() -> None:
    def taken(number: int) -> int:
        names = [f"n{place}" for place in range(number)]
        given = "".join(f"        {name} = made({name})\n" for name in names)
        (loop,) = ast.parse(f"for x in xs:\n    if {' and '.join(names)}:\n{given}").body
        assert isinstance(loop, ast.For)
        return calls_of(lambda: moving._read(loop))

    assert taken(160) < 6 * taken(40)


def test_what_a_file_counts_is_read_where_a_number_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    counters = moving._counters

    def counted(module: Module) -> frozenset[str]:
        read.append(module.path)
        return counters(module)

    monkeypatch.setattr(moving, "_counters", counted)
    asking = "def show(x, wide=True):\n    if wide:\n        x = x * 2\n    return x\n"
    linted(tmp_path, {"own.py": HEAD + asking + DRAWS})
    assert read == []
    asking = "step = 0\n\ndef count():\n    global step\n    step += 1\n\n" + asking.replace("if wide", "if step > 1")
    linted(tmp_path, {"own.py": HEAD + asking + DRAWS})
    assert len(read) == 1


def test_ways_by_fewer_conditions_ask_for_the_conditions_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[phi.Branching] = []

    class Counted(phi.Branching):
        def __init__(self, values: Sequence[Expr]) -> None:
            made.append(self)
            super().__init__(values)

    monkeypatch.setattr(phi, "Branching", Counted)
    x = Expr("square", (Expr("sub", (atom("x"), atom("y"))),))
    for place in range(5):
        x = Expr("phi", (atom(f"wide{place}"), Expr("add", (x, atom(f"a{place}"))), x))
    most, found = phi.resolved_within([x, Expr("exp", (x,))], {}, 2)
    assert most < phi.MOST_CONDITIONS
    assert found
    assert len(made) == 1


def test_what_is_said_of_a_structure_is_worked_out_once() -> None:
    asked: list[tuple[int, ...]] = []

    @once_per_structure
    def size(expr: Expr) -> int:
        asked.append((expr.uid,))
        return len(expr.args)

    @once_per_structures
    def together(one: Expr, other: Expr, *, twice: bool = False) -> int:
        asked.append((one.uid, other.uid))
        return (len(one.args) + len(other.args)) * (2 if twice else 1)

    with Structures():
        x = atom("x")
        node = Expr("add", (x, Expr("exp", (x,))))
        for each in (node, node.at(None), Expr("add", (x, Expr("exp", (x,))))):
            assert (size(each), together(each, x), together(each, x, twice=True)) == (2, 2, 4)
        assert together(x, node) == 2
        assert asked == [(node.uid,), (node.uid, x.uid), (node.uid, x.uid), (x.uid, node.uid)]
        assert size.__name__ == "size"


def test_no_memory_of_what_was_said_holds_a_structure() -> None:
    with Structures():
        Structures.sweep(0)
        samplers.is_scalar(Expr("exp", (atom("held by nobody"),)))
        held = Expr("exp", (atom("held"),))
        assert not samplers.is_scalar(held)
        before = len(NUMBERS)
        Structures.sweep(0)
        assert len(NUMBERS) == before - 2
        assert NUMBERS["exp", (), held.args[0].uid] == held.uid


def test_a_number_beside_a_term_is_read_once() -> None:
    node = atom("beta")
    for place in range(60):
        node = Expr("mul", (node, Expr("add", (atom(f"w{place}"), const(2.0)))))
    for ask in (reductions.is_number, settled, reductions.rank_of, samplers.is_scalar):
        calls_of(lambda ask=ask: ask(node))
        assert calls_of(lambda ask=ask: ask(node)) < 12
    assert calls_of(lambda: samplers.curve(node, atom("s"))) > 60
    assert calls_of(lambda: samplers.curve(node, atom("s"))) < 30


def test_a_name_from_outside_is_told_once_from_all_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = Counter[str]()

    def counted(dotted: str) -> bool:
        asked[dotted] += 1
        return False

    monkeypatch.setattr(external_calls, "_MAKERS", ((counted, lambda *_: None), *external_calls._MAKERS))
    external_calls._makers.cache_clear()
    lines = "".join(f"    x = torch.roll(x + {place}, 1)\n    own.step(x, {place})\n" for place in range(20))
    linted(tmp_path, {"fit.py": f"{HEAD}import own\n{DRAWS}\ndef fit(x):\n{lines}    return x\n"})
    external_calls._makers.cache_clear()
    assert asked["own.step"] == asked["torch.roll"] == asked["torch.exp"] == 1
    assert set(asked.values()) == {1}


# A call of each kind that is made something of, and some that nothing is.
MADE = """accelerate.prepare(nn.Linear(3, 5))
own.to_device(x)
apex.amp.scale_loss(x, optimizer)
importlib.import_module("own")
torchvision.transforms.ToTensor()
torchvision.transforms.functional.to_tensor(x)
torchvision.transforms.functional.normalize(cv2.imread("x"), 0.5, 0.5)
torchvision.datasets.MNIST("x", transform=torchvision.transforms.ToTensor())
albumentations.Normalize()
torch.utils.data.random_split(held, (1, 2))
torch.utils.data.DataLoader(held, 8)
cv2.imread("x")
cv2.cvtColor(cv2.imread("x"), cv2.COLOR_BGR2RGB)
einops.rearrange(cv2.imread("x"), "h w c -> c h w")
torchvision.io.read_video("x")
torch.distributions.Normal(x, x)
own.Normal(x, x)
own.kl_divergence(own.Normal(x, x), own.Normal(0, 1))
own.log_prob(own.Normal(x, x), x)
tensorflow_probability.distributions.Normal(x, x)
torch.randn_like(x)
numpy.random.normal(0, 1)
diffusers.utils.torch_utils.randn_tensor((3, 5))
torch.nn.init.normal_(torch.empty(3))
sklearn.preprocessing.StandardScaler()
torch.empty(3)
torch.nn.functional.mse_loss(x, x)
own.mse_loss(x, x)
torch.nn.functional.kl_div(x, x)
torch.nn.Linear(3, 5)
own.nn.Linear(3, 5)
torch.exp(x)
own.exp(x)
math.exp(3)
math.lgamma(3)
own.einsum("ij->i", x)
einops.reduce(x, "i j -> i", "sum")
torch.max(x, x)
torch.dist(x, x)
torch.Size((3,))
own.ModelOutput(h=x)
dataclasses.replace(x, y=3)
hydra.utils.instantiate(x)
diffusers.AutoencoderKL(latent_channels=5)
skorch.utils.params_for("module", {"module__wide": 3})
logging.info(x)""".splitlines()


def made(call: str) -> str:
    """What a call comes to, without the numbers of objects."""
    packages = sorted({each.partition(".")[0] for each in MADE} | {"optimizer", "held", "nn"})
    lines = [f"import {each}" for each in packages if each != "nn"] + ["from torch import nn", "x = torch.load('x')"]
    project = Project(ast_budget=AstBudget())
    module = project.add(source.parse("made.py", "\n".join([*lines, f"y = {call}"]).encode()))
    project.run(module)
    return re.sub(r"\d{6,}", "", repr(as_expr(module.scope.names["y"])))


@pytest.mark.parametrize("call", MADE)
def test_a_name_leaves_out_no_maker_that_makes_something(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = made(call)
    monkeypatch.setattr(external_calls, "_makers", lambda _: tuple(make for _, make in external_calls._MAKERS))
    assert made(call) == told


def test_most_names_are_of_one_maker_or_of_none() -> None:
    external_calls._makers.cache_clear()
    kept = [external_calls._makers(call.partition("(")[0]) for call in MADE]
    assert external_calls._makers("logging.info") == ()
    assert external_calls._makers("dataclasses.replace") == (external_calls._copied,)
    assert {make for each in kept for make in each} == {make for _, make in external_calls._MAKERS}


def test_children_are_those_of_ast_without_contexts() -> None:
    text = "async def f(a, /, b=1, *c: int, d=2, **e) -> str:\n    global g\n    x[1:2], *y = yield\n"
    text += "    async with a as b: return f'{x!r:>{w}}' if not -x ** 2 < 3 <= z else {**a, 'k': [1, (2, b'')]}\n"
    text += "match x:\n    case {'a': 1, **rest} | C(b=2) | [_, *s] if t: del u.v\ntry: raise\nexcept E as e: pass\n"
    nodes = [*ast.walk(ast.parse(text))]
    assert len({node.__class__ for node in nodes}) > 40
    for node in nodes:
        below = [each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.expr_context)]
        assert syntax.children(node) == below
    tree = ast.parse("f(x, y=a.b)")

    def found() -> list[list[ast.AST]]:
        return [syntax.children(node) for node in syntax.descendants(tree)]

    assert found()  # what is looked up once for each kind of node is none of its calls
    fast = calls_of(found)
    assert fast < 0.6 * calls_of(lambda: [[*ast.iter_child_nodes(node)] for node in syntax.descendants(tree)])
