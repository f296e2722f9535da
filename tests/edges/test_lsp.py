"""The language server, a process of its own, with a client that talks to it over its standard input and output."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from vae_checked.catalogue import find
from vae_checked.cli import main

pytest.importorskip("pygls", reason="pygls comes with the extra [lsp]")

from lsprotocol import types
from pygls.lsp.client import LanguageClient

ROOT = Path(__file__).resolve().parents[2]
BAD = find("VAE202").bad.replace("  # VAE202", "")
GOOD = find("VAE202").good
LINE = BAD.splitlines().index("        eps = torch.rand_like(std)")
SPAN = types.Range(types.Position(LINE, 14), types.Position(LINE, 34))
PATIENCE = 60.0


class Client(LanguageClient):
    """A client that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__("a test", "1")
        self.told: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.shown: asyncio.Queue[str] = asyncio.Queue()
        self.versions: dict[str, int] = {}

        @self.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def told(params: types.PublishDiagnosticsParams) -> None:
            self.told.put_nowait(params)

        @self.feature(types.WINDOW_SHOW_MESSAGE)
        def shown(params: types.ShowMessageParams) -> None:
            self.shown.put_nowait(params.message)

    def open(self, path: Path, text: str) -> str:
        uri = path.as_uri()
        self.versions[uri] = 1
        item = types.TextDocumentItem(uri=uri, language_id="python", version=1, text=text)
        self.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def type(self, uri: str, text: str) -> None:
        """Replace the whole text."""
        self.versions[uri] += 1
        self.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version=self.versions[uri], uri=uri),
                [types.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    async def diagnostics(self, uri: str) -> list[types.Diagnostic]:
        """What the server says of the newest text of a document."""
        while True:
            params = await asyncio.wait_for(self.told.get(), PATIENCE)
            if params.uri == uri and params.version == self.versions[uri]:
                return list(params.diagnostics)

    async def actions(self, uri: str, span: types.Range) -> list[types.CodeAction]:
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri), span, types.CodeActionContext([]))
        return list(await self.text_document_code_action_async(params) or [])  # type: ignore[arg-type]  none is a command


def served(folder: Path, work: Callable[[Client], Awaitable[None]]) -> int | None:
    """Run `work` against a server that runs in `folder`; the status with which that one exits when it is told to."""

    async def run() -> int | None:
        client = Client()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        await client.start_io(sys.executable, "-m", "vae_checked", "lsp", "--stdio", cwd=folder, env=environment)
        asked = types.InitializeParams(capabilities=types.ClientCapabilities(), root_uri=folder.as_uri())
        await asyncio.wait_for(client.initialize_async(asked), PATIENCE)
        client.initialized(types.InitializedParams())
        await work(client)
        await asyncio.wait_for(client.shutdown_async(None), PATIENCE)
        client.exit(None)
        process: Any = client._server
        return await asyncio.wait_for(process.wait(), PATIENCE)

    return asyncio.run(run())


def applied(text: str, edits: list[types.TextEdit]) -> str:
    """`text` after edits in units of UTF-16, of one line each."""
    lines = text.splitlines(keepends=True)
    for edit in sorted(edits, key=lambda each: (each.range.start.line, each.range.start.character), reverse=True):
        line = lines[edit.range.start.line].encode("utf-16-le")
        start, end = 2 * edit.range.start.character, 2 * edit.range.end.character
        lines[edit.range.start.line] = (line[:start] + edit.new_text.encode("utf-16-le") + line[end:]).decode(
            "utf-16-le"
        )
    return "".join(lines)


