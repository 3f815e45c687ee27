//! The Candle encoder against PyTorch, and its laws.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use waibao::Error;
use waibao::encoder::{BertEncoder, Encoder, ModelFiles};

#[derive(Deserialize)]
struct Reference {
    text: String,
    vector: Vec<f32>,
}

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

fn read(path: &Path) -> Vec<Reference> {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn load(name: &str) -> BertEncoder {
    BertEncoder::load(&ModelFiles::read(&reference(name)).unwrap()).unwrap()
}

fn assert_close(one: &[f32], other: &[f32], tolerance: f32, what: &str) {
    assert_eq!(one.len(), other.len(), "{what}");
    for (at, (one, other)) in one.iter().zip(other).enumerate() {
        assert!((one - other).abs() <= tolerance, "{what}: place {at}: {one} and {other}");
    }
}

fn assert_reproduces(encoder: &dyn Encoder, references: &[Reference]) {
    for reference in references {
        let vector = encoder.encode(&[&reference.text]).unwrap().remove(0);
        assert_close(&vector, &reference.vector, 1e-4, &reference.text);
    }
}

#[test]
fn tiny_models_give_the_vectors_of_transformers() {
    for name in ["tiny-mean", "tiny-cls"] {
        assert_reproduces(&load(name), &read(&reference(name).join("vectors.json")));
    }
}

#[test]
fn the_default_model_gives_the_vectors_of_its_exporter() {
    let encoder = BertEncoder::load(&ModelFiles::embedded()).unwrap();
    assert_reproduces(&encoder, &read(&reference("default_model.json")));
}

#[test]
fn a_batch_gives_what_each_text_gives_alone_padded_or_not() {
    let encoder = load("tiny-mean");
    // Very different lengths, so that most are padded; more than one batch.
    let texts: Vec<String> = (1..=40).map(|count| "呼叫中心服务，".repeat(count % 9 + 1)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (text, together) in texts.iter().zip(encoder.encode(&texts).unwrap()) {
        assert_close(&together, &encoder.encode(&[text]).unwrap()[0], 1e-5, text);
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let texts = ["呼叫中心服务外包", "软件开发", "Software testing"];
    let runs: Vec<_> = (0..3).map(|_| load("tiny-mean").encode(&texts).unwrap()).collect();
    assert!(runs.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_text_longer_than_the_model_reads_is_counted_as_too_long() {
    let encoder = load("tiny-cls");
    assert!(encoder.count_tokens("软件") < encoder.max_tokens());
    assert!(encoder.count_tokens(&"软件".repeat(40)) > encoder.max_tokens());
}

/// A copy of the tiny model with one file changed (or removed), and what loading it says.
fn complaint(file: &str, content: Option<&[u8]>) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("1_Pooling")).unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors", "modules.json", "1_Pooling/config.json"] {
        std::fs::copy(reference("tiny-mean").join(name), dir.path().join(name)).unwrap();
    }
    match content {
        Some(content) => std::fs::write(dir.path().join(file), content).unwrap(),
        None => std::fs::remove_file(dir.path().join(file)).unwrap(),
    }
    let loaded = ModelFiles::read(dir.path()).and_then(|files| BertEncoder::load(&files));
    match loaded {
        Err(error @ Error::Model { .. }) => error.to_string(),
        Err(other) => panic!("{file}: {other}"),
        Ok(_) => panic!("{file}: loaded"),
    }
}

#[test]
fn a_broken_model_is_refused_by_the_name_of_the_broken_file() {
    let weights = std::fs::read(reference("tiny-mean").join("model.safetensors")).unwrap();
    let config = std::fs::read_to_string(reference("tiny-mean").join("config.json")).unwrap();
    let other_type = config.replace("\"bert\"", "\"roberta\"");
    let other_size = config.replace("\"hidden_size\": 32", "\"hidden_size\": 64");
    let cases: [(&str, Option<&[u8]>); 9] = [
        ("config.json", None),
        ("tokenizer.json", None),
        ("model.safetensors", None),
        ("config.json", Some(b"{}")),
        ("config.json", Some(other_type.as_bytes())),
        ("config.json", Some(other_size.as_bytes())),
        ("tokenizer.json", Some(b"{\"version\":\"1.0\"}")),
        ("model.safetensors", Some(&weights[..weights.len() / 2])),
        ("1_Pooling/config.json", Some(b"{\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":true}")),
    ];
    for (file, content) in cases {
        let said = complaint(file, content);
        assert!(said.contains(file), "{file}: {said}");
    }
}
