"""A model that a library's base class loads is one of the class that is asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

from vae_checked.linter import LintReport

TEXT = (
    HEAD
    + """
from transformers import BartConfig, BartPreTrainedModel
from transformers.modeling_outputs import Seq2SeqLMOutput


class Variational({base}):
    def __init__(self, config, latents=7, wide=33):
        super().__init__(config)
        self.config = config
        self.to_m, self.to_s = nn.Linear(wide, latents), nn.Linear(wide, latents)
        self.back = nn.Linear(latents, 84)

    def forward(self, x, return_dict=None):
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
        h = self.encoder(x)[0]
        mu, logvar = self.to_m(h), self.to_s(h)
        z = mu + torch.exp({std}) * torch.randn_like(logvar)
        logits = self.back(z)
        if not return_dict:
            return (logits,) + h[1:]
        out = Seq2SeqLMOutput(logits=logits, past_key_values=None)
        out.mu, out.logvar = mu, logvar
        return out


class Module:
    def __init__(self, base="facebook/bart-base"):
        self.model = {made}

    def training_step(self, batch, index):
        out = self.model(batch["words"], labels=batch["words"])
        error = F.cross_entropy(out.logits.transpose(1, 2), batch["words"], reduction="none").sum(1).mean()
        kl = (-0.5 * (1 + out.logvar - out.mu**2 - out.logvar.exp())).sum(1).mean()
        return error + 0.1 * kl
"""
)
MADE = {
    "from_pretrained": "Variational.from_pretrained(base, config=BartConfig.from_pretrained(base), revision='main')",
    "load_from_checkpoint": "Variational.load_from_checkpoint('last.ckpt', latents=9)",
    "from_config": "Variational.from_config(BartConfig())",
}


def read(tmp_path: Path, made: str, std: str, base: str = "BartPreTrainedModel") -> LintReport:
    return linted(tmp_path, {"words.py": TEXT.format(made=made, std=std, base=base)})


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_a_model_that_its_class_loads_is_read(made: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, made, "logvar")) == ["VAE201"]


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_a_model_that_its_class_loads_and_that_is_right(made: str, tmp_path: Path) -> None:
    report = read(tmp_path, made, "0.5 * logvar")
    assert joined(report)
    assert codes(report) == []


def test_a_way_of_loading_that_the_class_writes_itself_is_followed(tmp_path: Path) -> None:
    own = (
        "    @classmethod\n    def from_pretrained(cls, name):\n        return load_something(name)\n\n    def forward("
    )
    text = TEXT.format(made="Variational.from_pretrained(base)", std="logvar", base="nn.Module")
    report = linted(tmp_path, {"words.py": text.replace("    def forward(", own, 1)})
    assert not joined(report)
