"""Stage 5: fine-tuning on labelled texts against the prototypes of the pack, so that similarity is the classifier.

The score of a label is the smooth maximum of the similarities to its prototypes, as in the program. A fresh sample of
the prototypes carries gradients at every step; the others stand in a bank that is renewed every so often. A linear
head on the embedding helps to shape the space and is thrown away. Resumes from its checkpoint.
"""

import argparse
import json
import random
import tomllib
from collections import Counter
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from budget import Budget
from corpora import as_read, held_out, left_out, real_labelled, written_labelled
from encoder import by_length, embed, embed_all, load, save, starting_point, tokenise
from noise import noisy

BATCH = 96
PROTOTYPES = 96  # with gradients, each step
RENEW = 60  # steps between renewals of the bank
POOLING = 0.02  # as Settings::pooling_temperature in the program
TEMPERATURE = 0.05
HEAD = 0.5  # weight of the linear head's loss
RATE = 5e-4
REAL_OUT = 2200  # real texts out of scope in an epoch, of many more
DROPPED_TOKENS = 0.1


def pack_prototypes(pack):
    """(id, text, code) of every prototype, with texts composed as the program does."""
    classification = tomllib.loads(Path(pack, "classification.toml").read_text(encoding="utf-8"))
    rows = []
    for item in classification["items"]:
        if len(item["code"]) == 3:
            rows.append((item["code"], f"{item['name']}。{item['definition']}", item["code"]))
            rows += [(i["id"], f"{i['name']}，{i['text']}", item["code"]) for i in item.get("inclusions", [])]
    for line in Path(pack, "exemplars.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["code"]:
            rows.append((row["id"], row["text"], row["code"]))
    return rows


class Data:
    """Labelled texts as token rows with target distributions."""

    def __init__(self, args, tokenizer):
        self.prototypes = pack_prototypes(args.pack)
        self.labels = sorted({code for _, _, code in self.prototypes} - {"OUT"}) + ["OUT"]
        place = {label: at for at, label in enumerate(self.labels)}
        self.prototype_rows = tokenise(tokenizer, [as_read(text) for _, text, _ in self.prototypes])
        self.prototype_places = torch.tensor([place[code] for _, _, code in self.prototypes])
        rows = [*written_labelled(args.written), *(real_labelled(args.corpora) if args.corpora else [])]
        self.train, self.held = [], []
        for labelled in rows:
            text, code, alt, confidence, _, source = labelled
            unseen = left_out(labelled, args.without_source)
            kind = "unseen" if unseen else "written" if source == "written" else "real"
            row = (kind, as_read(text), code, alt, confidence)
            (self.held if unseen or held_out(labelled) else self.train).append(row)
        # Prototypes are texts of their label too, where others of the label are left to compare them with; `own` keeps
        # them from being compared with themselves.
        count = Counter(code for _, _, code in self.prototypes)
        own = [at for at, (_, _, code) in enumerate(self.prototypes) if count[code] >= 4]
        self.own = [-1] * len(self.train) + own
        self.train += [("prototype", as_read(self.prototypes[at][1]), self.prototypes[at][2], None, 1.0) for at in own]
        self.tokenizer, self.place = tokenizer, place

    def epoch(self, rng):
        """Indices of the texts of an epoch: everything but most of the real texts out of scope."""
        out = [at for at, row in enumerate(self.train) if row[0] == "real" and row[2] == "OUT"]
        rest = [at for at, row in enumerate(self.train) if not (row[0] == "real" and row[2] == "OUT")]
        chosen = rest + rng.sample(out, min(REAL_OUT, len(out)))
        rng.shuffle(chosen)
        return chosen

    def target(self, row):
        target = torch.zeros(len(self.labels))
        _, _, code, alt, _ = row
        if alt and alt in self.place:
            target[self.place[alt]] = 0.25
        target[self.place[code]] = 1.0 - target.sum()
        return target

    def token_row(self, at, rng):
        """Tokens of a text with noise, a few of them lost; a prototype stays as it is."""
        text = self.train[at][1]
        if self.own[at] < 0:
            text = noisy(text, rng)
        ids = tokenise(self.tokenizer, [text])[0]
        inner = [token for token in ids[1:-1] if rng.random() > DROPPED_TOKENS]
        return [ids[0], *(inner or ids[1:-1]), ids[-1]]


def label_scores(similarities, places, count):
    """Smooth maximum of similarities (texts, prototypes) over the prototypes of each label: (texts, labels)."""
    scores = []
    for label in range(count):
        scores.append(torch.logsumexp(similarities[:, places == label] / POOLING, dim=1) * POOLING)
    return torch.stack(scores, dim=1)


def accuracy(model, data, bank):
    """Accuracy and top-3 on held-out texts, by source."""
    rows = tokenise(data.tokenizer, [row[1] for row in data.held])
    scores = label_scores(embed_all(model, rows) @ bank.T, data.prototype_places, len(data.labels))
    figures = {}
    for source in ("written", "real", "unseen"):
        of_source = [at for at, row in enumerate(data.held) if row[0] == source]
        if not of_source:
            continue
        right = top3 = in_scope = right_in_scope = 0
        for at in of_source:
            _, _, code, alt, _ = data.held[at]
            gold = {data.place[label] for label in (code, alt) if label in data.place}
            best = scores[at].topk(3).indices.tolist()
            right += best[0] in gold
            top3 += bool(gold & set(best))
            in_scope += code != "OUT"
            right_in_scope += code != "OUT" and best[0] in gold
        figures[source] = {
            "texts": len(of_source),
            "accuracy": round(right / len(of_source), 3),
            "top3": round(top3 / len(of_source), 3),
            "in_scope": round(right_in_scope / max(1, in_scope), 3),
        }
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", help="where the real labelled texts lie; without it only the written ones are used")
    parser.add_argument("--pack", default="../packs/mofcom-2022")
    parser.add_argument("--written", nargs="+", default=["../training_data/written"], help="JSON lines, or directories of them")
    parser.add_argument("--out", required=True)
    parser.add_argument("--without-source", nargs="*", default=[], help="sources of real texts that are not learnt from, or all")
    parser.add_argument("--start", default="contrasted.pt", help="a checkpoint in --out, or the directory of an exported model")
    parser.add_argument("--rate", type=float, default=RATE, help="of learning, at its highest")
    Budget.add_arguments(parser, 30)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    start = starting_point(args.start, args.out)
    tokenizer = Tokenizer.from_file(str(Path(args.out, "tokenizer.json")))
    data = Data(args, tokenizer)
    print(f"{len(data.train)} texts, {len(data.held)} held out, {len(data.prototypes)} prototypes", flush=True)
    checkpoint = Path(args.out, "finetuned.pt")
    vocabulary = tokenizer.get_vocab_size()
    model, shape = load(checkpoint if checkpoint.exists() else start, vocabulary)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.1
    torch.manual_seed(9)
    head = nn.Linear(model.config.hidden_size, len(data.labels), bias=False)
    parameters = [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=args.rate, betas=(0.9, 0.98), weight_decay=0.02)
    step, spent = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        head.load_state_dict(state["head"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
    budget = Budget(args, spent)
    bank, queue, losses = None, [], []

    def keep():
        save(
            checkpoint, model, shape,
            head=head.state_dict(), optimizer=optimizer.state_dict(), step=step, spent=budget.spent(),
        )

    while budget.done(step) < 1:
        rng = random.Random(1_000_003 + step)
        if len(queue) < BATCH:
            queue = data.epoch(rng)
        if bank is None or step % RENEW == 0:
            model.eval()
            bank = embed_all(model, data.prototype_rows)
            if step and step % (4 * RENEW) == 0:
                print(f"step {step} loss {sum(losses[-50:]) / 50:.3f} {budget.spent():.0f} s {accuracy(model, data, bank)}", flush=True)
                keep()
            model.train()
        chosen, queue = queue[:BATCH], queue[BATCH:]
        for group in optimizer.param_groups:
            group["lr"] = args.rate * budget.rate(step, 0.02)
        fresh = rng.sample(range(len(data.prototypes)), PROTOTYPES)
        rows = [data.token_row(at, rng) for at in chosen]
        parts = [(group, embed(model, [rows[at] for at in group])) for group in by_length(rows, BATCH // 3)]
        texts = torch.cat([part for _, part in parts])[torch.tensor([at for group, _ in parts for at in group]).argsort()]
        current = bank.clone()
        prototype_rows = [data.prototype_rows[at] for at in fresh]
        for group in by_length(prototype_rows, PROTOTYPES // 3):
            places = torch.tensor([fresh[at] for at in group])
            current = current.index_copy(0, places, embed(model, [prototype_rows[at] for at in group]))
        bank = current.detach()
        similarities = texts @ current.T
        # A prototype is no evidence for itself.
        mask = torch.zeros_like(similarities, dtype=torch.bool)
        for row, at in enumerate(chosen):
            if data.own[at] >= 0:
                mask[row, data.own[at]] = True
        scores = label_scores(similarities.masked_fill(mask, -1.0), data.prototype_places, len(data.labels))
        targets = torch.stack([data.target(data.train[at]) for at in chosen])
        weights = torch.tensor([data.train[at][4] for at in chosen])
        by_prototypes = -(targets * functional.log_softmax(scores / TEMPERATURE, dim=1)).sum(1)
        directions = functional.normalize(head.weight, dim=1)
        by_head = -(targets * functional.log_softmax(texts @ directions.T / TEMPERATURE, dim=1)).sum(1)
        loss = (weights * (by_prototypes + HEAD * by_head)).sum() / weights.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        losses.append(loss.item())
    model.eval()
    bank = embed_all(model, data.prototype_rows)
    figures = accuracy(model, data, bank)
    print(f"step {step} {figures}", flush=True)
    keep()
    Path(args.out, "finetuned.json").write_text(json.dumps({"steps": step, "held_out": figures}) + "\n")


if __name__ == "__main__":
    main()
