"""The report in a browser: it asks nothing of the network, and its parts work."""

import json
import re

import pytest

import dsl.cli

TINY = """
net tiny
input 8x8x1
conv 4 3x3 same relu
maxpool 2
dense 10 softmax
train { data digits validation=0.2; optimizer adam lr=0.01; epochs 2 }
"""

# Uses the page as a reader would, and leaves what it saw in the title.
USE = """
const seen = {};
const query = (q) => document.querySelector(q);
const key = (target, name) =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
const visible = (name) => query(`.tab[data-name="${name}"]`).offsetParent !== null;
const box = () => query(".drawing-view:not([hidden]) svg").getAttribute("viewBox");
seen.first = [visible("layers"), visible("costs")];
const tab = query('[role="tab"][aria-selected="true"]');
tab.focus();
key(tab, "End");
seen.last = [visible("layers"), visible("costs"), document.activeElement.textContent];
key(document.activeElement, "Home");
const start = box();
const frame = query(".drawing-window");
key(frame, "+");
seen.enlarged = box() !== start;
const before = box();
key(frame, "ArrowDown");
seen.moved = box() !== before;
const views = () => [...query(".drawing").querySelectorAll(".drawing-view")].map((v) => v.hidden);
seen.folded = views();
query(".fold").click();
seen.unfolded = views();
seen.wide = document.documentElement.scrollWidth <= innerWidth;
seen.ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
seen.unnamed = [...document.querySelectorAll("img")].filter((i) => !i.alt).length;
document.title = JSON.stringify(seen);
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "tiny.net").write_text(TINY)
    arguments = ["train", f"{folder}/tiny.net", "--out", f"{folder}/run", "--limit", "200"]
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TG_NO_REPORT")
        with pytest.raises(SystemExit) as end:
            dsl.cli.main([*arguments, "--quiet"])
    assert end.value.code == 0
    return folder / "run" / "report.html"


def test_the_report_in_a_browser(report, browse):
    visit = browse(report, USE)
    assert visit.console == []
    assert visit.requests == []
    title = re.search("<title>(.*?)</title>", visit.dom)
    assert title is not None
    seen = json.loads(title[1])
    assert seen["first"] == [True, False]
    assert seen["last"] == [False, True, "costs"]
    assert seen["enlarged"]
    assert seen["moved"]
    assert seen["folded"] == [False, True]
    assert seen["unfolded"] == [True, False]
    assert seen["wide"], "the page is wider than the window"
    assert len(seen["ids"]) == len(set(seen["ids"]))
    assert seen["unnamed"] == 0


def test_a_request_would_be_seen(tmp_path, browse):
    page = tmp_path / "page.html"
    page.write_text('<body><script nonce="x"></script><img src="https://localhost:9/a.png"></body>')
    assert any("localhost" in url for url in browse(page).requests)


def test_what_a_page_loads_from_elsewhere_is_refused(report, browse):
    visit = browse(report, "const i = new Image(); i.src = 'https://localhost:9/a.png';")
    assert visit.requests == []
    assert any("Content Security Policy" in line for line in visit.console)
