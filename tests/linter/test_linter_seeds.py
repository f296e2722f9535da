"""A seed that is set before eps is drawn: the same noise at every step, or left open."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from vae_checked.catalogue import CATALOGUE
from vae_checked.linter import LintReport, lint

MODULE = """\
import os

import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.options = options
        self.seed = 5
        self.to_m = nn.Linear(91, 7)
        self.to_s = nn.Linear(91, 7)
        self.out = nn.Linear(7, 91)

    def latent(self, mu, logvar):
{latent}

    def forward(self, x):
        mu, logvar = self.to_m(x), self.to_s(x)
        return torch.sigmoid(self.out(self.latent(mu, logvar))), mu, logvar


def train(loader, options):
    model = Net(options)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for x, _ in loader:
        x_hat, mu, logvar = model(x)
        recon = F.binary_cross_entropy(x_hat, x, reduction="sum")
        loss = recon - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
STD = "std = torch.exp(0.5 * logvar)\n"
RIGHT = f"{STD}return mu + std * torch.randn_like(std)"
SAMPLED = "return mu + std * torch.randn(std.shape, generator=g)"


def module(latent: str = RIGHT) -> str:
    return MODULE.format(latent=indent(latent, " " * 8))


def read(folder: Path, text: str) -> LintReport:
    path = folder / "train.py"
    path.write_text(text, encoding="utf-8")
    return lint([path], select=[mistake.code for mistake in CATALOGUE])


def clean(report: LintReport) -> set[str]:
    return {code for judgement in report.judgements for code in judgement.clean}


# The same eps at every step, and the line that sets the seed.
SEEDED = {
    "a number": (f"torch.manual_seed(3)\n{RIGHT}", "torch.manual_seed(3)"),
    "a setting": (f"seed = int(os.environ['SEED'])\ntorch.manual_seed(seed)\n{RIGHT}", "torch.manual_seed(seed)"),
    "an attribute": (
        f"torch.random.manual_seed(self.options.seed)\n{RIGHT}",
        "torch.random.manual_seed(self.options.seed)",
    ),
    "in training": (
        f"if not self.training:\n    return mu\ntorch.manual_seed(7)\ntorch.cuda.manual_seed_all(7)\n{RIGHT}",
        "torch.manual_seed(7)",
    ),
    "a new generator": (f"{STD}g = torch.Generator().manual_seed(3)\n{SAMPLED}", "torch.Generator().manual_seed(3)"),
    "a generator in steps": (f"{STD}g = torch.Generator()\ng.manual_seed(3)\n{SAMPLED}", "g.manual_seed(3)"),
    "a generator in the call": (
        f"{STD}return mu + std * torch.randn(std.shape, generator=torch.Generator().manual_seed(3))",
        "torch.Generator().manual_seed(3)",
    ),
}


@pytest.mark.parametrize(("latent", "written"), SEEDED.values(), ids=SEEDED)
def test_a_seed_before_each_draw_makes_the_noise_a_constant(latent: str, written: str, tmp_path: Path) -> None:
    report = read(tmp_path, module(latent))
    assert [finding.code for finding in report.findings] == ["VAE207"]
    place = report.findings[0].place
    assert place is not None
    assert place.text[place.column - 1 :].startswith(written)
    assert "the same at every step" in report.findings[0].message
    assert "VAE202" not in clean(report)


LEFT_OPEN = {
    "a seed that is handed in": f"torch.manual_seed(self.seed_of(mu))\n{RIGHT}",
    "a seed that counts on": f"self.seed += 1\ntorch.manual_seed(self.seed)\n{RIGHT}",
    "a step that the trainer counts": f"torch.manual_seed(self.global_step)\n{RIGHT}",
    "a seed under a setting": f"if self.options.again:\n    torch.manual_seed(3)\n{RIGHT}",
    "a second seed, under a setting": (
        f"torch.manual_seed(3)\nif self.options.again:\n    torch.manual_seed(mu.shape[0])\n{RIGHT}"
    ),
    "a state that is given back before the draw": (f"with torch.random.fork_rng():\n    torch.manual_seed(3)\n{RIGHT}"),
}


@pytest.mark.parametrize("latent", LEFT_OPEN.values(), ids=LEFT_OPEN)
def test_a_seed_that_may_vary_leaves_the_noise_open(latent: str, tmp_path: Path) -> None:
    report = read(tmp_path, module(latent))
    assert report.findings == ()
    assert clean(report).isdisjoint({"VAE202", "VAE207"})
    assert {"VAE202", "VAE207"} <= clean(read(tmp_path, module()))


def test_a_seed_before_the_loop_leaves_the_noise_as_it_is(tmp_path: Path) -> None:
    text = module().replace("    model =", "    torch.manual_seed(3)\n    model =")
    assert "VAE202" in clean(read(tmp_path, text))


def stepped(line: str, text: str = "") -> str:
    """The module with a line at the start of each step of training."""
    return (text or module()).replace("    for x, _ in loader:\n", f"    for x, _ in loader:\n        {line}\n")


