"""Stage 1: the vocabulary. Byte-pair encoding over a weighted sample of the corpora, pieces of at most four characters."""

import argparse
import itertools
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from corpora import plain_documents

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def build(documents, size):
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    # Runs of Han, Latin or other letters; every digit and every mark on its own.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(r"\p{Han}+|\p{Latin}+|\p{N}|[^\p{Han}\p{Latin}\p{N}]"), "isolated"),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=SPECIAL, limit_alphabet=5500, max_token_length=4, min_frequency=8
    )
    tokenizer.train_from_iterator(documents, trainer)
    tokenizer.decoder = decoders.Fuse()
    cls, sep = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", required=True)
    parser.add_argument("--out", required=True, help="working directory of the run")
    parser.add_argument("--size", type=int, default=16384)
    parser.add_argument("--lines", type=int, default=150_000)
    args = parser.parse_args()
    rng = random.Random(1)
    sample = (text[:400] for text in plain_documents(args.corpora, seed=1) if rng.random() < 0.2)
    tokenizer = build(itertools.islice(sample, args.lines), args.size)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(Path(args.out, "tokenizer.json")))
    text = "为某股份制银行信用卡中心提供24小时客服热线座席及人员培训,按通话量结算"
    print(tokenizer.get_vocab_size(), tokenizer.encode(text).tokens)


if __name__ == "__main__":
    main()
