"""Two tiny random BERT models in the sentence-transformers layout, with vectors by transformers, for the program's tests."""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch.nn import functional
from transformers import BertConfig, BertModel

from export import write_json

CHARACTERS = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经"
    "服务外包软件开发测试数据处理呼叫中心合同项目采购技术研究设计咨询检验维修维护财务人力资源管理信息系统网络安全平台运营推广供应链"
    "银行保险医疗设备公司客户热线座席培训按量结算提供某第条甲乙双"
)
TEXTS = ["呼叫中心服务外包", "软件", "为银行提供客户热线座席，按量结算。", "Software testing 2025", "数据处理" * 40]


def tokenizer():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"，。：0123456789", *dict.fromkeys(CHARACTERS)]
    tokens += [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokens += ["##" + chr(code) for code in range(ord("a"), ord("z") + 1)] + ["##" + digit for digit in "0123456789"]
    vocabulary = {token: at for at, token in enumerate(dict.fromkeys(tokens))}
    built = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    built.normalizer = normalizers.BertNormalizer(lowercase=True)
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    built.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    )
    return built


def write(directory, seed, pooling, normalise, prompt, max_length):
    directory.mkdir(parents=True, exist_ok=True)
    built = tokenizer()
    built.save(str(directory / "tokenizer.json"))
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=built.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=64, initializer_range=0.4,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    save_file(model.state_dict(), directory / "model.safetensors", metadata={"format": "pt"})
    write_json(directory / "config.json", json.loads(config.to_json_string(use_diff=False)))
    parts = ["Transformer", "Pooling"] + (["Normalize"] if normalise else [])
    write_json(
        directory / "modules.json",
        [{"idx": at, "name": str(at), "path": f"{at}_{part}" if at else "", "type": f"sentence_transformers.models.{part}"}
         for at, part in enumerate(parts)],
    )
    write_json(
        directory / "1_Pooling" / "config.json",
        {"pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean"},
    )
    write_json(directory / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False})
    if prompt:
        prompts = {"prompts": {"query": prompt}, "default_prompt_name": "query"}
        write_json(directory / "config_sentence_transformers.json", prompts)
    built.enable_truncation(max_length)
    rows = []
    for text in TEXTS:
        ids = torch.tensor([built.encode(prompt + text).ids])
        with torch.no_grad():
            states = model(input_ids=ids).last_hidden_state[0]
        vector = states[0] if pooling == "cls" else states.mean(0)
        vector = functional.normalize(vector, dim=-1) if normalise else vector
        rows.append({"text": text, "vector": [round(value, 6) for value in vector.tolist()]})
    write_json(directory / "vectors.json", rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="../tests/reference")
    args = parser.parse_args()
    write(Path(args.out, "tiny-mean"), 1, "mean", True, "", 64)
    write(Path(args.out, "tiny-cls"), 2, "cls", False, "检索：", 32)


if __name__ == "__main__":
    main()
