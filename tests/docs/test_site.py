"""The site as `make docs` builds it: links lead somewhere, no other host is asked, and a browser has no complaint."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from paths import ROOT

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
BROWSER = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
LEFT = "net::ERR_ABORTED"  # what was on its way, such as the icon, when the next page was asked for
PHONE = {"width": 390, "height": 844}
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
NOT_LOADED = {"canonical", "next", "prev", "author"}  # relations of a `link` that a browser does not fetch
pytestmark = [pytest.mark.alone, pytest.mark.process]  # one build for all tests of this file


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site: that of the variable SITE, or one that is built in a process of its own."""
    if "SITE" in os.environ:
        return Path(os.environ["SITE"]).resolve()
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, ROOT / "scripts" / "docs" / "build_site.py"]
    arguments = [f"--output={folder / 'site'}", f"--work={folder / 'work'}"]
    built = subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=folder)
    assert built.returncode == 0, built.stderr
    return folder / "site"


def pages_of(site):
    """Return the paths of the pages; `_static` holds templates of the theme."""
    return [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]


class Page(HTMLParser):
    """A page: what it links to, what it loads, and its anchors."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.anchors = [], [], {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values[key] for key in ("id", "name") if values.get(key)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        elif tag in LOADED and values.get(LOADED[tag]) and values.get("rel") not in NOT_LOADED:
            self.loaded.append(values[LOADED[tag]])


def test_links_lead_somewhere_and_nothing_is_of_another_host(site):
    pages = {path: Page(path) for path in pages_of(site)}
    assert len(pages) > 40
    dead = []
    for path, page in pages.items():
        assert not [url for url in page.loaded if urlsplit(url).netloc], path.name
        for url in [*page.links, *page.loaded]:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = target in pages
            if not target.is_file() or (known and unquote(parts.fragment) not in pages[target].anchors):
                dead.append(f"{path.name}: {url}")
    assert not dead


def test_style_sheets_load_nothing_of_another_host(site):
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert "url(http" not in text and "url(//" not in text and '@import "http' not in text, path.name


@pytest.fixture(scope="module")
def address(site):
    """The address of a server of the site on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip(f"needs a Chromium: the variable CHROMIUM, or a command {' or '.join(BROWSERS)}")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def phone(browser, address):
    """A page of a phone's width, and the list of what is wrong with what it shows."""
    page, wrong = browser.new_page(viewport=PHONE), []
    page.on("console", lambda message: message.type in ("error", "warning") and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: request.failure == LEFT or wrong.append(f"failed: {request.url}"))
    page.on("response", lambda answer: answer.status >= 400 and wrong.append(f"{answer.status} {answer.url}"))

    def ask(request):
        if not request.url.startswith((address, "data:")):
            wrong.append(f"asks another host: {request.url}")

    page.on("request", ask)
    yield page, wrong
    page.close()


def test_pages_are_quiet_and_fit_a_phone(site, address, phone):
    page, wrong = phone
    for path in pages_of(site):
        name = path.relative_to(site).as_posix()
        page.goto(f"{address}/{name}", wait_until="load")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            wrong.append(f"{width} pixels wide")
        assert not wrong, name


def test_the_search_finds_a_public_name(address, phone):
    page, wrong = phone
    page.goto(f"{address}/search.html?q=OctConv2D")
    page.wait_for_selector("#search-results li a")
    links = page.eval_on_selector_all("#search-results li a", "links => links.map(link => link.href)")
    assert any("api/layers.html" in link for link in links)
    assert not wrong


def test_what_is_wrong_with_a_page_is_found(address, phone):
    """The checks above can fail: a script that throws, a wide page, a missing file, another host."""
    page, wrong = phone
    page.goto(f"{address}/index.html")
    page.evaluate("console.error('a complaint')")
    page.set_content(f'<img src="{address}/none.png"><script src="https://example.invalid/x.js"></script>')
    page.wait_for_timeout(300)
    assert any("a complaint" in text for text in wrong)
    assert any(text.startswith("404") for text in wrong)
    assert any("asks another host" in text for text in wrong)
    page.set_content('<div style="width: 600px">wide</div>')
    assert page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]
