"""What the repository holds: links that resolve, no address of a registry, no path of somebody's machine, no images."""

import re
import subprocess

import pytest

from llcourse import paths
from llcourse.course import chapters
from tests.guards.links import broken_links

REGISTRY = re.compile(r"pypi\.(?:org|python)|files\.pythonhosted|download\.pytorch"
                      r"|(?:extra-)?index[-_]url\s*[=:]|conda\.anaconda",
                      re.IGNORECASE)
MACHINE = re.compile(r"(?<![\w.:/~$}])/(?:work|tmp|opt|root|home|Users)/\w")


def files(which="-co"):
    """Tracked files, and new ones that git does not ignore; -c: tracked files alone."""
    listed = subprocess.run(["git", "ls-files", which, "--exclude-standard"], cwd=paths.root(),
                            capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: what belongs to the project cannot be told from what does not")
    return [path for name in listed.stdout.splitlines() if (path := paths.root() / name).is_file()]


def texts():
    for path in files():
        if path.suffix not in (".png", ".jpg", ".jpeg", ".pdf", ".safetensors"):
            yield path.relative_to(paths.root()), path.read_text(encoding="utf-8")


@pytest.mark.parametrize("pattern", [REGISTRY, MACHINE], ids=["registry", "machine path"])
def test_no_address_of_one_place(pattern):
    assert not {str(name): found.group(0) for name, text in texts() if (found := pattern.search(text))}


def test_the_patterns_find_what_they_are_for():
    assert REGISTRY.search("pip install --index-url" + "=x") and MACHINE.search("open('" + "/home" + "/ada/x')")


def test_markdown_links_resolve():
    broken = {str(path.relative_to(paths.root())): list(broken_links(path.read_text(encoding="utf-8"), path.parent))
              for path in files() if path.suffix == ".md"}
    assert not {name: targets for name, targets in broken.items() if targets}


def test_no_images_of_a_data_set_are_kept():
    assert not [path.name for path in files() if path.suffix in (".jpg", ".jpeg", ".npy", ".gz", ".tar", ".bin")]


def test_every_notebook_of_the_repository_is_a_chapter():
    assert sorted(path.name for path in files("-c") if path.suffix == ".ipynb") == sorted(chapters.FILES)
