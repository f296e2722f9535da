"""Parts of a model of which a setting that nothing says chooses one: what the others make of z is not known."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest
from small_vaes.fragments import HEAD, KL, codes, linted

from vae_checked.reports import all_examined

PARTS = """
import argparse


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)

    def forward(self, x):
        return self.to_m(x), self.to_s(x)


class Wider(Inner):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(84, 84)

    def forward(self, x):
        return super().forward(torch.relu(self.trunk(x)))


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(7, 84)

    def forward(self, z):
        return self.layer(z)


class Squashed(Plain):
    def forward(self, z):
        return torch.sigmoid(self.layer(z))


class Net(nn.Module):
    def __init__(self, inner, outer):
        super().__init__()
        self.inner, self.outer = inner, outer

    def forward(self, x):
        m, s = self.inner(x)
        return self.outer(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


parser = argparse.ArgumentParser()
parser.add_argument("--kind", {option})
args = parser.parse_args()
inner, outer = Inner(), Plain()
"""
CHOICE = """
if args.kind == "small":
    {0}
elif args.kind == "large":
    {1}
else:
    raise ValueError(args.kind)
"""
TRAINING = f"""
net = Net(inner, outer)
rule = nn.BCEWithLogitsLoss(reduction="sum")
optimizer = torch.optim.Adam(net.parameters())
for x in DataLoader(torch.rand(50, 84), batch_size=5):
    y, m, s = net(x)
    loss = rule(y, x) + ({KL}).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
OUTPUT = frozenset(("VAE401", "VAE405"))


def judged(tmp_path: Path, choice: str, option: str = "required=True") -> tuple[list[str], set[str]]:
    """The mistakes that are found, and what is clean of those of an output."""
    report = linted(tmp_path, {"net.py": HEAD + PARTS.replace("{option}", option) + choice + TRAINING})
    return codes(report), {code for each in all_examined(report) if each.is_vae for code in each.clean}


@pytest.mark.parametrize(
    "choice",
    [
        CHOICE.format("outer = Plain()", "outer = Squashed()"),
        CHOICE.format("inner, outer = Inner(), Plain()", "inner, outer = Wider(), Squashed()"),
        '\nouter = Plain() if args.kind == "small" else Squashed()\n',
        '\nouter = {"small": Plain, "large": Squashed}[args.kind]()\n',
    ],
)
def test_another_decoder_that_may_be_made_leaves_the_output_open(choice: str, tmp_path: Path) -> None:
    found, clean = judged(tmp_path, choice)
    assert found == []
    assert not OUTPUT & clean
    # How the terms are put together is the same for all of them.
    assert {"VAE201", "VAE301", "VAE302", "VAE304", "VAE501"} <= clean


def test_a_decoder_that_is_wrong_where_it_is_made_is_named(tmp_path: Path) -> None:
    assert judged(tmp_path, CHOICE.format("outer = Squashed()", "outer = Plain()"))[0] == ["VAE401"]


@pytest.mark.parametrize("option", ['default="small"', 'default="small", choices=["small", "large"]'])
@pytest.mark.parametrize(
    "choice",
    [
        CHOICE.format("outer = Plain()", "outer = Squashed()"),
        '\nouter = Squashed() if args.kind == "large" else Plain()\n',
        '\nouter = {"small": Plain, "large": Squashed}[args.kind]()\n',
    ],
)
def test_a_default_does_not_stand_for_what_else_may_be_set(choice: str, option: str, tmp_path: Path) -> None:
    found, clean = judged(tmp_path, choice, option)
    assert found == []
    assert not OUTPUT & clean
    assert {"VAE201", "VAE301", "VAE501"} <= clean
    # What the default makes is named where it is wrong.
    swapped = choice.replace("Plain", "P").replace("Squashed", "Plain").replace("P()", "Squashed()")
    assert judged(tmp_path, swapped.replace(": P,", ": Squashed,"), option)[0] == ["VAE401"]


WRONG = [
    (CHOICE.format("outer = Squashed()", "outer = Plain()"), "required=True"),
    ('\nouter = Squashed() if args.kind == "small" else Plain()\n', "required=True"),
    ('\nouter = {"small": Squashed, "large": Plain}[args.kind]()\n', "required=True"),
    (CHOICE.format("outer = Squashed()", "outer = Plain()"), 'default="small"'),
]


@pytest.mark.parametrize(("choice", "option"), WRONG)
def test_a_finding_says_which_part_it_is_of(choice: str, option: str, tmp_path: Path) -> None:
    text = HEAD + PARTS.replace("{option}", option) + choice + TRAINING
    (finding,) = linted(tmp_path, {"net.py": text}).findings
    assert finding.code == "VAE401"
    assert finding.message.endswith(", where Squashed is made")
    (alone,) = linted(tmp_path, {"net.py": text.replace(choice, "\nouter = Squashed()\n")}).findings
    assert "is made" not in alone.message


MADE, _, LOOP = TRAINING.partition("rule = ")
IN_FUNCTION = "\ndef fit():\n" + indent("rule = " + LOOP, "    ")


@pytest.mark.parametrize("place", ["one file", "two files"])
@pytest.mark.parametrize("option", ["required=True", 'default="small"'])
@pytest.mark.parametrize("other", ["Squashed", "Plain"])
@pytest.mark.parametrize("way", ["branches", "table"])
def test_what_the_top_level_takes_is_open_in_functions(
    way: str, other: str, option: str, place: str, tmp_path: Path
) -> None:
    choice = CHOICE.format("outer = Plain()", f"outer = {other}()")
    if way == "table":
        choice = f'\nouter = {{"small": Plain, "large": {other}}}[args.kind]()\n'
    files = {"net.py": HEAD + PARTS.replace("{option}", option) + choice + MADE}
    called = IN_FUNCTION if place == "one file" else HEAD + "from net import net\n" + IN_FUNCTION
    name = "net.py" if place == "one file" else "train.py"
    report = linted(tmp_path, files | {name: files.get(name, "") + called})
    assert codes(report) == []
    clean = {code for each in all_examined(report) if each.subject.endswith("fit") for code in each.clean}
    assert "VAE301" in clean
    assert OUTPUT.isdisjoint(clean) is (other == "Squashed")


def test_an_optimizer_holds_whichever_decoder_is_taken(tmp_path: Path) -> None:
    made = '\nouter = {{"small": Plain(), "large": {0}()}}[args.kind]\n'
    found, clean = judged(tmp_path, made.format("Plain"))
    assert found == []
    assert "VAE602" in clean
    assert judged(tmp_path, made.format("Squashed"))[0] == ["VAE401"]
    # Of what is left out, as a second model beside it, the optimizer holds nothing.
    forgotten = TRAINING.replace("net.parameters()", "net.inner.parameters()")
    report = linted(tmp_path, {"net.py": HEAD + PARTS.replace("{option}", "") + made.format("Plain") + forgotten})
    assert codes(report) == ["VAE602"]


@pytest.mark.parametrize(
    ("choice", "option"),
    [
        ("", "required=True"),
        # Both make the same one.
        (CHOICE.format("outer = Plain()", "outer = Plain()"), "required=True"),
        # Which encoder there is says nothing of what is decoded.
        (CHOICE.format("inner = Inner()", "inner = Wider()"), "required=True"),
        (CHOICE.format("outer = Plain()", "outer = Plain()"), 'default="small"'),
    ],
)
def test_the_output_of_a_decoder_that_is_known_is_clean(choice: str, option: str, tmp_path: Path) -> None:
    found, clean = judged(tmp_path, choice, option)
    assert found == []
    assert clean >= OUTPUT


WHOLE = """
import sys


class Base(nn.Module):
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.outer(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


class Small(Base):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.outer = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)


class Large(Base):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Sequential(nn.Linear(84, 7), nn.ReLU()), nn.Linear(84, 7)
        self.outer = nn.Sequential(nn.Linear(7, 84), nn.Sigmoid())
"""
OWN = """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.outer({drawn}), m, s
"""
DRAWN = """
def drawn(m, s):
    return m + torch.exp(0.5 * s) * torch.randn_like(s)


class Base(nn.Module):
    def drawn(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(s)


class Small"""
HANDED_OUT = {
    "match": """
def named(name):
    match name:
        case "first":
            return {0}
        case "second":
            return {1}
        case _:
            raise ValueError(name)
""",
    "ifs": """
def named(name):
    if name == "first":
        return {0}
    if name == "second":
        return {1}
    raise ValueError(name)
""",
    "elif": """
def named(name):
    if name == "first":
        made = {0}
    elif name == "second":
        made = {1}
    else:
        raise ValueError(name)
    return made
""",
}


def handed_out(
    tmp_path: Path, way: str, first: str, second: str, called: bool, whole: str = WHOLE
) -> tuple[list[str], set[str]]:
    """The mistakes that are found where a function hands out one of two models, and what is clean."""
    end = "" if called else "()"
    made = HANDED_OUT[way].format(first + end, second + end)
    made += f"\n\nnet = named(sys.argv[1]){'()' if called else ''}\n"
    training = TRAINING.replace("net = Net(inner, outer)\n", "")
    report = linted(tmp_path, {"net.py": HEAD + whole + made + training})
    return codes(report), {code for each in all_examined(report) if each.is_vae for code in each.clean}


@pytest.mark.parametrize("called", [True, False], ids=["class", "instance"])
@pytest.mark.parametrize("way", HANDED_OUT)
def test_a_model_that_is_handed_out_first_does_not_stand_for_all(way: str, called: bool, tmp_path: Path) -> None:
    found, clean = handed_out(tmp_path, way, "Small", "Large", called)
    assert found == []
    assert not {*OUTPUT, "VAE204"} & clean
    assert {"VAE201", "VAE301", "VAE302", "VAE304", "VAE501"} <= clean
    # One that is wrong is named, and where both are one class nothing is open.
    assert set(handed_out(tmp_path, way, "Large", "Small", called)[0]) == {"VAE204", "VAE401"}
    found, clean = handed_out(tmp_path, way, "Small", "Small", called)
    assert found == []
    assert {*OUTPUT, "VAE204"} <= clean


@pytest.mark.parametrize("drawn", ["self.drawn(m, s)", "drawn(m, s)"])
def test_models_with_one_draw_do_not_stand_for_one_another(drawn: str, tmp_path: Path) -> None:
    models = WHOLE[WHOLE.index("class Small") :].replace("\n\n\nclass Large", f"\n{OWN}\n\nclass Large") + OWN
    whole = "\nimport sys\n\n" + DRAWN + models.replace("{drawn}", drawn).removeprefix("class Small")
    found, clean = handed_out(tmp_path, "ifs", "Small", "Large", True, whole)
    assert found == []
    assert not {*OUTPUT, "VAE204"} & clean
    assert set(handed_out(tmp_path, "ifs", "Large", "Small", True, whole)[0]) == {"VAE204", "VAE401"}
    found, clean = handed_out(tmp_path, "ifs", "Small", "Small", True, whole)
    assert found == []
    assert {*OUTPUT, "VAE204"} <= clean


def test_the_heads_of_another_encoder_are_not_known(tmp_path: Path) -> None:
    found, clean = judged(tmp_path, CHOICE.format("inner = Inner()", "inner = Wider()"))
    assert found == []
    assert "VAE204" not in clean
    assert "VAE204" in judged(tmp_path, "")[1]