def test_open_change_hover_fix_and_close(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(GOOD, encoding="utf-8")

    async def work(client: Client) -> None:
        uri = client.open(path, BAD)
        (found,) = await client.diagnostics(uri)
        assert (found.code, found.source, found.severity) == ("VAE202", "vae-checked", types.DiagnosticSeverity.Error)
        assert found.range == SPAN
        assert found.message.startswith("non-gaussian-noise: ")
        assert "\nfix: eps = torch.randn_like(std)" in found.message

        here = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(LINE, 20))
        page = await client.text_document_hover_async(here)
        assert page is not None
        assert isinstance(page.contents, types.MarkupContent)
        assert page.contents.kind is types.MarkupKind.Markdown
        assert page.contents.value.startswith("# VAE202 non-gaussian-noise")
        elsewhere = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(0, 0))
        assert await client.text_document_hover_async(elsewhere) is None

        fix, silence = await client.actions(uri, types.Range(types.Position(LINE, 16), types.Position(LINE, 16)))
        assert (fix.kind, fix.is_preferred) == (types.CodeActionKind.QuickFix, True)
        assert fix.edit is not None
        assert fix.edit.changes is not None
        client.type(uri, applied(BAD, list(fix.edit.changes[uri])))
        assert await client.diagnostics(uri) == []
        client.type(uri, BAD)
        assert len(await client.diagnostics(uri)) == 1
        assert silence.edit is not None
        assert silence.edit.changes is not None
        client.type(uri, applied(BAD, list(silence.edit.changes[uri])))
        assert await client.diagnostics(uri) == []
        assert await client.actions(uri, types.Range(types.Position(0, 0), types.Position(LINE + 9, 0))) == []

        client.type(uri, BAD)
        assert len(await client.diagnostics(uri)) == 1
        client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))
        last = await asyncio.wait_for(client.told.get(), PATIENCE)
        assert (last.uri, list(last.diagnostics)) == (uri, [])

    assert served(tmp_path, work) == 0
    assert path.read_text(encoding="utf-8") == GOOD
    assert [each.name for each in tmp_path.iterdir()] == ["model.py"]


async def typing_on_ends_in_what_was_typed_last(client: Client, folder: Path) -> None:
    uri = client.open(folder / "model.py", "")
    for end in range(LINE * 20, len(BAD), 97):
        client.type(uri, BAD[:end])
    client.type(uri, BAD)
    (found,) = await client.diagnostics(uri)
    assert found.code == "VAE202"
    client.type(uri, BAD[: BAD.index("rand_like") + 4])
    assert await client.diagnostics(uri) == []
    assert client.shown.empty()


async def places_are_in_units_of_utf_16_and_lines_may_end_in_two_letters(client: Client, folder: Path) -> None:
    text = BAD.replace("eps = torch", "s = '\U0001f600'; eps = torch").replace("\n", "\r\n")
    uri = client.open(folder / "model.py", text)
    (found,) = await client.diagnostics(uri)
    start = 14 + len("s = ''; ") + 2
    assert found.range == types.Range(types.Position(LINE, start), types.Position(LINE, start + 20))
    fix, _ = await client.actions(uri, found.range)
    assert fix.edit is not None
    assert fix.edit.changes is not None
    assert applied(text, list(fix.edit.changes[uri])) == text.replace("rand_like", "randn_like")


async def what_another_file_holds_counts_as_it_is_typed(client: Client, folder: Path) -> None:
    """A loss beside the model that is open, first as it is saved, then as it is typed."""
    bad = find("VAE201").bad
    head, _, loss = bad.partition("def loss_function")
    (folder / "pyproject.toml").write_text('[tool.vae-checked]\nselect = ["VAE201"]\n', encoding="utf-8")
    imports = "import torch\nimport torch.nn.functional as F\n\n\n"
    other = f"{imports}def loss_function{loss}"
    (folder / "loss.py").write_text(other, encoding="utf-8")
    train = "def train(x):\n    out, mu, logvar = VAE()(x)\n    loss_function(out, x, mu, logvar).backward()\n"
    uri = client.open(folder / "model.py", f"from loss import loss_function\n{head}\n\n{train}")
    (found,) = await client.diagnostics(uri)
    assert found.code == "VAE201"
    assert found.related_information is not None
    assert found.related_information[0].location.uri == (folder / "loss.py").as_uri()
    beside = client.open(
        folder / "loss.py",
        other.replace("1 + logvar", "1 + 2 * logvar").replace("logvar.exp()", "(2 * logvar).exp()"),
    )
    await client.diagnostics(beside)
    client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(beside)))
    assert await client.diagnostics(uri) == []


