//! A sentence-transformers directory: which files it has, and what they say about pooling, length, prompts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_transformers::models::bert;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The contents of a model's files, read from a directory or compiled in.
///
/// The layout is that of sentence-transformers: `config.json`, `tokenizer.json`, `model.safetensors`, and, where they
/// stand, `modules.json`, `1_Pooling/config.json`, `sentence_bert_config.json` and
/// `config_sentence_transformers.json`. A directory without `modules.json` is read as a plain BERT with mean pooling
/// and normalisation.
pub struct ModelFiles {
    origin: PathBuf,
    files: BTreeMap<&'static str, Cow<'static, [u8]>>,
}

/// Files that a model must have.
const REQUIRED: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];
/// Files that a model may have.
const OPTIONAL: [&str; 6] = [
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "calibration.json",
    "prototypes.bin",
];

/// How token states become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// The state of the first token.
    Cls,
    /// The mean of the states of all real tokens.
    Mean,
}

/// What the files say, read and checked.
pub(super) struct Layout {
    pub(super) config: bert::Config,
    pub(super) pooling: Pooling,
    pub(super) normalise: bool,
    pub(super) max_tokens: usize,
    pub(super) prompt: String,
}

impl ModelFiles {
    /// The files of a directory.
    ///
    /// # Errors
    /// [`Error::Model`] that names the missing file, or [`Error::File`] for one that cannot be read.
    pub fn read(dir: &Path) -> Result<Self> {
        let mut model = Self { origin: dir.to_owned(), files: BTreeMap::new() };
        if !dir.is_dir() {
            return Err(model.fault("不是目录。请给出含 config.json、tokenizer.json、model.safetensors 的目录"));
        }
        for name in REQUIRED.into_iter().chain(OPTIONAL) {
            let path = dir.join(name);
            match std::fs::read(&path) {
                Ok(bytes) => _ = model.files.insert(name, Cow::Owned(bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::file(path, "读取", error)),
            }
        }
        for name in REQUIRED {
            if !model.files.contains_key(name) {
                return Err(model.fault(format!("缺少 {name}。目录里应有 {}", REQUIRED.join("、"))));
            }
        }
        Ok(model)
    }

    /// The default model, which is compiled in.
    pub fn embedded() -> Self {
        macro_rules! files {
            ($($name:literal),+ $(,)?) => {
                [$(($name, Cow::Borrowed(&include_bytes!(concat!("../../models/waibao-zh-4x256/", $name))[..]))),+]
            };
        }
        let files = files![
            "config.json",
            "tokenizer.json",
            "model.safetensors",
            "modules.json",
            "1_Pooling/config.json",
            "sentence_bert_config.json",
            "calibration.json",
            "prototypes.bin",
        ];
        Self { origin: PathBuf::from("waibao-zh-4x256"), files: files.into_iter().collect() }
    }

    /// The model's name: the last part of its directory.
    pub fn name(&self) -> &str {
        self.origin.file_name().and_then(|name| name.to_str()).unwrap_or("model")
    }

    /// The content of a file, where the model has it.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|bytes| &**bytes)
    }

    /// An error of this model.
    pub(super) fn fault(&self, problem: impl Into<String>) -> Error {
        Error::Model { dir: self.origin.clone(), problem: problem.into(), source: None }
    }

    /// An error of this model, with its cause.
    pub(super) fn fault_by<E>(&self, problem: impl Into<String>, cause: E) -> Error
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Error::Model { dir: self.origin.clone(), problem: problem.into(), source: Some(cause.into()) }
    }

    fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(bytes) = self.get(name) else { return Ok(None) };
        serde_json::from_slice(bytes).map(Some).map_err(|error| self.fault_by(format!("{name} 不是预期的 JSON"), error))
    }

    /// Reads and checks what the files say.
    pub(super) fn layout(&self) -> Result<Layout> {
        let config: bert::Config = self.json("config.json")?.ok_or_else(|| self.fault("缺少 config.json"))?;
        if config.model_type.as_deref().is_some_and(|kind| kind != "bert") {
            let kind = config.model_type.as_deref().unwrap_or_default();
            return Err(self.fault(format!("config.json 的 model_type 为 {kind}，目前只支持 bert")));
        }
        if config.num_attention_heads == 0 || !config.hidden_size.is_multiple_of(config.num_attention_heads) {
            return Err(self.fault("config.json 的 hidden_size 不能被 num_attention_heads 整除"));
        }
        let modules: Vec<ModuleJson> = self.json("modules.json")?.unwrap_or_default();
        for module in &modules {
            let known = ["Transformer", "Pooling", "Normalize"].iter().any(|name| module.kind.ends_with(name));
            if !known {
                return Err(self.fault(format!("modules.json 里的模块 {} 不受支持", module.kind)));
            }
        }
        let normalise = modules.is_empty() || modules.iter().any(|module| module.kind.ends_with("Normalize"));
        let pooling = match self.json::<PoolingJson>("1_Pooling/config.json")? {
            None => Pooling::Mean,
            Some(PoolingJson { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false, .. }) => Pooling::Cls,
            Some(PoolingJson { pooling_mode_mean_tokens: true, pooling_mode_cls_token: false, .. }) => Pooling::Mean,
            Some(_) => return Err(self.fault("1_Pooling/config.json：只支持 cls 或 mean 一种池化")),
        };
        let lengths: SentenceBertJson = self.json("sentence_bert_config.json")?.unwrap_or_default();
        let prompts: PromptsJson = self.json("config_sentence_transformers.json")?.unwrap_or_default();
        let prompt = prompts.default_prompt_name.and_then(|name| prompts.prompts.get(&name).cloned());
        Ok(Layout {
            max_tokens: lengths.max_seq_length.unwrap_or(usize::MAX).min(config.max_position_embeddings),
            config,
            pooling,
            normalise,
            prompt: prompt.unwrap_or_default(),
        })
    }
}

#[derive(Deserialize)]
struct ModuleJson {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct PoolingJson {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

#[derive(Deserialize, Default)]
struct SentenceBertJson {
    max_seq_length: Option<usize>,
}

#[derive(Deserialize, Default)]
struct PromptsJson {
    #[serde(default)]
    prompts: BTreeMap<String, String>,
    default_prompt_name: Option<String>,
}
