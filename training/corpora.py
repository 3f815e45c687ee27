"""Reading the corpora: plain text by weighted source, sentence pairs, and labelled texts."""

import hashlib
import io
import json
import random
import re
import unicodedata
from pathlib import Path

import zstandard
from opencc import OpenCC

from gloss import gloss

# The labels of real texts, by the hash of the text; the texts themselves stay with the corpora.
REAL_LABELS = Path(__file__).parent.parent / "training_data" / "real_labels.jsonl"

# How often a document of a source is taken (2.5 = twice, and half the time a third time). Business wording is what
# contracts are written in and is scarce; the large general sources are thinned out.
SOURCE_WEIGHTS = {
    "biz_BizTalk": 0.2,
    "biz_term_lists": 0.5,
    "biz_procurement_mix": 4.0,
    "biz_ningbo_bulletins": 4.0,
    "biz_tenderdoc_telecom": 4.0,
    "biz_company_intro": 3.0,
    "biz_": 1.0,
    "gov_": 2.0,
    "acad_fudan": 0.15,
    "law_": 0.25,
    "gen_": 0.8,
    "news_": 0.25,
    "tech_sqldocs": 0.1,
    "tech_": 0.3,
}


SIMPLIFIED = OpenCC("t2s")


def normalise(text):
    """NFKC, simplified characters, lower case, no control characters, single blanks: what the program's own normaliser
    leaves of clean text, but for a few rare variants that its table of characters and OpenCC's treat differently."""
    text = SIMPLIFIED.convert(unicodedata.normalize("NFKC", text)).lower()
    text = re.sub(r"[\x00-\x1f\x7f\u200b-\u200f\ufeff]", " ", text)
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])", "", text)


def as_read(text):
    """A text as both signals read it: normalised, its English glossed."""
    return gloss(normalise(text))


def read_lines(path):
    """The lines of a zstd-compressed UTF-8 file."""
    with open(path, "rb") as file:
        reader = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(file)
        yield from io.TextIOWrapper(reader, encoding="utf-8")


def source_weight(name):
    return next(weight for prefix, weight in SOURCE_WEIGHTS.items() if name.startswith(prefix))


def plain_documents(corpora, seed):
    """Normalised documents of every plain source, repeated or thinned by the weight of the source."""
    rng = random.Random(seed)
    for path in sorted(Path(corpora, "plain").glob("*.txt.zst")):
        weight = source_weight(path.name)
        for line in read_lines(path):
            times = int(weight) + (rng.random() < weight % 1)
            if times and (text := normalise(line)):
                for _ in range(times):
                    yield text


def pairs(corpora, name):
    """Normalised (a, b, label, source) of one file of sentence pairs; a label of None marks a positive pair."""
    for line in read_lines(Path(corpora, "pairs", f"{name}.jsonl.zst")):
        row = json.loads(line)
        yield normalise(row["a"]), normalise(row["b"]), row["label"], row["source"]


def text_hash(text):
    """By which a real text is known in real_labels.jsonl: the first 16 digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def real_texts(corpora):
    """Every text of the corpora that may have a label: of the readings, and titles and descriptions of the domain."""
    for line in read_lines(Path(corpora, "domain_labels.jsonl.zst")):
        yield json.loads(line)["text"]
    for path in sorted(Path(corpora, "domain").glob("*.jsonl.zst")):
        for line in read_lines(path):
            row = json.loads(line)
            yield from (text for text in (row["text"], row.get("description")) if text)


def real_labelled(corpora, labels=REAL_LABELS):
    """The real texts with an expert's reading, as (text, code, alternative, confidence, pair, source), in the order of
    the corpora. Those that say too little for any reader have no code and are left out."""
    known = {}
    for line in Path(labels).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        known[row["hash"]] = row
    for text in real_texts(corpora):
        row = known.pop(text_hash(text), None)
        if row and row["code"]:
            yield text, row["code"], row["alt"], row["confidence"], None, row["source"]


def written_labelled(paths):
    """The project's own labelled texts and those of the user, from JSON lines and directories of them, as (text, code,
    alternative, confidence, pair, source)."""
    for path in map(Path, paths):
        for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
            for line in file.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                yield row["text"], row["code"], row["alt"], 1.0, row.get("pair"), "written"


def left_out(row, sources):
    """Whether a labelled text is of a source that is not to be learnt from; `all` stands for every real one."""
    return row[5] in sources or "all" in sources and row[5] != "written"


def held_out(row):
    """Whether a labelled text belongs to the eighth that is never trained on: it is what calibration is fitted to. The
    two sides of a pair go together."""
    text, pair = row[0], row[4]
    return hashlib.sha256((pair or text).encode()).digest()[0] % 8 == 0
