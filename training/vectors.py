"""Stage 2: the corpus as token ids, and skip-gram vectors of the tokens, from which the encoder's embeddings start."""

import argparse
import itertools
from pathlib import Path

import numpy as np
from gensim.models import Word2Vec
from tokenizers import Tokenizer

from corpora import plain_documents

MAX_CHARACTERS = 1200


def write_tokens(corpora, tokenizer, path, seed):
    """Documents as runs of token ids closed by [SEP], in random order of chunks, in one flat uint16 file."""
    documents = (text[:MAX_CHARACTERS] for text in plain_documents(corpora, seed) if len(text) >= 8)
    with open(path, "wb") as out:
        while chunk := list(itertools.islice(documents, 20_000)):
            for encoding in tokenizer.encode_batch_fast(chunk):
                out.write(np.array(encoding.ids[1:], dtype=np.uint16).tobytes())


class Sentences:
    """The token file as lists of strings, as gensim wants them."""

    def __init__(self, tokens, length=200):
        self.tokens, self.length = tokens, length

    def __iter__(self):
        for start in range(0, len(self.tokens), self.length):
            yield [str(token) for token in self.tokens[start : start + self.length]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--max-tokens", type=int, default=16_000_000)
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(Path(args.out, "tokenizer.json")))
    path = Path(args.out, "tokens.u16")
    if not path.exists():
        write_tokens(args.corpora, tokenizer, path, seed=2)
    tokens = np.memmap(path, dtype=np.uint16, mode="r")
    # A stride over 200-token windows, so that a cap on the number of tokens thins every source alike.
    windows = tokens[: len(tokens) // 200 * 200].reshape(-1, 200)
    kept = windows[:: max(1, -(-len(tokens) // args.max_tokens))].reshape(-1)
    print(f"{len(tokens)} tokens in the corpus, {len(kept)} for the vectors", flush=True)
    model = Word2Vec(
        Sentences(kept), vector_size=args.dimensions, window=5, min_count=1, sg=1, negative=5, epochs=1, workers=2, seed=2
    )
    vectors = np.zeros((tokenizer.get_vocab_size(), args.dimensions), dtype=np.float32)
    for key in model.wv.index_to_key:
        vectors[int(key)] = model.wv[key]
    np.save(Path(args.out, "vectors.npy"), vectors)
    for word in ("客服", "软件", "保洁", "测绘"):
        nearest = model.wv.most_similar(str(tokenizer.token_to_id(word)), topn=6)
        print(word, [tokenizer.id_to_token(int(key)) for key, _ in nearest])


if __name__ == "__main__":
    main()