@pytest.mark.parametrize("written", ["torch.manual_seed(3)", "torch.manual_seed(options.seed)"])
def test_a_seed_at_each_step_of_training_makes_a_constant(written: str, tmp_path: Path) -> None:
    report = read(tmp_path, stepped(written))
    assert [finding.code for finding in report.findings] == ["VAE207"]
    place = report.findings[0].place
    assert place is not None
    assert place.text[place.column - 1 :].startswith(written)


OF_STEPS = {
    "a seed that counts on": "options.step += 1; torch.manual_seed(options.step)",
    "a seed of the data": "torch.manual_seed(len(x))",
    "a seed on a condition": "if options.again: torch.manual_seed(3)",
    "a seed of another generator": "torch.Generator().manual_seed(3)",
}


@pytest.mark.parametrize("line", OF_STEPS.values(), ids=OF_STEPS)
def test_a_seed_at_each_step_that_may_vary_is_no_finding(line: str, tmp_path: Path) -> None:
    assert read(tmp_path, stepped(line)).findings == ()


def test_one_step_after_a_seed_is_no_finding(tmp_path: Path) -> None:
    text = module().replace("    for x, _ in loader:\n", "    x = loader\n    if 1:\n        torch.manual_seed(3)\n")
    assert read(tmp_path, text).findings == ()


ALONE = {
    "a step that is counted": module(f"torch.manual_seed(self.global_step)\n{RIGHT}").partition("def train(")[0],
    "a method that nothing calls": module(f"torch.manual_seed(3)\n{RIGHT}").partition("    def forward(")[0],
}


@pytest.mark.parametrize("text", ALONE.values(), ids=ALONE)
def test_a_seed_in_a_model_that_nothing_trains_leaves_the_noise_open(text: str, tmp_path: Path) -> None:
    report = read(tmp_path, text)
    assert any(facts.sampler.std for facts in report.facts)
    assert report.findings == ()
    assert clean(report).isdisjoint({"VAE202", "VAE207"})


def test_a_seed_of_another_step_leaves_the_noise_as_it_is(tmp_path: Path) -> None:
    other = "    for x, _ in loader:\n        torch.manual_seed(3)\n        print(model(x)[0])\n"
    report = read(tmp_path, f"{module()}\n\ndef show(model, loader):\n{other}")
    assert {"VAE202", "VAE207"} <= clean(report)
    assert report.findings == ()


STEP = "        x_hat, mu, logvar = model(x)\n"
FORWARD = "        mu, logvar = self.to_m(x), self.to_s(x)\n"
LOOP = "    for x, _ in loader:\n"
# The same eps at every step, by a seed that is set outside of the function that draws.
BY_A_CALLER = {
    "a number": (FORWARD, f"        torch.manual_seed(3)\n{FORWARD}"),
    "an attribute": (FORWARD, f"        torch.manual_seed(self.seed)\n{FORWARD}"),
}


@pytest.mark.parametrize(("written", "seeded"), BY_A_CALLER.values(), ids=BY_A_CALLER)
def test_a_seed_that_a_step_sets_before_it_draws_is_named(written: str, seeded: str, tmp_path: Path) -> None:
    report = read(tmp_path, module().replace(written, seeded))
    assert [finding.code for finding in report.findings] == ["VAE207"]
    assert report.findings[0].place is not None
    assert "torch.manual_seed" in report.findings[0].place.text


SEEDING = "\n\ndef set_seed(number):\n    torch.manual_seed(number)\n\n\ndef train("
LEFT_OPEN_BY_A_CALLER = {
    "a step's own number": (STEP, f"        torch.manual_seed(len(x))\n{STEP}"),
    "on a condition": (FORWARD, f"        if self.options.again:\n            torch.manual_seed(3)\n{FORWARD}"),
    "a function of the project": (STEP, f"        set_seed(3)\n{STEP}"),
    "each epoch": (LOOP, "    for epoch in range(9):\n      torch.manual_seed(3)\n      for x, _ in loader:\n"),
}


@pytest.mark.parametrize(("written", "seeded"), LEFT_OPEN_BY_A_CALLER.values(), ids=LEFT_OPEN_BY_A_CALLER)
def test_a_seed_that_a_step_may_set_leaves_the_timing_open(written: str, seeded: str, tmp_path: Path) -> None:
    report = read(tmp_path, module().replace("\n\ndef train(", SEEDING).replace(written, seeded))
    assert report.findings == ()
    # The class alone knows nothing of who trains it.
    trained = [judgement for judgement in report.judgements if judgement.subject.endswith(":train")]
    assert trained
    assert all("VAE207" not in judgement.clean for judgement in trained)


