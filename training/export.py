"""Stage 6: the fine-tuned encoder as a sentence-transformers directory, weights in f16, and reference vectors."""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from corpora import normalise
from encoder import MAX_LENGTH, embed_all, load, tokenise

# What the program's encoder must reproduce: short, long, English, mixed, one character.
REFERENCE_TEXTS = [
    "为某股份制银行信用卡中心提供24小时客服热线座席及人员培训，按通话量结算",
    "测",
    "Offshore development of a claims management system for a US insurer",
    "SAP S/4HANA 运维支持（AMS）",
    "第一条 服务内容：乙方为甲方提供厂区叉车、起重机的年度维修保养，含配件更换、应急抢修和操作人员培训；" * 6,
]


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def average(model, other):
    """Puts the mean of its own weights and of another's, from which it was fine-tuned, in a model: what one of them learnt
    by heart the other did not (Wortsman and others, Robust fine-tuning of zero-shot models, 2022)."""
    others = load(other, model.config.vocab_size)[0].state_dict()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(others[name], 0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, help="working directory of the run")
    parser.add_argument("--checkpoint", default="finetuned.pt")
    parser.add_argument("--average", help="directory of an exported model, half of whose weights are taken")
    parser.add_argument("--model", required=True, help="directory of the model, e.g. ../models/waibao-zh-4x256")
    parser.add_argument("--reference", required=True, help="file for the reference vectors")
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(Path(args.out, "tokenizer.json")))
    model, _ = load(Path(args.out, args.checkpoint), tokenizer.get_vocab_size())
    if args.average:
        average(model, args.average)
    model.eval()
    target = Path(args.model)
    target.mkdir(parents=True, exist_ok=True)
    weights = {
        name: tensor.half().contiguous() for name, tensor in model.state_dict().items() if "position_ids" not in name
    }
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    # What is measured is what is shipped: the reference is computed with the rounded weights.
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()}, strict=False)
    tokenizer.save(str(target / "tokenizer.json"))
    config = model.config
    write_json(
        target / "config.json",
        {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "layer_norm_eps": config.layer_norm_eps,
            "initializer_range": config.initializer_range,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            **{
                key: getattr(config, key)
                for key in (
                    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                    "max_position_embeddings", "type_vocab_size", "pad_token_id",
                )
            },
        },
    )
    module = "sentence_transformers.models."
    write_json(
        target / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": module + "Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": module + "Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": module + "Normalize"},
        ],
    )
    write_json(
        target / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": config.hidden_size,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
        },
    )
    write_json(target / "sentence_bert_config.json", {"max_seq_length": MAX_LENGTH, "do_lower_case": False})
    # Computed by `waibao model prepare` afterwards; until then the program computes them itself.
    for name in ("prototypes.bin", "calibration.json"):
        (target / name).write_bytes(b"")
    texts = [normalise(text) for text in REFERENCE_TEXTS]
    vectors = embed_all(model, tokenise(tokenizer, texts))
    rows = [{"text": text, "vector": [round(value, 6) for value in vector.tolist()]} for text, vector in zip(texts, vectors)]
    write_json(Path(args.reference), rows)


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
