"""Stage 4: contrastive training on sentence pairs with in-batch negatives. Resumes from its checkpoint."""

import argparse
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from budget import Budget
from corpora import pairs
from encoder import embed, load, save, tokenise

# The share of each file's positive pairs that is used: the domain's own in full, the large general files in part.
SHARES = {
    "domain_pairs": 1.0,
    "term_definitions": 1.0,
    "title_body_weak": 0.4,
    "category_and_keywords": 0.25,
    "paraphrase": 0.2,
}
BATCH = 96
TEMPERATURE = 0.05
MAX_LENGTH = 64
RATE = 4e-4


def positive_pairs(corpora):
    """Every positive pair of the shares, in a fixed order; a graded pair is positive from 0.8 on."""
    rng = random.Random(7)
    chosen = []
    for name, share in SHARES.items():
        for a, b, label in pairs(corpora, name):
            if (label is None or label >= 0.8) and rng.random() < share and a != b and len(a) > 1 and len(b) > 1:
                chosen.append((a[:200], b[:200]))
    return chosen


def loss_of(model, tokenizer, batch):
    """InfoNCE both ways; pairs with the same second text are not each other's negatives."""
    one = embed(model, tokenise(tokenizer, [a for a, _ in batch], MAX_LENGTH))
    other = embed(model, tokenise(tokenizer, [b for _, b in batch], MAX_LENGTH))
    scores = one @ other.T / TEMPERATURE
    texts = [b for _, b in batch]
    same = torch.tensor([[i != j and texts[i] == texts[j] for j in range(len(batch))] for i in range(len(batch))])
    scores = scores.masked_fill(same, -1e4)
    targets = torch.arange(len(batch))
    return (functional.cross_entropy(scores, targets) + functional.cross_entropy(scores.T, targets)) / 2


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", required=True)
    parser.add_argument("--out", required=True)
    Budget.add_arguments(parser, 20)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    tokenizer = Tokenizer.from_file(str(Path(args.out, "tokenizer.json")))
    chosen = positive_pairs(args.corpora)
    print(f"{len(chosen)} pairs", flush=True)
    checkpoint = Path(args.out, "contrasted.pt")
    start = checkpoint if checkpoint.exists() else Path(args.out, "pretrained.pt")
    model, shape = load(start, tokenizer.get_vocab_size())
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
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
            group["lr"] = RATE * budget.rate(step, 0.05)
        # Batches are a function of the step, so that a resumed run goes on where it stopped.
        batch = random.Random(step).sample(chosen, BATCH)
        loss = loss_of(model, tokenizer, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        losses.append(loss.item())
        if step % 50 == 0:
            print(f"step {step} loss {sum(losses[-50:]) / 50:.3f} {step / budget.spent():.2f} steps/s", flush=True)
        if step % 200 == 0:
            keep()
    keep()


if __name__ == "__main__":
    main()