@pytest.mark.parametrize(
    ("written", "seeded"),
    [
        ("    model = Net(options)\n", "    set_seed(3)\n    model = Net(options)\n"),
        (STEP, f"        with torch.random.fork_rng():\n            torch.manual_seed(3)\n{STEP}"),
        (STEP, f"        random.seed(3)\n{STEP}"),
    ],
    ids=["before the loop", "put back", "of another library"],
)
def test_a_seed_that_no_draw_of_a_step_follows_is_passed_over(written: str, seeded: str, tmp_path: Path) -> None:
    report = read(tmp_path, module().replace("\n\ndef train(", SEEDING).replace(written, seeded))
    assert report.findings == ()
    assert {"VAE202", "VAE207"} <= clean(report)


@pytest.mark.parametrize("in_loop", ["model.train()", "train.total = 0", "set_seed(3)"])
def test_the_mode_of_a_model_is_no_call_of_what_trains_it(in_loop: str, tmp_path: Path) -> None:
    text = module().replace("\n\ndef train(", SEEDING)
    text = text.replace("    model = Net(options)\n", "    set_seed(3)\n    model = Net(options)\n")
    text = text.replace(LOOP, f"    for epoch in range(9):\n      {in_loop}\n      for x, _ in loader:\n")
    report = read(tmp_path, text)
    assert report.findings == ()
    trained = [judgement for judgement in report.judgements if judgement.subject.endswith(":train")]
    assert [("VAE207" in judgement.clean) for judgement in trained] == [in_loop != "set_seed(3)"]


ALONE_IN_A_FUNCTION = """

def check(x):
    {first}
    model = Net({{}})
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x_hat, mu, logvar = model(x)
    recon = F.binary_cross_entropy(x_hat, x, reduction="sum")
    loss = recon - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize("first", ["torch.manual_seed(3)", "set_seed(3)", "pass"])
def test_a_seed_before_one_step_alone_leaves_the_noise_as_it_is(first: str, tmp_path: Path) -> None:
    text = module().partition("\n\ndef train(")[0] + SEEDING.partition("\n\ndef train(")[0]
    report = read(tmp_path, text + ALONE_IN_A_FUNCTION.format(first=first))
    assert report.findings == ()
    checked = [judgement for judgement in report.judgements if judgement.subject.endswith(":check")]
    # A seed in the function itself leaves it open.
    assert [("VAE207" in judgement.clean) for judgement in checked] == [first != "torch.manual_seed(3)"]


ON_REQUEST = "{std}if seed is None:\n    {drawn}\nelse:\n{other}return mu + std * eps"
MADE = "torch.randn(std.shape, generator=torch.Generator().manual_seed(seed))"
REQUESTS = {
    "a generator": (
        "    g = torch.Generator()\n    g.manual_seed(seed)\n    eps = torch.empty_like(std).normal_(generator=g)\n"
    ),
    "a generator at once": f"    eps = {MADE}\n",
    "torch": "    torch.manual_seed(seed)\n    eps = torch.randn_like(std)\n",
}
EARLY = f"{STD}if seed is not None:\n    return mu + std * {MADE}\nreturn mu + std * torch.randn_like(std)"
BESIDE = (
    f"{STD}g = torch.Generator().manual_seed(3)\nself.rows = torch.randperm(len(mu), generator=g)\n"
    "return mu + std * torch.randn_like(std)"
)


def on_request(latent: str) -> str:
    return module(latent).replace("def latent(self, mu, logvar):", "def latent(self, mu, logvar, seed=None):")


@pytest.mark.parametrize("latent", [*REQUESTS, "early", "beside", "unused"])
def test_a_seed_that_no_draw_of_training_comes_after_leaves_its_law(latent: str, tmp_path: Path) -> None:
    unused = f"torch.Generator().manual_seed(3)\n{RIGHT}"
    text = {"early": EARLY, "beside": BESIDE, "unused": unused}.get(latent) or ON_REQUEST.format(
        std=STD, drawn="eps = torch.randn_like(std)", other=REQUESTS[latent]
    )
    report = read(tmp_path, on_request(text))
    assert not report.findings
    assert [facts.sampler.noise.value.law.value for facts in report.facts] == ["standard normal"]


@pytest.mark.parametrize("drawn", ["torch.manual_seed(3)\n    eps = torch.randn_like(std)", f"eps = {MADE}"])
def test_a_seed_in_the_branch_of_the_draw_is_named(drawn: str, tmp_path: Path) -> None:
    text = ON_REQUEST.format(std=STD, drawn=drawn.replace("(seed)", "(3)"), other="    eps = torch.zeros_like(std)\n")
    assert "VAE207" in [found.code for found in read(tmp_path, on_request(text)).findings]


def test_a_seed_of_torch_before_the_branches_is_named(tmp_path: Path) -> None:
    text = ON_REQUEST.format(std=STD, drawn="eps = torch.randn_like(std)", other=REQUESTS["a generator at once"])
    text = text.replace("if seed", "torch.manual_seed(3)\nif seed", 1)
    assert "VAE207" in [found.code for found in read(tmp_path, on_request(text)).findings]
