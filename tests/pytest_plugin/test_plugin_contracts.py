"""`pytest --vae-contracts`: what a package says of its shapes, held to in its tests."""

from __future__ import annotations

import pytest
from test_plugin import Run, project

__all__ = ["project"]  # a fixture, which pytest finds by its name

SAID = """
from torch import nn

class VAE(nn.Module):
    # shapes: x: Float[Tensor, "B 3"]
    def forward(self, x):
        return x

# shapes: y: Float[Tensor, "B 3"]
def misnamed(x): return x
"""
USED = """
import pytest
import torch
from spoken.model import VAE

def test_right():
    assert VAE()(torch.zeros(2, 3)).shape == (2, 3)

def test_wrong():
    with pytest.raises(TypeError, match="axis 1 is 4, the contract says 3"):
        VAE()(torch.zeros(2, 4))
"""


def test_comments_on_shapes_are_held_to_in_a_run_that_asks(project: Run, pytester: pytest.Pytester) -> None:
    pytester.mkpydir("spoken")
    (pytester.path / "spoken" / "model.py").write_text(SAID, encoding="utf-8")
    pytester.makepyfile(test_own=USED)
    pytester.makeconftest("import spoken.model")
    result = project("--vae-contracts", "spoken", "test_own.py", tables=None)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "vae-checked: spoken: 1 functions and classes came under contract",
            "  not under contract: spoken.model.misnamed: # shapes: y: *: misnamed has no argument 'y'",
            "vae-checked: 1 of 1 contract active, 2 calls checked",
        ]
    )


def test_a_package_that_came_under_no_contract_is_no_success(project: Run) -> None:
    result = project("--vae-contracts", "nothing_of_the_kind", "test_own.py", tables=None, own_process=False)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["vae-checked: nothing_of_the_kind: 0 functions and classes came under contract"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
