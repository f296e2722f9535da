"""Conditions that are not known: what is wrong whatever they are is said, and what asks for two of them is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, STATISTICS, codes, linted

from vae_checked.linter.roles.phi import resolved
from vae_checked.linter.run import options_together
from vae_checked.linter.symbols.expression import Expr, atom, const, opaque, walk

# ---------------------------------------------------------------- a VAE with any number of conditions

NET = """

class Net(nn.Module):
    def __init__(self, settings, a, b):
        super().__init__()
        self.settings, self.a, self.b = settings, a, b
        self.trunk = nn.Linear(84, 33)
        self.to_m = nn.Linear(33, 7)
        self.to_s = nn.Linear(33, 7)
        self.back = nn.Linear(7, 84)

    def forward(self, x):
        h = self.trunk(x)
"""
SAMPLER, LOG_STD = "std = torch.exp(0.5 * s)", "std = torch.exp(s)"
KL = "kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())"
MEAN_KL = "kl = -0.5 * torch.mean(1 + s - m.pow(2) - s.exp())"
BCE = "error = F.binary_cross_entropy(y, x, reduction='sum')"
LOGITS = "error = F.binary_cross_entropy_with_logits(y, x, reduction='sum')"
MEAN_BCE = "error = F.binary_cross_entropy(y, x)"
SIGMOID, RAW = "y = torch.sigmoid(y)", "y = y * 1.5"
FEATURES = ("tanh", "sin", "cos", "exp", "abs", "erf")


def chosen(flag: str, one: str, other: str) -> str:
    return f"if self.{flag}:\n    {one}\nelse:\n    {other}"


def net(sampler: str = SAMPLER, output: str = SIGMOID, error: str = BCE, kl: str = KL, conditions: int = 0) -> str:
    lines = [f"if self.settings[{i}]:\n    h = torch.{FEATURES[i]}(h) * {i + 2}.5" for i in range(conditions)]
    lines += ["m, s = self.to_m(h), self.to_s(h)", sampler, "z = m + std * torch.randn_like(std)", "y = self.back(z)"]
    lines += [output, error, kl, "return error + kl"]
    body = "\n".join(lines).replace("\n", "\n        ")
    return f"{HEAD}{NET}        {body}\n"


SCRIPT = (
    HEAD
    + """
to_m, to_s, back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)
if __name__ == "__main__":
    for x in DataLoader(records, 32):
        m, s = to_m(torch.tanh(x) if settings else x), to_s(x)
        y = torch.sigmoid(back(m + torch.exp(0.5 * s) * torch.randn_like(s)))
        {error}
        {kl}
        (error + kl).backward()
