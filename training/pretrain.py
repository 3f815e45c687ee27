"""Stage 3: masked-language-model pre-training on the token file. Resumes from its checkpoint."""

import argparse
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from budget import Budget
from encoder import CLS, MASK, SEP, build, save

BLOCK = 64
BATCH = 64
RATE = 1e-3
MASKED = 12  # of the 62 tokens between [CLS] and [SEP]


class Head(nn.Module):
    """Scores of the vocabulary at masked places, tied to the token embeddings."""

    def __init__(self, model):
        super().__init__()
        hidden = model.config.hidden_size
        self.dense = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.bias = nn.Parameter(torch.zeros(model.config.vocab_size))

    def forward(self, states, embeddings):
        return self.norm(functional.gelu(self.dense(states))) @ embeddings.T + self.bias


def batch(tokens, step):
    """Masked ids, places and targets; a function of the step alone, so that a resumed run sees the same batches."""
    rng = np.random.default_rng((5, step))
    starts = rng.integers(0, len(tokens) - BLOCK, BATCH)
    ids = np.stack([tokens[start : start + BLOCK] for start in starts]).astype(np.int64)
    ids[:, 0], ids[:, -1] = CLS, SEP
    places = np.stack([1 + rng.permutation(BLOCK - 2)[:MASKED] for _ in range(BATCH)])
    rows = np.arange(BATCH)[:, None]
    targets = ids[rows, places].copy()
    dice = rng.random(places.shape)
    replaced = np.where(dice < 0.8, MASK, np.where(dice < 0.9, rng.integers(5, tokens.max(), places.shape), targets))
    ids[rows, places] = replaced
    return torch.from_numpy(ids), torch.from_numpy(places), torch.from_numpy(targets)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--shape", default="4x256")
    Budget.add_arguments(parser, 45)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    vocabulary = Tokenizer.from_file(str(Path(args.out, "tokenizer.json"))).get_vocab_size()
    tokens = np.fromfile(Path(args.out, "tokens.u16"), dtype=np.uint16)
    model = build(args.shape, vocabulary, Path(args.out, "vectors.npy"))
    head = Head(model)
    parameters = [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    checkpoint = Path(args.out, "pretrained.pt")
    step, spent = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["encoder"])
        head.load_state_dict(state["head"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
    budget, losses = Budget(args, spent), []

    def keep():
        save(
            checkpoint, model, args.shape,
            head=head.state_dict(), optimizer=optimizer.state_dict(), step=step, spent=budget.spent(),
        )

    while budget.done(step) < 1:
        for group in optimizer.param_groups:
            group["lr"] = RATE * budget.rate(step, 0.05)
        ids, places, targets = batch(tokens, step)
        states = model(input_ids=ids).last_hidden_state
        picked = states.gather(1, places.unsqueeze(-1).expand(-1, -1, states.shape[-1]))
        scores = head(picked, model.embeddings.word_embeddings.weight)
        loss = functional.cross_entropy(scores.flatten(0, 1), targets.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        losses.append(loss.item())
        if step % 50 == 0:
            rate = step * BLOCK * BATCH / budget.spent()
            print(f"step {step} tokens {step * BLOCK * BATCH} loss {np.mean(losses[-50:]):.3f} {rate:.0f} tokens/s", flush=True)
        if step % 200 == 0:
            keep()
    keep()


if __name__ == "__main__":
    main()
