"""A JupyterLab of its own on one notebook, in a Chromium without a window; what a reader's hands and eyes do there."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from llcourse import paths

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
START, SOON, CHAPTER = 90, 60, 240  # seconds: a server's start, an answer, a chapter, on two cores that others use too
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}


@contextlib.contextmanager
def opened(notebook, folder):
    """A Lab with `notebook` open and its kernel started. `folder`: an empty one. Skips without playwright and
    Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser:
        pytest.skip("no Chromium on PATH: install the system's package chromium")
    with _server(notebook, folder) as url, playwright.sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = chromium.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(1000 * SOON)
        playwright.expect.set_options(timeout=1000 * SOON)
        page.goto(url, timeout=1000 * START)
        lab = Lab(page, playwright.expect)
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=1000 * START)
        lab.wait_for_kernel(START)
        yield lab
        chromium.close()


@contextlib.contextmanager
def _server(notebook, folder):
    """The address of a server of its own: no setting, workspace or kernel of this user's is read or changed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    news = folder / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps(NO_NEWS))
    own = {f"JUPYTER{name}_DIR": str(folder / name.lower()) for name in
           ("_CONFIG", "_DATA", "_RUNTIME", "LAB_SETTINGS", "LAB_WORKSPACES")} | {
               "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "IPYTHONDIR": str(folder / "ipython")}
    environment = {name: text for name, text in os.environ.items() if name != "LLCOURSE_PROGRESS"}  # bars are looked at
    environment |= own | {"PYTHONPATH": str(paths.root()), "LLCOURSE_OFFLINE": "1"}
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
             f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=reader",
             f"--ServerApp.root_dir={notebook.parent}"],
            cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        end = time.monotonic() + START
        while not _answers(port):
            assert server.poll() is None and time.monotonic() < end, (folder / "server.log").read_text()[-2000:]
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/lab/tree/{notebook.name}?token=reader"
    finally:
        server.terminate()  # it ends its kernels
        server.wait(30)


def _answers(port):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token=reader", timeout=5).status == 200
    except OSError:
        return False


class Lab:
    """A notebook on the screen. Cells are found by the position in the notebook."""

    def __init__(self, page, expect):
        self.page, self.expect = page, expect

    def cell(self, number):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def wait_for_kernel(self, seconds):
        named = self.page.locator("#jp-main-statusbar")  # the toolbar says idle before it has a kernel
        self.expect(named).to_contain_text("| Idle", timeout=1000 * seconds)

    def run_all(self):
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def run(self, number):
        """Run one cell, as Ctrl-Enter does."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def type_into(self, number, text):
        """Replace a cell's source by typing."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)

    def wait_for_output(self, number, text, seconds=SOON):
        """The output of a cell, once `text` (a regular expression) stands in it."""
        outputs = self.cell(number).locator(".jp-OutputArea")
        self.expect(outputs).to_contain_text(re.compile(text), timeout=1000 * seconds)
        return outputs.inner_text()

    def stop(self):
        self.page.locator("[data-jp-item-name=interrupt] jp-button").click()

    def save(self):
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+S")

    def box(self, locator):
        """Left, top, right and bottom of an element on the screen, in CSS pixels."""
        found = locator.bounding_box()
        return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]