"""
)
CONDITIONS = range(len(FEATURES) + 1)


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_a_mistake_in_one_branch_is_named_beside_any_others(conditions: int, tmp_path: Path) -> None:
    text = net(chosen("a", LOG_STD, SAMPLER), conditions=conditions)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE201"]


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_a_mistake_of_one_setting_is_named_beside_any_others(conditions: int, tmp_path: Path) -> None:
    text = net(error=chosen("a", MEAN_BCE, BCE), conditions=conditions)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE502", "VAE504"]


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        (net(error=chosen("a", MEAN_BCE, BCE)), ", where a"),
        (net(error=chosen("a", BCE, MEAN_BCE), conditions=2), ", where not a"),
        (net(error=chosen("a == 'mean'", MEAN_BCE, BCE)), ", where self.a == 'mean'"),
        (net(error=chosen("a == 'sum'", BCE, MEAN_BCE)), ", where not (self.a == 'sum')"),
        (net(error=chosen("a", MEAN_BCE, "error = F.mse_loss(y, x, reduction='sum')")), ", where a"),
        (net(error=MEAN_BCE, output=chosen("a", SIGMOID, RAW)), " over the latents"),
        (net(error=MEAN_BCE, conditions=2), " over the latents"),
        (SCRIPT.format(kl=KL, error=MEAN_BCE), " over the latents"),
    ],
)
def test_the_setting_of_a_mistake_is_named(text: str, ending: str, tmp_path: Path) -> None:
    (finding,) = (each for each in linted(tmp_path, {"net.py": text}).findings if each.code == "VAE502")
    assert finding.message.endswith(ending)


@pytest.mark.parametrize("asked", ["settings.sharp", "settings['sharp']", "settings.get('sharp', False)"])
def test_the_setting_under_which_a_head_is_confined_is_named(asked: str, tmp_path: Path) -> None:
    heads, head = "m, s = self.to_m(h), self.to_s(h)\n", "self.to_m = nn.Linear(33, 7)\n"
    of_branch = net().replace(heads, f"{heads}        if self.ASKED:\n            m = torch.relu(m)\n")
    layers = "self.to_m = nn.Sequential(nn.Linear(33, 7), nn.ReLU())\n"
    of_layers = net().replace(head, f"if ASKED:\n            {layers}        else:\n            {head}")
    for text, written in ((of_branch, f"self.{asked}"), (of_layers, asked)):
        assert text != net()
        (finding,) = linted(tmp_path, {"net.py": text.replace("ASKED", asked)}).findings
        assert finding.code == "VAE204"
        assert finding.message.endswith(f", where {written}")


LISTS = (
    "nn.Sequential(nn.Linear(33, 7), *([nn.Tanh()] if settings.sharp else []))",
    "nn.Sequential(*([nn.Linear(33, 7), nn.Tanh()] if settings.sharp else [nn.Linear(33, 7)]))",
    "nn.Sequential(nn.Linear(33, 7), *((nn.ReLU(), nn.Dropout(0.1)) if settings.sharp else ()))",
    "nn.Sequential(nn.Linear(33, 7), nn.Tanh() if settings.sharp else nn.Identity())",
)


@pytest.mark.parametrize("layers", LISTS)
def test_an_activation_in_one_of_two_lists_confines_no_head(layers: str, tmp_path: Path) -> None:
    text = net().replace("self.to_m = nn.Linear(33, 7)", f"self.to_m = {layers}")
    assert codes(linted(tmp_path, {"net.py": text})) == []
    always = net().replace("self.to_m = nn.Linear(33, 7)", "self.to_m = nn.Sequential(nn.Linear(33, 7), nn.Tanh())")
    assert codes(linted(tmp_path, {"net.py": always})) == ["VAE204"]


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_an_output_and_a_loss_of_two_settings_are_not_put_together(conditions: int, tmp_path: Path) -> None:
    text = net(output=chosen("a", SIGMOID, RAW), error=chosen("b", BCE, LOGITS), conditions=conditions)
    assert codes(linted(tmp_path, {"net.py": text})) == []


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_reductions_that_two_settings_choose_are_not_put_together(conditions: int, tmp_path: Path) -> None:
    text = net(error=chosen("a", MEAN_BCE, BCE), kl=chosen("b", MEAN_KL, KL), conditions=conditions)
    assert codes(linted(tmp_path, {"net.py": text})) == []


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("conditions", CONDITIONS)
def test_what_one_setting_chooses_is_put_together(conditions: int, negated: bool, tmp_path: Path) -> None:
    output = "if not self.a:\n    y = torch.sigmoid(y)" if negated else chosen("a", RAW, SIGMOID)
    right = net(output=output, error=chosen("a", LOGITS, BCE), conditions=conditions)
    assert codes(linted(tmp_path / "right", {"net.py": right})) == []
    wrong = net(output=output, error=chosen("a", BCE, LOGITS), conditions=conditions)
    assert codes(linted(tmp_path / "wrong", {"net.py": wrong})) == ["VAE401", "VAE402"]


def test_a_mistake_of_both_of_two_nested_branches_is_named(tmp_path: Path) -> None:
    nested = f"{SAMPLER}\nif self.a:\n    if self.b:\n        {LOG_STD}"
    assert codes(linted(tmp_path, {"net.py": net(nested)})) == ["VAE201"]


@pytest.mark.parametrize(("raw", "expected"), [("self.kind", []), ("True", ["VAE504"])])
def test_a_mistake_that_a_setting_takes_back_is_not_named(raw: str, expected: list[str], tmp_path: Path) -> None:
    assert (
        codes(
            linted(
                tmp_path, {"net.py": STATISTICS.replace("{arguments}", f"out['m'], out['s'], parts=True, raw={raw}")}
            )
        )
        == expected
    )


# ------------------------------------------------------------------------------------ match statements

CASES = """match self.a:
    case "raw":
        y = y * 1.5
    case "squashed" | "default":
        y = torch.sigmoid(y)
    case _:
        y = (torch.tanh(y) + 1) / 2"""


def test_no_case_of_a_match_is_taken_for_the_one_that_is_run(tmp_path: Path) -> None:
    loss = 'match self.a:\n    case "raw":\n        ' + LOGITS + "\n    case _:\n        " + BCE
    assert codes(linted(tmp_path / "right", {"net.py": net(output=CASES, error=loss)})) == []
    swapped = 'match self.a:\n    case "raw":\n        ' + BCE + "\n    case _:\n        " + LOGITS
    assert "VAE402" in codes(linted(tmp_path / "wrong", {"net.py": net(output=CASES, error=swapped)}))


def test_a_mistake_in_a_case_that_is_not_the_last_is_named(tmp_path: Path) -> None:
    cases = (("1", LOG_STD), ("[_, *_]", SAMPLER), ("_", SAMPLER))
    sampler = "match self.a:" + "".join(f"\n    case {pattern}:\n        {body}" for pattern, body in cases)
    assert codes(linted(tmp_path, {"net.py": net(sampler)})) == ["VAE201"]


@pytest.mark.parametrize(("setting", "expected"), [("1", ["VAE201"]), ("2", []), ("None", ["VAE201"])])
def test_a_case_that_is_known_is_the_only_one_run(setting: str, expected: list[str], tmp_path: Path) -> None:
    sampler = f"match {setting}:\n    case 1 | None:\n        {LOG_STD}\n    case other:\n        {SAMPLER}"
    assert codes(linted(tmp_path, {"net.py": net(sampler)})) == expected


def test_a_case_that_returns_leaves_the_rest_to_the_others(tmp_path: Path) -> None:
    early = f"match self.a:\n    case 1:\n        return m\n{SAMPLER}"
    assert codes(linted(tmp_path / "right", {"net.py": net(early)})) == []
    wrong = f"match self.a:\n    case 1:\n        return m\n{LOG_STD}"
    assert codes(linted(tmp_path / "wrong", {"net.py": net(wrong)})) == ["VAE201"]


# ---------------------------------------------------------------------- what a condition asks is no part of a loss


def test_what_an_open_condition_asks_is_no_part_of_the_value() -> None:
    def asked(number: int) -> Expr:
        return opaque("compare:Gt", (atom(f"logged {number}", None), const(float(number))))

    value = atom("error", None)
    for number in range(5):
        weight = Expr("phi", (asked(number), const(number + 2.5), atom(f"weight {number}", None)))
        value = Expr("add", (value, Expr("square", (Expr("sub", (weight, atom(f"other {number}", None))),))))
    names = {node.get("name") for node in walk(*resolved([value])) if node.op == "atom"}
    assert {f"logged {number}" for number in range(5)}.isdisjoint(names)
    assert {f"weight {number}" for number in range(5)} < names


# ------------------------------------------------------------------------------------------- what it costs


@pytest.mark.parametrize(("samplers", "read"), [(3, True), (40, False)])
def test_ways_are_read_where_an_evaluation_has_few_facts(
    samplers: int, read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["loss, y = 0.0, 0.0"]
    for i in range(samplers):
        lines += [f"h = torch.tanh(h) * {i + 2}.5", "m, s = self.to_m(h), self.to_s(h)", chosen("a", LOG_STD, SAMPLER)]
        lines += [
            "z = m + std * torch.randn_like(std)",
            chosen("b", KL, MEAN_KL),
            "y, loss = y + self.back(z), loss + kl",
        ]
    body = "\n".join([*lines, "return loss + F.mse_loss(y, x, reduction='sum')"]).replace("\n", "\n        ")
    asked = []
    begin = options_together._Ways.__init__

    def counted(self: object, *given: object) -> None:
        asked.append(given)
        begin(self, *given)

    monkeypatch.setattr(options_together._Ways, "__init__", counted)
    linted(tmp_path, {"net.py": f"{HEAD}{NET}        {body}\n"})
    assert bool(asked) is read
