"""A JupyterLab of the tests' own, driven by a browser.

It works on a copy of the project, so that what a test does in it (running, saving, params files) stays there:

    with running_lab(folder) as lab, browser() as chromium:
        page = lab.open(chromium, "00_start_here.ipynb", theme="dark")
        lab.run_all(page)
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
START_SECONDS = 60


class Lab:
    """A running JupyterLab: `url`, its `project` folder (a copy), `notebooks` in it."""

    def __init__(self, url: str, token: str, project: Path):
        self.url, self.token, self.project, self.notebooks = url, token, project, project / "notebooks"

    def open(self, browser: Any, notebook: str, *, theme: str = "light", width: int = 1280, height: int = 900) -> Any:
        """A page of its own on a notebook, with a fresh kernel ready. `theme` is "light" or "dark"."""
        for session in self._ask("GET", "/api/sessions"):
            if session["path"] == notebook:
                self._ask("DELETE", f"/api/sessions/{session['id']}")
        self._ask("PUT", "/lab/api/settings/@jupyterlab/apputils-extension:themes", {"raw": json.dumps({"theme": THEMES[theme]})})
        page = browser.new_context(viewport={"width": width, "height": height}).new_page()
        page.set_default_timeout(15_000)
        page.goto(f"{self.url}/lab/tree/{notebook}?reset&token={self.token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        page.wait_for_function("() => document.body.dataset.jpThemeName === " + json.dumps(THEMES[theme]), timeout=30_000)
        page.wait_for_function("() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", timeout=60_000)
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        return page

    def run_all(self, page: Any, seconds: float = 60) -> None:
        """Run every cell, also those that have run, and wait for the last one's end."""
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(
            "() => { const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(w => w.model.type === 'code' && "
            "w.model.sharedModel.getSource().trim()); return cells.every(w => w.model.executionCount && w.model.sharedModel.executionState !== 'running') }",
            timeout=seconds * 1000)

    def save(self, page: Any) -> dict[str, Any]:
        """Save the notebook on the page, and read the file."""
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
        path = page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
        return json.loads((self.notebooks / path).read_text("utf-8"))

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.url + path, data, headers, method=method), timeout=30) as answer:
            return json.loads(answer.read() or "null")


def copy_project(folder: Path) -> Path:
    """The project's library, notebooks and the committed params, in a folder."""
    project = folder / "project"
    for part in ("byoc_helpers", "notebooks"):
        shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    (project / "params").mkdir()
    for name in ("demo.yaml", "schema.json"):
        shutil.copy(ROOT / "params" / name, project / "params")
    (project / "outputs").mkdir()
    return project


@contextlib.contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """JupyterLab on a copy of the project in `folder`, with settings, practice clouds and port of its own."""
    project, token = copy_project(folder), secrets.token_hex(16)
    runtime, pages = folder / "runtime", folder / "config" / "labconfig"
    for made in (runtime, pages):
        made.mkdir(parents=True)
    (pages / "page_config.json").write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    environment = {**os.environ, "PYTHONPATH": str(project), "JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_RUNTIME_DIR": str(runtime),
                   "JUPYTER_DATA_DIR": str(folder / "data"), "IPYTHONDIR": str(folder / "ipython"), "PYDEVD_DISABLE_FILE_VALIDATION": "1",
                   "BYOC_SANDBOX_HOME": str(folder / "sandbox"), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
                   "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root", f"--IdentityProvider.token={token}",
               "--LabApp.expose_app_in_browser=True", "--ServerApp.root_dir=" + str(project / "notebooks")]
    with (folder / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=project / "notebooks", env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield Lab(_address(runtime, server, folder / "lab.log"), token, project)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        from byoc_helpers import sandbox

        sandbox.stop(folder / "sandbox")


def _address(runtime: Path, server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            with contextlib.suppress(ValueError):
                url = json.loads(path.read_text("utf-8"))["url"].rstrip("/")
                with contextlib.suppress(OSError), urlopen(f"{url}/api", timeout=5):
                    return url
        time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Chromium; the test is skipped where it, or playwright, is not installed."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


def unfold(form: Any) -> None:
    """Show every section's settings that may stay as they are."""
    from playwright.sync_api import expect

    closed = form.get_by_role("button", name=re.compile(r"\bShow \d"))
    for left in reversed(range(closed.count())):
        closed.first.press("Enter")
        expect(closed).to_have_count(left)  # pressed again too soon, it would close
