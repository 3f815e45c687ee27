"""Both signals together on a source of real texts that neither has learnt from, beside each alone.

Stage 5 and lexical.py are run with `--without-source` first. The two are fused as the program does it (`src/calibration.rs`):
temperature, offset and weight are fitted on the held-out texts of the other sources, a fifth of the weight on what is out of
scope. The rules are left out.
"""

import argparse
import itertools
import struct
from pathlib import Path

import numpy
from scipy.special import log_softmax, softmax
from sklearn.preprocessing import normalize as to_unit_length
from tokenizers import Tokenizer

from encoder import embed_all, load, tokenise
from finetune import Data, label_scores
from lexical import BUCKETS, frequencies

OUT_SHARE = 0.2  # as Settings::out_share in the program


def similarities(run, data, tokenizer):
    """Scores of every held-out text for every label, by the encoder."""
    model, _ = load(Path(run, "finetuned.pt"), tokenizer.get_vocab_size())
    bank = embed_all(model.eval(), data.prototype_rows)
    rows = tokenise(tokenizer, [row[1] for row in data.held])
    return label_scores(embed_all(model, rows) @ bank.T, data.prototype_places, len(data.labels)).detach().numpy()


def log_probabilities(path, data):
    """The same by the words alone, from a file that lexical.py wrote."""
    content = Path(path).read_bytes()
    (count,) = struct.unpack_from("<I", content)
    heads = [struct.unpack_from("<4sff", content, 4 + 12 * at) for at in range(count)]
    at = 4 + 12 * count
    idf = numpy.frombuffer(content, "<f4", BUCKETS, at)
    weights = numpy.frombuffer(content, "i1", count * BUCKETS, at + 4 * BUCKETS).reshape(count, BUCKETS)
    scale, intercept = (numpy.array(column) for column in list(zip(*heads))[1:])
    vectors = to_unit_length(frequencies([row[1] for row in data.held]).multiply(idf).tocsr())
    scores = log_softmax(vectors @ (weights * scale[:, None]).T + intercept, axis=1)
    known = [code[:3].decode() for code, _, _ in heads]
    return scores[:, [known.index(label) for label in data.labels]]


def fused(similar, lexical, temperature, offset, weight):
    logits = similar.copy()
    logits[:, -1] += offset
    return softmax(logits / temperature + weight * lexical, axis=1)


def fit(similar, lexical, acceptable, weights):
    """The grid of `Calibrator::fit`: around the best so far, two times finer each round."""

    def loss(parameters):
        right = (fused(similar, lexical, *parameters) * acceptable).sum(axis=1)
        return -(numpy.log(numpy.maximum(right, 1e-9)) * weights).sum()

    best = (0.05, 0.0, 0.5)
    least, step = loss(best), 2.0
    for _ in range(6):
        temperature, offset, weight = best
        for one, other, third in itertools.product((-1, -0.5, 0, 0.5, 1), repeat=3):
            tried = (
                temperature * numpy.exp(one * step), offset + other * step * 0.1, max(weight + third * step * 0.25, 0)
            )
            if (found := loss(tried)) < least:
                least, best = found, tried
        step /= 2
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", required=True)
    parser.add_argument("--run", required=True, help="where stage 5 worked with --without-source")
    parser.add_argument("--ngrams", required=True, help="what lexical.py wrote with --without-source")
    parser.add_argument("--without-source", nargs="+", required=True)
    parser.add_argument("--pack", default="../packs/mofcom-2022")
    parser.add_argument("--written", nargs="+", default=["../training_data/written"])
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(Path(args.run, "tokenizer.json")))
    data = Data(args, tokenizer)
    similar, lexical = similarities(args.run, data, tokenizer), log_probabilities(args.ngrams, data)
    acceptable = numpy.zeros(similar.shape, bool)
    for at, (_, _, code, alt, _) in enumerate(data.held):
        acceptable[at, [data.place[label] for label in (code, alt) if label in data.place]] = True
    unseen = numpy.array([row[0] == "unseen" for row in data.held])
    out = numpy.array([row[2] == "OUT" for row in data.held])[~unseen]
    weights = numpy.where(out, OUT_SHARE / out.sum(), (1 - OUT_SHARE) / (~out).sum())
    parameters = fit(similar[~unseen], lexical[~unseen], acceptable[~unseen], weights)
    both = fused(similar, lexical, *parameters)

    def right(scores):
        return acceptable[unseen][range(unseen.sum()), scores[unseen].argmax(axis=1)]

    rng = numpy.random.default_rng(1)
    gain = right(both).astype(float) - right(lexical)
    gains = [gain[rng.integers(len(gain), size=len(gain))].mean() for _ in range(2000)]
    print(f"{unseen.sum()} texts; n-grams {right(lexical).mean():.3f}, encoder {right(similar).mean():.3f}, "
          f"both {right(both).mean():.3f}, ahead of the n-grams by {gain.mean():.3f} "
          f"({numpy.quantile(gains, 0.025):.3f} to {numpy.quantile(gains, 0.975):.3f})")


if __name__ == "__main__":
    main()
