"""The encoder in PyTorch: a small BERT whose embedding of a text is the mean of its last states, normalised."""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional
from transformers import BertConfig, BertModel

PAD, UNK, CLS, SEP, MASK = range(5)
MAX_LENGTH = 128

SHAPES = {
    "2x256": {"num_hidden_layers": 2, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024},
    "4x256": {"num_hidden_layers": 4, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024},
    "4x320": {"num_hidden_layers": 4, "hidden_size": 320, "num_attention_heads": 5, "intermediate_size": 1280},
    "4x384": {"num_hidden_layers": 4, "hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536},
}


def config(shape, vocabulary):
    return BertConfig(
        vocab_size=vocabulary,
        max_position_embeddings=256,
        type_vocab_size=2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=PAD,
        **SHAPES[shape],
    )


def build(shape, vocabulary, vectors=None):
    """A fresh encoder; token embeddings start from the vectors, scaled to the usual spread of 0.02 to 0.05."""
    torch.manual_seed(3)
    model = BertModel(config(shape, vocabulary), add_pooling_layer=False)
    if vectors is not None:
        with torch.no_grad():
            weights = torch.from_numpy(np.load(vectors))
            weights -= weights.mean(0)
            model.embeddings.word_embeddings.weight.copy_(weights / weights.std() * 0.04)
    return model


def starting_point(start, out):
    """A checkpoint in the working directory, or the directory of an exported model, whose tokenizer is then taken over."""
    if not Path(start).is_dir():
        return Path(out, start)
    Path(out).mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(start, "tokenizer.json"), out)
    return Path(start)


def load(source, vocabulary):
    """An encoder with the weights of a stage's checkpoint, or of the directory of an exported model; and its shape."""
    if Path(source).is_dir():
        known = json.loads(Path(source, "config.json").read_text(encoding="utf-8"))
        shape = f"{known['num_hidden_layers']}x{known['hidden_size']}"
        weights = {name: tensor.float() for name, tensor in load_file(Path(source, "model.safetensors")).items()}
    else:
        state = torch.load(source, map_location="cpu")
        shape, weights = state["shape"], state["encoder"]
    model = build(shape, vocabulary)
    model.load_state_dict(weights)
    return model, shape


def tokenise(tokenizer, texts, max_length=MAX_LENGTH):
    """Token ids of each text, cut to the length, closing [SEP] kept."""
    rows = []
    for encoding in tokenizer.encode_batch_fast(texts):
        ids = encoding.ids
        rows.append(ids if len(ids) <= max_length else ids[: max_length - 1] + [SEP])
    return rows


def embed(model, rows):
    """Unit vectors of token id rows, shape (texts, hidden): the mean over real tokens of the last hidden states."""
    length = max(map(len, rows))
    ids = torch.full((len(rows), length), PAD)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
    mask = (ids != PAD).long()
    states = model(input_ids=ids, attention_mask=mask).last_hidden_state
    weights = mask.unsqueeze(-1).to(states.dtype)
    return functional.normalize((states * weights).sum(1) / weights.sum(1), dim=-1)


def by_length(rows, size):
    """Indices of the rows in groups of like length, at most `size` rows each: little padding."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    return [order[start : start + size] for start in range(0, len(order), size)]


def embed_all(model, rows, size=64):
    """Embeddings of many rows without gradients, in the order given."""
    out = torch.empty(len(rows), model.config.hidden_size)
    with torch.no_grad():
        for group in by_length(rows, size):
            out[group] = embed(model, [rows[index] for index in group])
    return out


def save(path, model, shape, **progress):
    """A checkpoint, written whole or not at all."""
    path = Path(path)
    part = path.with_suffix(".part")
    torch.save({"encoder": model.state_dict(), "shape": shape, **progress}, part)
    part.replace(path)
