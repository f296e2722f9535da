"""What reading costs: bounded by what is written, not by the ways through it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from counted import calls_of
from many_samplers import many_samplers

from vae_checked.catalogue import find
from vae_checked.facts import REAL, Interval
from vae_checked.linter import lint
from vae_checked.linter.evaluations.plan import Plan
from vae_checked.linter.evaluations.stand_ins import StandIns
from vae_checked.linter.files import prefilter, source, syntax
from vae_checked.linter.interpreter.interpreter import MAX_PLAIN_STEPS, MAX_STEPS
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.roles import batch_sizes, divergences, named_around, phi, reader, samplers
from vae_checked.linter.roles.reductions import is_whole, rank_of
from vae_checked.linter.symbols import intervals
from vae_checked.linter.symbols.drawing import DRAWS, rank
from vae_checked.linter.symbols.expression import Expr, Graph, Site, atom, const, contains, is_formula, walk
from vae_checked.linter.symbols.gradient_flow import GradientFlow
from vae_checked.linter.symbols.intervals import interval_of
from vae_checked.linter.symbols.numeric import leaves, leaves_below
from vae_checked.mathematics.intervals import Origin

BAD = find("VAE201").bad
TRAIN = "def train(x):\n    out, mu, logvar = VAE()(x)\n    loss_function(out, x, mu, logvar).backward()\n"
HEAD = "import torch\nfrom torch import nn\n"


def doubled(leaf: Expr, times: int = 200) -> Expr:
    """x + x of x + x of ...: few nodes, and more ways through them than could ever be gone."""
    for _ in range(times):
        leaf = Expr("add", (leaf, leaf))
    return leaf


def test_a_value_used_twice_at_every_step_is_read_once() -> None:
    linear = Expr("layer", (atom("x"),), (("kind", "Linear"), ("rank", 2)))
    assert interval_of(doubled(linear, 30)) == REAL
    assert rank_of(doubled(linear, 30)) == 2
    assert is_whole(doubled(Expr("sum", (linear,), (("axes", "all"),))))
    assert not is_whole(doubled(linear))


def test_a_network_is_no_formula() -> None:
    x = atom("x")
    assert is_formula(doubled(x, 90))
    assert not is_formula(doubled(x, 150))


def test_only_what_may_be_a_term_is_taken_apart_in_all_ways() -> None:
    x, y = atom("x"), atom("y")
    branch = Expr("phi", (atom("wide"), Expr("relu", (x,)), y))
    assert len(phi.resolved([Expr("add", (branch, const(1.0)))])) == 1
    error = Expr("square", (Expr("sub", (branch, y)),))
    assert {each.args[0].args[0].op for each in phi.resolved([error])} == {"relu", "atom"}


def test_a_network_by_options_stays_as_it_is_where_nothing_is_drawn() -> None:
    picked = Expr("phi", (atom("deep"), Expr("relu", (atom("x"),)), atom("y")))
    network = Expr("layer", (picked,), (("kind", "Linear"),))
    assert phi.resolved([network]) == [network]
    drawn = Expr("layer", (Expr("phi", (atom("deep"), Expr("noise", (), (("serial", 3),)), picked)),))
    assert [node.op for each in phi.resolved([drawn]) for node in walk(each) if node.op == "phi"] == []


def test_what_is_below_a_layer_is_taken_apart_as_its_own_value() -> None:
    x, y = atom("x"), atom("y")
    shift = Expr("phi", (atom("wide"), Expr("relu", (x,)), y))
    term = Expr("mul", (Expr("exp", (shift,)), y))
    layer = Expr("layer", (term,), (("kind", "Linear"),))
    assert [len(phi.resolved([value])) for value in (term, layer)] == [2, 1]
    drawn = Expr("add", (term, Expr("noise", (), (("serial", 7),))))
    decoded = Expr("layer", (drawn,), (("kind", "Linear"),))
    assert len(phi.resolved([decoded])) == 2


def test_the_function_around_a_line_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    around_of = batch_sizes.function_around

    def counted(written: ast.expr, cell: source.Cell) -> ast.FunctionDef | None:
        asked.append(written.lineno)
        return around_of(written, cell)

    monkeypatch.setattr(batch_sizes, "function_around", counted)
    text = "def prior_of(x):\n    return x + x + x + x + x\n"
    cell = source.parse("prior.py", text.encode()).cells[0]
    sums = [node for node in cell.nodes if isinstance(node, ast.BinOp)]
    value = atom("x")
    for node in reversed(sums):
        value = Expr("add", (value, atom("x")), (), Site(source.SourceCell("prior.py", cell), node))
    assert list(named_around.names_around(value)) == ["prior_of"]
    assert asked == [2]


@pytest.mark.parametrize(
    ("text", "concerned"),
    [
        ("import torch\nz = mu + torch.exp(0.5 * s) * torch.randn_like(mu)\n", True),
        ("import torch\nz = m + std * torch.rand_like(std)\n", True),
        ("from torch.distributions import Normal\nz = Normal(m, s).rsample()\n", True),
        ("from torch.nn import functional as F\nloss = F.mse_loss(x_hat, x)\n", True),
        ("import torch\nx = torch.randn(3)\nx.sum().backward()\n", True),
        ("import torch\nx = torch.randn(3)\n", False),
        ("import torch\nw = nn.Parameter(torch.randn(3) / 3 ** 0.5)\n", False),
        ("import torch\nnn.init.normal_(layer.weight)\ny = torch.exp(x)\n", False),
        ("import numpy\nz = m + std * numpy.random.randn(3)\n", False),
        ("import torch\nx = torch.randn(3) + math.exp(-2.0) + math.log(3.0) + math.sqrt(5.0)\n", False),
        ("import torch\nx = torch.randn(3) * torch.exp(torch.arange(7) * -torch.log(torch.tensor(1e4)) / 7)\n", False),
        ("import torch\nx = torch.randn(3)  # an optimized start\n", False),
        ("import torch\nx = torch.randn(3)\nopt = torch.optim.Adam([x])\n", True),
        ("import torch\nx = torch.randn(3) + math.exp(-2.0) * torch.exp(y)\n", True),
    ],
)
def test_what_a_file_mentions_says_whether_it_is_parsed(text: str, concerned: bool) -> None:
    assert prefilter.concerns_vae(text.encode()) is concerned


def test_a_file_that_draws_is_read_when_it_calls_a_model(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(BAD, encoding="utf-8")
    (tmp_path / "sample.py").write_text(
        "import torch\nfrom model import VAE\nVAE()(torch.randn(2))\n", encoding="utf-8"
    )
    (tmp_path / "other.py").write_text("import torch\nprint(torch.randn(2))\n", encoding="utf-8")
    report = lint([tmp_path])
    assert (report.files_read, report.files_concerned) == (3, 2)


@pytest.mark.parametrize(("folder", "found"), [("site-packages", []), ("sources", ["VAE201"])])
def test_a_package_installed_beside_another_one_is_not_read_for_it(
    folder: str, found: list[str], tmp_path: Path
) -> None:
    place = tmp_path / folder
    model, loss = BAD.split("def loss_function", 1)
    for name, text in (
        ("ours/model.py", f"from theirs.loss import loss_function\n{model}{TRAIN}"),
        ("theirs/loss.py", f"{HEAD}from torch.nn import functional as F\n\n\ndef loss_function{loss}"),
    ):
        (place / name).parent.mkdir(parents=True)
        (place / name).write_text(text, encoding="utf-8")
    report = lint([place / "ours"])
    assert [finding.code for finding in report.findings] == found


def test_settings_that_take_long_are_left(tmp_path: Path) -> None:
    loop = "    for i in range(12):\n        for j in range(12):\n            for k in range(12):\n"
    loop += "                x = x + i * j\n"
    (tmp_path / "settings.py").write_text(f"def settings(x):\n{loop}    return x\n", encoding="utf-8")
    calls = "from settings import settings\n" + "settings(1)\n" * 40
    project = Project()
    text = calls + BAD
    module = project.add(source.parse(str(tmp_path / "model.py"), text.encode()))
    list(Plan(project, reader).evaluations([module]))
    assert 0 < MAX_STEPS - project.interpreter.remaining < MAX_PLAIN_STEPS + 4_000
    (tmp_path / "model.py").write_text(text, encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE201"]


LOOP = "    found = 0\n    for i in range(12):\n        for j in range(12):\n            found = found + i * j\n"


def steps_of(helper: str, calls: str, folder: Path) -> int:
    """The steps that a file takes which calls a helper of another file."""
    (folder / "helper.py").write_text(helper, encoding="utf-8")
    text = f"from torch import nn\nfrom helper import size\n\n\n{calls}"
    project = Project()
    evaluations = list(
        Plan(project, reader).evaluations([project.add(source.parse(str(folder / "model.py"), text.encode()))])
    )
    assert evaluations[0].observations.entered
    return MAX_STEPS - project.interpreter.remaining


@pytest.mark.parametrize("head", ["", "import torch\n\n\n@lru_cache(maxsize=None)\n"])
def test_a_helper_is_run_once_for_the_same_constants(head: str, tmp_path: Path) -> None:
    helper = f"{head}def size(name, wide=True):\n{LOOP}    return found\n"
    once = steps_of(helper, "size('mnist', wide=False)\n", tmp_path)
    again = steps_of(helper, "size('mnist', wide=False)\n" * 9, tmp_path)
    other = steps_of(helper, "size('mnist', wide=False)\nsize('mnist', wide=True)\n", tmp_path)
    assert once > 500
    assert again < 1.2 * once
    assert other > 1.8 * once


@pytest.mark.parametrize(
    ("head", "result", "given"),
    [
        # With tensors, what is handed back can be changed, and what is given is no constant: run each time.
        ("import torch\n", "found", "'mnist'"),
        ("", "[found]", "'mnist'"),
        ("", "found", "nn.Linear(7, 3)"),
    ],
)
def test_what_is_no_constant_is_run_each_time(head: str, result: str, given: str, tmp_path: Path) -> None:
    helper = f"{head}def size(name):\n{LOOP}    return {result}\n"
    once = steps_of(helper, f"size({given})\n", tmp_path)
    assert steps_of(helper, f"size({given})\n" * 3, tmp_path) > 2.8 * once


@pytest.mark.parametrize("start", [3, 5])
def test_a_helper_that_is_not_run_again_hands_on_what_it_came_to(start: int, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text(
        f"def factor(name):\n    return {{'kl': {start}}}[name]\n\n\nFIRST = factor('kl')\n", encoding="utf-8"
    )
    text = BAD.replace("import torch\n", "import torch\nfrom helper import factor\n\nONE = factor('kl')\n", 1)
    assert text != BAD
    scaled = text.replace("torch.exp(logvar)", f"torch.exp(logvar * factor('kl') / {2 * start})")
    assert scaled != text
    (tmp_path / "model.py").write_text(scaled, encoding="utf-8")
    assert not lint([tmp_path]).findings
    (tmp_path / "model.py").write_text(scaled.replace(f"/ {2 * start}", f"/ {start}"), encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE201"]


def test_draws_alike_are_looked_at_a_few_times() -> None:
    mu, std = atom("mu"), Expr("exp", (atom("s"),))
    draws = [Expr("noise", (), (("law", None), ("serial", serial))) for serial in range(40)]
    alike = [Expr("add", (mu, Expr("mul", (std, eps)))) for eps in draws]
    apart = [Expr("add", (atom(f"mu{serial}"), Expr("mul", (std, eps)))) for serial, eps in enumerate(draws)]

    assert len(samplers.find(Graph(alike))) == 4
    assert len(samplers.find(Graph(apart))) == 40


def test_what_is_newer_is_not_looked_for_in_what_is_older() -> None:
    long = leaf = atom("first")
    for number in range(500):
        long = Expr("add", (long, atom(f"x{number}")))
    late = atom("late")
    holding = Expr("add", (late, long))
    assert contains(holding, late.uid)
    assert not contains(long, late.uid)
    assert calls_of(lambda: contains(holding, late.uid)) < 20
    assert contains(holding, leaf.uid)


def test_terms_on_top_of_a_network_are_not_counted_each() -> None:
    def terms(number: int) -> int:
        value = atom("x")
        for place in range(number):
            value = Expr("add", (Expr("mul", (value, const(float(place)))), Expr("exp", (atom(f"y{place}"),))))
        return calls_of(lambda: divergences.find(Graph([value])))

    # The first time what is no network is read too.
    terms(100)
    assert terms(900) - terms(100) < 300 * 800


def test_what_leads_to_a_node_is_found_from_memory_as_by_looking() -> None:
    x, y, w = atom("x"), atom("y"), atom("w")
    near, far = Expr("exp", (x,)), Expr("mul", (y, Expr("neg", (x,))))
    top = Expr("add", (near, Expr("sub", (far, w))))
    graph = Graph([top, Expr("add", (w, const(1.5)))])
    outside = Expr("mul", (top, y))
    for inner in (x, y, w, near):
        for outer in (top, far, outside):
            assert [node.uid for node in graph.towards(outer, inner.uid)] == [
                node.uid for node in walk(outer) if contains(node, inner.uid)
            ]
    standing = graph.standing_in([x, w])
    for node in graph.nodes:
        assert standing[node.uid] == contains(node, x.uid) + 2 * contains(node, w.uid)
    assert graph.holding_any([x.uid, w.uid]) == graph.holding(x.uid) | graph.holding(w.uid)


def test_the_leaves_that_a_node_needs_are_told_for_all_nodes_at_once() -> None:
    x, y, far = atom("x"), atom("y"), Expr("layer", (atom("u"),))
    ratio = Expr("div", (Expr("exp", (x,)), y))
    top = Expr("add", (Expr("sum", (Expr("mul", (ratio, x)),)), Expr("sub", (far, const(2.5)))))
    wanted = [x, y, far]
    needed = leaves_below(top, wanted)
    for node in walk(top):
        if node.uid != atom("u").uid:
            found = {leaf.uid for leaf in leaves(node)}
            assert needed[node.uid] == sum(1 << place for place, leaf in enumerate(wanted) if leaf.uid in found)


def test_gradients_are_followed_upwards_as_they_are_downwards() -> None:
    x, y = atom("x"), atom("y")
    cut = Expr("detach", (Expr("exp", (x,)),))
    near = Expr("mul", (Expr("square", (y,)), Expr("tanh", (y,))))
    unmoved = Expr("mul", (near, const(0.0)))
    loss = Expr("add", (Expr("add", (cut, near)), Expr("square", (x,))))
    flow = GradientFlow(Graph([loss, cut, unmoved]))
    for end in (loss, cut, unmoved, Expr("neg", (loss,))):
        reached = flow.reached([end])
        for node in walk(end):
            assert flow.reaches([end], node.uid) is (node.uid in reached)
    assert not flow.reaches([cut], x.uid)
    assert flow.moves([loss], y.uid)
    assert flow.reaches([unmoved], y.uid)
    assert not flow.moves([unmoved], y.uid)


def test_what_takes_a_value_is_found_below_what_changes_no_element() -> None:
    x, y = atom("x"), atom("y")
    one = Expr("add", (Expr("view", (x,)), y))
    other = Expr("sub", (y, x))
    graph = Graph([one, other, Expr("mul", (x, y)), Expr("add", (Expr("exp", (x,)), const(1.5)))])
    assert [node.uid for node in graph.taking(x, "add", "sub")] == [one.uid, other.uid]
    assert [node.uid for node in graph.taking(Expr("view", (x,)), "sub")] == [other.uid]
    assert not graph.taking(const(2.5), "add", "sub")


@pytest.mark.parametrize(
    ("term", "tried"),
    [
        ("taken(x)[0]", True),
        ("taken.encode(x)[0]", True),
        # A forward that returns a tuple, of which a tensor or a dict is asked.
        ("taken(x)", False),
        ("taken(x).exp()", False),
        ("taken(x)['loss']", False),
        ("taken(x, y, x, y)", False),
        ("taken(x=x)[0]", True),
        ("taken(image=x)[0]", False),
        ("taken.encode(x, y)", False),
        ("taken.reweighed(x)", False),
        # What loads an object of its own class makes no other; what chooses the class may make any.
        ("torch.VAE.from_pretrained(y)(x)[0]", True),
        ("torch.UNet.from_pretrained(y)(x)[0]", False),
        ("torch.AutoModel.from_pretrained(y)(x)[0]", True),
        ("torch.AutoTokenizer.from_pretrained(y)(x)[0]", False),
    ],
)
def test_a_model_is_tried_only_where_it_can_be_called_so(term: str, tried: bool, tmp_path: Path) -> None:
    text = f"{BAD}\n\ndef fit(taken, x, y):\n    loss = {term} + y.abs().sum()\n    loss.backward()\n"
    project = Project()
    plan, stand_ins = Plan(project, reader), StandIns(project, reader)
    for evaluation in plan.evaluations([project.add(source.parse(str(tmp_path / "model.py"), text.encode()))]):
        stand_ins.note(evaluation)
    before = project.interpreter.remaining
    assert not list(stand_ins.evaluations())
    assert (project.interpreter.remaining < before) is tried


def test_nodes_are_listed_in_the_order_of_the_walk_of_python() -> None:
    tree = ast.parse(
        many_samplers(3) + "\n\n@given\nasync def f(*a, b: int = 3, **c):\n    return [x async for x in a]\n"
    )
    assert list(map(id, syntax.descendants(tree))) == [
        id(node) for node in ast.walk(tree) if not isinstance(node, ast.expr_context)
    ]


def test_a_file_is_walked_as_often_for_many_weights_as_for_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[ast.AST] = []

    def counting(walk_of: Callable[[ast.AST], Iterator[ast.AST]]) -> Callable[[ast.AST], Iterator[ast.AST]]:
        def counted(node: ast.AST) -> Iterator[ast.AST]:
            walked.append(node)
            return walk_of(node)

        return counted

    monkeypatch.setattr(ast, "walk", counting(ast.walk))
    monkeypatch.setattr(syntax, "descendants", counting(syntax.descendants))
    times = []
    for number in (3, 9):
        text = many_samplers(number).replace("        loss = 0.0\n", "        loss = 0.0\n        half = 0.5\n")
        (tmp_path / "model.py").write_text(text.replace("- 0.5 *", "- half *"), encoding="utf-8")
        walked.clear()
        lint([tmp_path])
        times.append(sum(isinstance(node, ast.Module) for node in walked))
    assert times[0] == times[1] > 0


def test_what_the_methods_of_a_model_set_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[ast.AST] = []
    assigned_of = syntax.assigned

    def counted(function: ast.AST, owner: str) -> Iterator[str]:
        read.append(function)
        return assigned_of(function, owner)

    monkeypatch.setattr(syntax, "assigned", counted)
    times = []
    for number in (1, 5):
        fits = "".join(
            f"\n\ndef fit{i}(taken, x):\n    loss = taken.encode(x)[0] + x.abs().sum()\n    loss.backward()\n"
            for i in range(number)
        )
        (tmp_path / "model.py").write_text(BAD + fits, encoding="utf-8")
        read.clear()
        lint([tmp_path])
        times.append(len(read))
    assert times[0] == times[1] > 0


def test_what_a_model_has_of_a_vae_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{BAD}\n\nclass Other(nn.Module):\n    pass\n"
    project = Project()
    module = project.add(source.parse(str(tmp_path / "model.py"), text.encode()))
    project.run(module)
    walked: list[ast.AST] = []
    walk = syntax.descendants

    def counted(node: ast.AST) -> Iterator[ast.AST]:
        walked.append(node)
        return walk(node)

    monkeypatch.setattr(syntax, "descendants", counted)
    names = module.scope.names
    assert [(rank(names["VAE"]), rank(names["Other"])) for _ in range(7)] == 7 * [(DRAWS + 1, 0)]
    assert len(walked) == 2


def test_what_terms_share_is_looked_at_once_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    origin_of = intervals._origin

    def counted(expr: Expr) -> Origin:
        looked_at.append(expr.uid)
        return origin_of(expr)

    monkeypatch.setattr(intervals, "_origin", counted)
    deep = Expr("exp", (atom("x"),))
    for _ in range(150):
        deep = Expr("softplus", (deep,))
    terms = [Expr("square", (Expr("mul", (deep, atom(f"head{place}"))),)) for place in range(12)]
    losses = [Expr("clamp", (Expr("add", (term, deep)),), (("min", 0.5), ("max", 0.5))) for term in terms]
    flow = GradientFlow(Graph(losses))
    for term, loss in zip(terms, losses, strict=True):
        assert flow.moves([loss], term.uid, Interval(low=0.0)) is flow.moves([loss], term.uid)
    assert len(looked_at) < 300
