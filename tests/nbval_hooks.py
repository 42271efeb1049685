"""pytest plugin (`-p tests.nbval_hooks`): what strict nbval needs to be reliable, and to hide nothing.

Without CIFAR-10 a chapter trains on the stand-in, whose numbers differ. Its cells then run, an exception still fails,
but outputs are not compared: each such cell is reported as skipped, and the summary counts them by chapter.
"""

import contextlib
import io
from collections import Counter, defaultdict

import pytest
from nbval.plugin import IPyNbCell

NOT_COMPARED = ("NOT COMPARED: there is no CIFAR-10 on this machine, and the stand-in gives other numbers "
                "(`python -m llcourse data cifar10` fetches it)")
KIND = "notebook cell"  # report property: compared, free or not compared
FAILED = ("failed", "error", "xfailed")  # xfailed: nbval's word for the cells after one that timed out
standin = pytest.StashKey[bool]()


def only_standin():
    """True if the images that a chapter would load without a network are generated ones."""
    from llcourse import data
    from llcourse.results import image_source

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return image_source().kind == "standin"
    except data.DataError:
        return False  # CIFAR-10 is there but broken: the chapters are compared, and fail with that message


def pytest_configure(config):
    worker = getattr(config, "workerinput", None)
    config.stash[standin] = worker["standin"] if worker else config.option.nbval and only_standin()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["standin"] = node.config.stash[standin]


def pytest_ignore_collect(collection_path):
    """A learner's own notebooks beside the chapters are none of the tests' business."""
    from llcourse import paths
    from llcourse.course import chapters

    beside = collection_path.parent == paths.root() / "notebooks" and collection_path.suffix == ".ipynb"
    return True if beside and collection_path.name not in chapters.FILES else None


def pytest_itemcollected(item):
    if not isinstance(item, IPyNbCell):
        return
    item.output_timeout = 60  # nbval's 5 s fail on a busy machine
    if "text/html" not in item.parent.skip_compare:
        item.parent.skip_compare += ("text/html",)  # tables: their text/plain is compared
    kind = "compared" if item.options["check"] and not item.options["skip"] else "free"
    if kind == "compared" and item.config.stash[standin]:
        item.options["check"], kind = False, "not compared"
    item.user_properties.append((KIND, kind))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    if (KIND, "not compared") in item.user_properties:
        pytest.skip(NOT_COMPARED)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if isinstance(item, IPyNbCell) and report.failed:  # nbval counts from 0, readers and execution counts from 1
        report.longrepr = f"code cell {item.cell_num + 1} (id {item.cell.get('id')}): {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter):
    chapters = defaultdict(Counter)
    for outcome in ("passed", "skipped", *FAILED):
        for report in terminalreporter.getreports(outcome):
            kind = dict(report.user_properties).get(KIND)
            if kind and (report.when == "call" or report.outcome != "passed"):
                chapters[report.fspath]["failed" if outcome in FAILED else kind] += 1
    if not chapters:
        return
    terminalreporter.section("chapters")
    for chapter, cells in sorted(chapters.items()):
        terminalreporter.line(", ".join([f"{chapter}: {cells['compared']} cells compared", f"{cells['free']} free",
                                         f"{cells['not compared']} NOT COMPARED", f"{cells['failed']} failed"]))
    if any(cells["not compared"] for cells in chapters.values()):
        terminalreporter.line(NOT_COMPARED)
