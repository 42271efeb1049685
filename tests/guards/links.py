"""Relative links in Markdown that lead nowhere."""

import re
from urllib.parse import unquote

LINK = re.compile(r"""\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|<(?:a|img)\b[^>]*\b(?:href|src)=["']([^"']+)["']""")
FENCED = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def broken_links(text, folder):
    """Targets in `text`, which lies in `folder`, that are relative and do not exist."""
    for match in LINK.finditer(FENCED.sub("", text)):
        target = (match[1] or match[2]).split("#")[0]
        if target and not re.match(r"[a-z]+:|//", target) and not (folder / unquote(target)).exists():
            yield target
