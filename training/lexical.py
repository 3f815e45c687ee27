"""The lexical signal: logistic regression on hashed character n-grams, from the texts that the encoder learns from.

Written as the program reads it (src/lexical.rs), with reference answers of scikit-learn for texts of its own, and
reference glosses of its English ones (src/text/gloss.rs).
"""

import argparse
import json
import struct
from collections import Counter
from pathlib import Path

import numpy
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize as to_unit_length

from corpora import as_read, held_out, left_out, normalise, real_labelled, written_labelled
from gloss import gloss

BUCKETS = 1 << 15
LONGEST = 3


def bucket(gram):
    hashed = 0x811C9DC5
    for byte in gram.encode():
        hashed = ((hashed ^ byte) * 0x01000193) & 0xFFFFFFFF
    return hashed % BUCKETS


def frequencies(texts):
    """Rows of 1 + ln n for the 1- to 3-grams of each text."""
    known, rows, columns, values = {}, [], [], []
    for row, text in enumerate(texts):
        text = "".join(as_read(text).split())
        counts = Counter(text[at : at + n] for n in range(1, LONGEST + 1) for at in range(len(text) - n + 1))
        buckets = Counter()
        for gram, count in counts.items():
            if gram not in known:
                known[gram] = bucket(gram)
            buckets[known[gram]] += count
        rows += [row] * len(buckets)
        columns += buckets.keys()
        values += [1 + numpy.log(count) for count in buckets.values()]
    return csr_matrix((values, (rows, columns)), shape=(len(texts), BUCKETS), dtype=numpy.float32)


def write(path, rows):
    Path(path).write_text(json.dumps(rows, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", help="where the real labelled texts lie; without it only the written ones are used")
    parser.add_argument("--written", nargs="+", default=["../training_data/written"], help="JSON lines, or directories of them")
    parser.add_argument("--without-source", nargs="*", default=[], help="sources of real texts that are not learnt from, or all")
    parser.add_argument("--out", default="../models/lexical/ngrams.bin")
    parser.add_argument("--reference", default="../tests/reference/lexical.json")
    parser.add_argument("--gloss-reference", default="../tests/reference/gloss.json")
    args = parser.parse_args()
    data = [*written_labelled(args.written), *(real_labelled(args.corpora) if args.corpora else [])]
    unseen = [row for row in data if left_out(row, args.without_source)]
    seen = [row for row in data if not left_out(row, args.without_source)]
    train = [row for row in seen if not held_out(row)]
    held = [row for row in seen if held_out(row)]
    matrix = frequencies([row[0] for row in train])
    document = numpy.bincount(matrix.indices, minlength=BUCKETS)
    idf = (numpy.log((1 + len(train)) / (1 + document)) + 1).astype(numpy.float32)
    model = LogisticRegression(C=30, max_iter=200)
    model.fit(to_unit_length(matrix.multiply(idf).tocsr()), [row[1] for row in train])
    scale = numpy.abs(model.coef_).max(axis=1) / 127
    weights = numpy.rint(model.coef_ / scale[:, None]).astype(numpy.int8)
    with open(args.out, "wb") as file:
        file.write(struct.pack("<I", len(model.classes_)))
        for code, one, intercept in zip(model.classes_, scale, model.intercept_):
            file.write(code.encode().ljust(4, b"\0") + struct.pack("<ff", one, intercept))
        file.write(idf.tobytes() + weights.tobytes())

    def scores(texts):
        """What the rounded weights say, as the program computes it: rows of probabilities."""
        vectors = to_unit_length(frequencies(texts).multiply(idf).tocsr())
        return softmax(vectors @ (weights * scale[:, None]).T + model.intercept_, axis=1)

    written = [row for row in held if row[5] == "written"]
    for name, rows in (("written", written), ("all", held), ("unseen", unseen)):
        if not rows:
            continue
        said = model.classes_[scores([row[0] for row in rows]).argmax(axis=1)]
        right = sum(code in (row[1], row[2]) for code, row in zip(said, rows))
        print(f"{name}: {len(train)} texts learnt, {right / len(rows):.3f} of {len(rows)} held out")
    # Self-written texts only, and only where single precision cannot change the answer.
    texts = [row[0] for row in written][::20]
    probabilities = scores(texts)
    clear = [at for at, row in enumerate(probabilities) if numpy.diff(numpy.sort(row)[-2:])[0] > 0.1]
    said = [(texts[at], model.classes_[probabilities[at].argmax()], probabilities[at].max()) for at in clear[:40]]
    reference = [[text, label, round(float(probability), 4)] for text, label, probability in said]
    write(args.reference, reference)
    english = [normalise(row[0]) for row in written if row[0].isascii()]
    write(args.gloss_reference, [[text, gloss(text)] for text in english[:60]])


if __name__ == "__main__":
    main()
