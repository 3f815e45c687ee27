"""English words replaced by the Chinese of the trade, as src/text/gloss.rs does: the models know little English."""

import re
from functools import cache
from pathlib import Path

GLOSSARY = Path(__file__).parent.parent / "models" / "lexical" / "glossary.tsv"
LONGEST = 4  # words of a phrase
WORD = re.compile(r"[a-z]+(?:[&'][a-z]+)*")
JOINED = re.compile(r"[a-z0-9]")
HAN = r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]"
# Endings that a word may have besides its base form, and what the base form has instead.
ENDINGS = (("'s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e"))


@cache
def glossary():
    """What stands for each word or phrase."""
    rows = (line.split("\t") for line in GLOSSARY.read_text(encoding="utf-8").splitlines())
    return {english: chinese for english, chinese in rows}


def forms(word):
    """The word as it stands, then its base forms."""
    yield word
    for ending, instead in ENDINGS:
        if word.endswith(ending) and len(word) >= len(ending) + 3:
            yield word[: -len(ending)] + instead


def gloss(text):
    """A normalised lower-case text with every phrase or word of the glossary replaced, the longest first."""
    known = glossary()
    joined = lambda at: 0 <= at < len(text) and JOINED.match(text[at])
    words = [word for word in WORD.finditer(text) if not joined(word.start() - 1) and not joined(word.end())]
    out, end, at = [], 0, 0
    while at < len(words):
        for count in range(min(LONGEST, len(words) - at), 0, -1):
            group = words[at : at + count]
            if any(text[one.end() : other.start()] not in (" ", "-") for one, other in zip(group, group[1:])):
                continue
            head = [word.group() for word in group[:-1]]
            found = next((key for form in forms(group[-1].group()) if (key := " ".join([*head, form])) in known), None)
            if found is not None:
                out += [text[end : group[0].start()], known[found]]
                end = group[-1].end()
                at += count
                break
        else:
            at += 1
    out.append(text[end:])
    text = re.sub(r" +", " ", "".join(out)).strip()
    return re.sub(f"(?<={HAN}) (?={HAN})", "", text)
