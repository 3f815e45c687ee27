"""Stage 4: contrastive training on sentence pairs. Positive pairs are drawn together against the other texts of the batch;
graded pairs are put in the order of their grades, which draws those of a low grade apart. Resumes from its checkpoint."""

import argparse
import random
from collections import defaultdict
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from budget import Budget
from corpora import pairs
from encoder import embed, load, save, starting_point, tokenise

# The share of each file's positive pairs that is used: the domain's own in full, the large general files in part.
SHARES = {
    "domain_pairs": 1.0,
    "term_definitions": 1.0,
    "title_body_weak": 0.4,
    "category_and_keywords": 0.25,
    "paraphrase": 0.2,
}
BATCH = 96
GRADED = 48  # graded pairs of a step, beside the batch
GRADED_WEIGHT = 0.3  # questions to banks and search queries, far from contracts
TEMPERATURE = 0.05
MAX_LENGTH = 64
RATE = 4e-4


def read_pairs(corpora):
    """The positive pairs of the shares, in a fixed order, a graded pair being positive from 0.8 on; and every graded pair,
    in a list for each source, as what two sources mean by a grade cannot be compared."""
    rng = random.Random(7)
    positive, graded = [], defaultdict(list)
    for name, share in SHARES.items():
        for a, b, grade, source in pairs(corpora, name):
            usable = a != b and len(a) > 1 and len(b) > 1
            if grade is not None and usable:
                graded[source].append((a[:200], b[:200], grade))
            if (grade is None or grade >= 0.8) and rng.random() < share and usable:
                positive.append((a[:200], b[:200]))
    return positive, list(graded.values())


def embed_texts(model, tokenizer, texts):
    return embed(model, tokenise(tokenizer, texts, MAX_LENGTH))


def contrastive_loss(model, tokenizer, batch):
    """InfoNCE both ways; pairs with the same second text are not each other's negatives."""
    first, second = zip(*batch)
    scores = embed_texts(model, tokenizer, first) @ embed_texts(model, tokenizer, second).T / TEMPERATURE
    same = torch.tensor([[i != j and second[i] == second[j] for j in range(len(batch))] for i in range(len(batch))])
    scores = scores.masked_fill(same, -1e4)
    targets = torch.arange(len(batch))
    return (functional.cross_entropy(scores, targets) + functional.cross_entropy(scores.T, targets)) / 2


def graded_loss(model, tokenizer, batch):
    """CoSENT (Su, 2022): of two pairs the one with the lower grade should have the lower similarity."""
    first, second, grades = zip(*batch)
    similarities = (embed_texts(model, tokenizer, first) * embed_texts(model, tokenizer, second)).sum(1) / TEMPERATURE
    grades = torch.tensor(grades)
    lower, higher = (grades[:, None] < grades[None, :]).nonzero(as_tuple=True)
    return torch.cat([torch.zeros(1), similarities[lower] - similarities[higher]]).logsumexp(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--start", default="pretrained.pt", help="a checkpoint in --out, or the directory of an exported model")
    parser.add_argument("--rate", type=float, default=RATE, help="of learning, at its highest")
    Budget.add_arguments(parser, 20)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    start = starting_point(args.start, args.out)
    tokenizer = Tokenizer.from_file(str(Path(args.out, "tokenizer.json")))
    positive, graded = read_pairs(args.corpora)
    print(f"{len(positive)} positive pairs, {sum(map(len, graded))} graded ones", flush=True)
    checkpoint = Path(args.out, "contrasted.pt")
    model, shape = load(checkpoint if checkpoint.exists() else start, tokenizer.get_vocab_size())
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.01)
    step, spent = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
    budget, losses = Budget(args, spent), []

    def keep():
        save(checkpoint, model, shape, optimizer=optimizer.state_dict(), step=step, spent=budget.spent())

    while budget.done(step) < 1:
        for group in optimizer.param_groups:
            group["lr"] = args.rate * budget.rate(step, 0.05)
        # Batches are a function of the step, so that a resumed run goes on where it stopped.
        rng = random.Random(step)
        contrastive = contrastive_loss(model, tokenizer, rng.sample(positive, BATCH))
        source = rng.choices(graded, weights=map(len, graded))[0]
        by_grade = graded_loss(model, tokenizer, rng.sample(source, GRADED))
        loss = contrastive + by_grade * GRADED_WEIGHT
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        losses.append((contrastive.item(), by_grade.item()))
        if step % 50 == 0:
            means = [sum(kind) / 50 for kind in zip(*losses[-50:])]
            print(f"step {step} contrastive {means[0]:.3f} graded {means[1]:.3f} {step / budget.spent():.2f} steps/s", flush=True)
        if step % 200 == 0:
            keep()
    keep()


if __name__ == "__main__":
    main()
