"""The language server: the linter's findings while one types, what a mistake is on hover, and fixes as code actions."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer
from pygls.workspace import TextDocument

from vae_checked import __version__
from vae_checked.catalogue import find
from vae_checked.cli.configured import config_for, lint_options
from vae_checked.errors import VaeCheckedError
from vae_checked.finding import Finding, Place, Remark, Severity
from vae_checked.linter import LintReport, Options, lint
from vae_checked.linter.fixing.apply_fixes import settling
from vae_checked.linter.run import baseline
from vae_checked.linter.run.fixes import Edit
from vae_checked.linter.run.selection import chosen
from vae_checked.reports.page import markdown_page

SOURCE = "vae-checked"
# How long typing pauses before the text is read again, in seconds.
PAUSE = 0.3
_SEVERITY = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}
_NOTHING_SAID = argparse.Namespace(select=[], ignore=[], exclude=[], force_exclude=True)


class Server(LanguageServer):
    """One client's documents, and what was found in each of them when it was last read."""

    def __init__(self) -> None:
        super().__init__(SOURCE, __version__)
        # One text at a time: the client waits for the newest, not for all.
        self.reader = ThreadPoolExecutor(1)
        # Of a project that is as it was read before, such as for the other documents when one is saved.
        self.cache = TemporaryDirectory(prefix="vae-checked-lsp-")
        self.found: dict[str, tuple[int | None, LintReport]] = {}
        self.waiting: dict[str, asyncio.Task[None]] = {}
        self._complained: set[str] = set()

    # ------------------------------------------------------------------------------------------ diagnostics

    def read_soon(self, uri: str, pause: float) -> None:
        """Read a document after `pause` seconds, unless it is to be read again before that."""
        self.forget(uri)
        self.waiting[uri] = asyncio.get_running_loop().create_task(self._read(uri, pause))

    def forget(self, uri: str) -> None:
        """Read a document no more."""
        task = self.waiting.pop(uri, None)
        if task is not None:
            task.cancel()

    async def _read(self, uri: str, pause: float) -> None:
        await asyncio.sleep(pause)
        path = _path(uri)
        if path is None:
            return
        version = self.workspace.get_text_document(uri).version
        report = await self._in_reader(path)
        document = self.workspace.text_documents.get(uri)
        if document is None or document.version != version:
            return
        self.found[uri] = (version, report)
        diagnostics = [self._diagnostic(document, each) for each in _of(report.findings, path)]
        diagnostics += [self._hint(document, each) for each in _of(report.remarks, path)]
        self.publish(uri, version, diagnostics)

    def publish(self, uri: str, version: int | None, diagnostics: list[types.Diagnostic]) -> None:
        """Tell the client what is in a document."""
        params = types.PublishDiagnosticsParams(uri=uri, version=version, diagnostics=diagnostics)
        self.text_document_publish_diagnostics(params)

    async def _in_reader(self, path: str) -> LintReport:
        texts = self.texts()
        try:
            return await asyncio.get_running_loop().run_in_executor(self.reader, _linted, path, texts, self.cache.name)
        except VaeCheckedError as error:
            # What is being typed is often no Python yet; everything else the user should know, once.
            said = str(error)
            if "not Python" not in said and said not in self._complained:
                self._complained.add(said)
                kind = types.MessageType.Error
                self.window_show_message(types.ShowMessageParams(type=kind, message=f"{SOURCE}: {said}"))
            return LintReport((), (), (), (), (), (), (path,), 0)

    def texts(self) -> dict[str, str]:
        """The documents that are open, by path: what is not saved yet counts."""
        named = ((_path(uri), document) for uri, document in self.workspace.text_documents.items())
        return {path: document.source for path, document in named if path is not None}

    def _diagnostic(self, document: TextDocument, finding: Finding) -> types.Diagnostic:
        related = [
            types.DiagnosticRelatedInformation(
                types.Location(uris.from_fs_path(each.place.path) or document.uri, _line(each.place)), each.message
            )
            for each in finding.related
        ]
        words = [f"{finding.name}: {finding.message}", finding.grounds if finding.evidence else ""]
        return types.Diagnostic(
            range=self.span(document, finding.place),
            severity=_SEVERITY[finding.severity],
            code=finding.code,
            source=SOURCE,
            message="\n".join([*filter(None, words), f"fix: {finding.fix}"]),
            related_information=related or None,
        )

    def _hint(self, document: TextDocument, remark: Remark) -> types.Diagnostic:
        return types.Diagnostic(
            range=_line(remark.place),
            severity=types.DiagnosticSeverity.Hint,
            source=SOURCE,
            message=f"{remark.kind}: {remark.message}",
            tags=[types.DiagnosticTag.Unnecessary],
        )

    # ---------------------------------------------------------------------------------- places in a document

    def span(self, document: TextDocument, place: Place | None) -> types.Range:
        """A place as the client counts it: from 0, and mostly in units of UTF-16."""
        if place is None:
            return types.Range(types.Position(0, 0), types.Position(0, 0))
        end_line, end = place.end_line or place.line, place.end_column or place.column
        return self.range(document, Edit(place.line, place.column, end_line, end, ""))

    def range(self, document: TextDocument, edit: Edit) -> types.Range:
        """The range of an edit, likewise."""
        start, end = (
            types.Position(edit.line - 1, edit.column - 1),
            types.Position(edit.end_line - 1, edit.end_column - 1),
        )
        return self.workspace.position_codec.range_to_client_units(document.lines, types.Range(start, end))

    def findings_at(self, document: TextDocument, wanted: types.Range) -> Iterator[Finding]:
        """The findings of a document that touch a range, if they were found in the text that it has now."""
        version, report = self.found.get(document.uri, (None, None))
        if report is None or version != document.version:
            return
        for finding in _of(report.findings, _path(document.uri) or ""):
            span = self.span(document, finding.place)
            if _key(span.start) <= _key(wanted.end) and _key(wanted.start) <= _key(span.end):
                yield finding

    # -------------------------------------------------------------------------------------------- code actions

    async def actions(self, document: TextDocument, wanted: types.Range) -> list[types.CodeAction]:
        """For each finding in a range: its fix, where there is one that holds, and a comment that silences it."""
        made = []
        for finding in self.findings_at(document, wanted):
            path, texts = _path(document.uri) or "", self.texts()
            loop = asyncio.get_running_loop()
            edits = await loop.run_in_executor(self.reader, _settling, finding, path, texts)
            if edits:
                made.append(self._action(document, finding, f"{finding.code}: {finding.fix}", edits, preferred=True))
            made.append(
                self._action(document, finding, f"{finding.code}: silence on this line", _silence(finding, document))
            )
        return made

    def _action(
        self, document: TextDocument, finding: Finding, title: str, edits: tuple[Edit, ...], preferred: bool = False
    ) -> types.CodeAction:
        changes = [types.TextEdit(self.range(document, edit), edit.text) for edit in edits]
        return types.CodeAction(
            title=title,
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[self._diagnostic(document, finding)],
            is_preferred=preferred or None,
            edit=types.WorkspaceEdit(changes={document.uri: changes}),
        )


