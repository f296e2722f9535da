"""In a running notebook: reports show themselves, the magic reads a cell, places are cells and lines."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from small_vaes import spellings as zoo

import vae_checked
from vae_checked.catalogue import find
from vae_checked.linter import lint
from vae_checked.notebook import lint_last
from vae_checked.session import prompt_of
from vae_checked.shapes import infer

SAMPLER = """\
def reparameterize(mu, logvar):
    std = torch.exp(0.5 * logvar)
    return mu + torch.rand_like(std) * std
"""
MODEL = find("VAE201").bad


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    made = InteractiveShell.instance()
    made.run_cell("%load_ext vae_checked", store_history=True)
    yield made
    InteractiveShell.clear_instance()


def test_the_magic_shows_what_is_found_in_the_cell_and_runs_it(shell: InteractiveShell) -> None:
    shell.run_cell("import torch", store_history=True)
    number = shell.execution_count
    with capture_output() as shown:
        shell.run_cell(f"%%vae_lint\n{SAMPLER}", store_history=True).raise_error()
    assert f"notebook.ipynb:cell {number}:4" in shown.outputs[0].data["text/plain"]
    assert f"notebook.ipynb, cell {number}, line 4" in shown.outputs[0].data["text/html"]
    assert "reparameterize" in shell.user_ns
    with capture_output() as shown:
        shell.run_cell(f"%%vae_lint VAE3\n{SAMPLER}", store_history=True).raise_error()
    assert "VAE202" not in shown.outputs[0].data["text/plain"]


def test_findings_of_earlier_cells_are_not_shown_again() -> None:
    cells = ["", "import torch", SAMPLER, "x = 1"]
    assert lint_last(cells).findings == ()
    (found,) = lint_last(cells[:3]).findings
    assert (found.code, str(found.place)) == ("VAE202", "notebook.ipynb:cell 2:3")


def test_an_audit_names_the_cell_in_which_a_model_was_defined(shell: InteractiveShell) -> None:
    number = shell.execution_count
    shell.run_cell(MODEL, store_history=True).raise_error()
    report = vae_checked.audit(shell.user_ns["VAE"](), loss=shell.user_ns["loss_function"])
    (found,) = report.findings
    line = next(n for n, text in enumerate(MODEL.splitlines(), 1) if "# VAE201" in text)
    assert found.place is not None
    assert (found.place.path, found.place.cell) == ("notebook.ipynb", number)
    assert abs(found.place.line - line) <= 2  # std and the sample that is made of it
    assert f"notebook.ipynb, cell {number}, line {found.place.line}" in report._repr_html_()


def test_a_cell_below_the_magic_keeps_its_number(shell: InteractiveShell) -> None:
    number = shell.execution_count
    with capture_output():
        shell.run_cell("%%vae_lint\ndef below(): pass", store_history=True).raise_error()
    assert prompt_of(shell.user_ns["below"].__code__.co_filename) == number
    assert shell.execution_count == number + 1


def test_a_file_is_no_cell_of_the_session(shell: InteractiveShell) -> None:
    assert shell.execution_count
    assert prompt_of(__file__) is None


def test_reports_show_themselves_and_are_short_in_words() -> None:
    linted = lint(["model.py"], texts={"model.py": MODEL})
    shapes = infer(zoo.Base(), "B 3 8 12")
    audited = vae_checked.audit(zoo.Base(), "B 3 8 12")
    for shown in (linted, shapes, audited):
        piece = shown._repr_html_()
        assert piece.startswith('<div class="vae-checked"><style>.vae-checked {')
        assert piece.rstrip().endswith("</div>")
        assert "<iframe" not in piece
        assert "<script" not in piece
        assert "http" not in piece
        assert len(repr(shown)) < 300
    assert "VAE201" in linted._repr_html_()
    assert str(linted).splitlines()[-1] == "1 error"
    assert repr(shapes).startswith("<ModelShapes of Base: input B 3 8 12, ")


def test_two_reports_on_one_page_share_no_anchor() -> None:
    first = lint(["a.py"], texts={"a.py": MODEL})._repr_html_()
    second = lint(["b.py"], texts={"b.py": MODEL})._repr_html_()
    marks = [{part.partition('"')[0] for part in page.split(' id="')[1:]} - {"tip"} for page in (first, second)]
    assert marks[0]
    assert not marks[0] & marks[1]


def test_shapes_are_there_without_an_import_of_their_own() -> None:
    code = "import vae_checked, sys; assert 'torch' not in sys.modules; vae_checked.shapes.infer"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_of_ipython_is_imported_outside_of_it() -> None:
    code = """
        import sys
        import vae_checked
        from vae_checked.linter import lint
        from vae_checked.session import prompt_of
        report = lint(["a.py"], texts={"a.py": "x = 1"})
        costly = {"IPython", "vae_checked.notebook", "vae_checked.reports.html"}
        print(prompt_of("a.py"), sorted(costly & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True)
    assert done.stdout == "None []\n"


def test_a_class_is_refused_with_what_one_gives_in_its_place() -> None:
    for run in (vae_checked.audit, infer, vae_checked.Monitor):
        with pytest.raises(
            vae_checked.VaeCheckedError, match=r"model is the class Base: give an instance of it, as in Base"
        ):
            run(zoo.Base)  # type: ignore[arg-type]


def test_one_path_is_read_as_a_list_of_it(tmp_path: Path) -> None:
    path = tmp_path / "vae.py"
    path.write_text(MODEL, encoding="utf-8")
    for given in (str(path), path, [path]):
        assert [each.code for each in lint(given).findings] == ["VAE201"]