async def unused_comments_are_hints_and_bad_configuration_is_said_once(client: Client, folder: Path) -> None:
    idle = GOOD.replace("torch.randn_like(std)", "torch.randn_like(std)  # noqa: VAE202")
    uri = client.open(folder / "model.py", idle)
    (hint,) = await client.diagnostics(uri)
    assert (hint.severity, hint.range.start.line) == (types.DiagnosticSeverity.Hint, LINE)
    assert list(hint.tags or []) == [types.DiagnosticTag.Unnecessary]
    (folder / "pyproject.toml").write_text('[tool.vae-checked]\nslect = ["VAE2"]\n', encoding="utf-8")
    for _ in range(2):
        client.type(uri, BAD)
        assert await client.diagnostics(uri) == []
    said = await asyncio.wait_for(client.shown.get(), PATIENCE)
    assert "unknown key 'slect' (did you mean select?)" in said
    assert client.shown.empty()
    notebook = client.open(folder / "walk.ipynb", "{}")
    client.open(folder / "other.py", "x = 1\n")
    assert await client.diagnostics((folder / "other.py").as_uri()) == []
    assert await client.actions(notebook, SPAN) == []


async def what_a_baseline_knows_is_not_shown(client: Client, folder: Path) -> None:
    (folder / "model.py").write_text(BAD, encoding="utf-8")
    assert main(["lint", str(folder), "--baseline", str(folder / "known.json"), "--write-baseline"]) == 0
    (folder / "pyproject.toml").write_text('[tool.vae-checked]\nbaseline = "known.json"\n', encoding="utf-8")
    uri = client.open(folder / "model.py", BAD)
    assert await client.diagnostics(uri) == []
    client.type(uri, BAD.replace("torch.exp(0.5 * logvar)", "torch.exp(logvar)"))
    assert [each.code for each in await client.diagnostics(uri)] == ["VAE201"]


SESSIONS = (
    what_a_baseline_knows_is_not_shown,
    typing_on_ends_in_what_was_typed_last,
    places_are_in_units_of_utf_16_and_lines_may_end_in_two_letters,
    what_another_file_holds_counts_as_it_is_typed,
    unused_comments_are_hints_and_bad_configuration_is_said_once,
)


def test_one_server_serves_many_documents(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        for session in SESSIONS:
            folder = tmp_path / session.__name__
            folder.mkdir()
            await session(client, folder)

    assert served(tmp_path, work) == 0


def test_without_pygls_the_extra_is_named(tmp_path: Path) -> None:
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from vae_checked.cli import main; sys.exit(main(['lsp']))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "vae-checked: error: the language server needs the package 'pygls', which is not installed: "
        "pip install 'vae-checked[lsp]'\n"
    )


def test_the_documents_of_a_project_are_read_from_one_examination(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vae_checked import lsp
    from vae_checked.linter.run import project_run

    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'mine'\n", encoding="utf-8")
    texts = {str(tmp_path / "model.py"): BAD, str(tmp_path / "use.py"): "from model import VAE\n\nvae = VAE()\n"}
    for path, text in texts.items():
        Path(path).write_text(text, encoding="utf-8")
    examined = []
    lint_project = project_run.lint_project
    monkeypatch.setattr(project_run, "lint_project", lambda *all_: (examined.append(1), lint_project(*all_))[1])
    model, use = texts
    found = [lsp._linted(path, texts, str(tmp_path / "cache")).findings for path in (model, use, model)]
    assert [[each.code for each in findings] for findings in found] == [["VAE202"], [], ["VAE202"]]
    assert len(examined) == 1
    assert lsp._linted(model, {**texts, model: GOOD}, str(tmp_path / "cache")).findings == ()
    assert len(examined) == 2