def _path(uri: str) -> str | None:
    """The path of a document that is a Python file, None for any other: cells of notebooks, unnamed ones."""
    path = uris.to_fs_path(uri) if uri.startswith("file:") else None
    return path if path is not None and path.endswith(".py") else None


def _options(path: str) -> Options:
    return lint_options(config_for([path]), _NOTHING_SAID)


def _linted(path: str, texts: dict[str, str], cache: str) -> LintReport:
    """The report on one file as its project configures it; what the project's baseline knows is not shown.

    The folder `cache` has the reports of projects by their content.
    """
    config = config_for([path])
    options = lint_options(config, _NOTHING_SAID)
    report = lint([path], texts=texts, options=options, cache=cache)
    if config is None or config.baseline is None:
        return report
    return baseline.load(config.baseline).applied(report, {mistake.code for mistake in chosen(options)})


def _settling(finding: Finding, path: str, texts: dict[str, str]) -> tuple[Edit, ...]:
    try:
        return settling(finding, path, texts, _options(path))
    except VaeCheckedError:
        return ()


def _silence(finding: Finding, document: TextDocument) -> tuple[Edit, ...]:
    line = finding.place.line if finding.place is not None else 1
    column = len(document.lines[line - 1].rstrip("\r\n")) + 1
    return (Edit(line, column, line, column, f"  # {SOURCE}: ignore[{finding.code}]"),)


def _of(found: Any, path: str) -> Iterator[Any]:
    return (each for each in found if each.place is not None and Path(each.place.path) == Path(path))


def _line(place: Place) -> types.Range:
    return types.Range(types.Position(place.line - 1, 0), types.Position(place.line, 0))


def _key(position: types.Position) -> tuple[int, int]:
    return (position.line, position.character)


def server() -> Server:
    """A server with its answers, not yet started."""
    made = Server()

    @made.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        made.read_soon(params.text_document.uri, 0.0)

    @made.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        made.read_soon(params.text_document.uri, PAUSE)

    @made.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        # Another open document may import this one.
        for uri in list(made.workspace.text_documents):
            made.read_soon(uri, 0.0)

    @made.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        made.forget(uri)
        made.found.pop(uri, None)
        made.publish(uri, None, [])

    @made.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        document = made.workspace.get_text_document(params.text_document.uri)
        here = types.Range(params.position, params.position)
        pages = [markdown_page(find(each.code), example=each) for each in made.findings_at(document, here)]
        if not pages:
            return None
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, "\n---\n".join(pages)))

    kinds = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])

    @made.feature(types.TEXT_DOCUMENT_CODE_ACTION, kinds)
    async def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        document = made.workspace.get_text_document(params.text_document.uri)
        return await made.actions(document, params.range)

    return made
