//! The Candle BERT: any sentence-transformers model of that architecture, on the CPU, in f32.

use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::BertModel;
use sha2::{Digest, Sha256};
use tokenizers::{Tokenizer, TruncationParams};

use super::layout::{ModelFiles, Pooling};
use super::{Embedding, Encoder, normalise};
use crate::error::{Error, Result};

/// Texts that are encoded together. Sorted by length first, so that padding costs little.
const BATCH: usize = 16;

/// A BERT encoder with its tokenizer.
pub struct BertEncoder {
    name: String,
    hash: String,
    model: BertModel,
    tokenizer: Tokenizer,
    pooling: Pooling,
    normalise: bool,
    dimensions: usize,
    max_tokens: usize,
    prompt: String,
    padding: u32,
}

impl BertEncoder {
    /// Loads a model.
    ///
    /// # Errors
    /// [`Error::Model`] that says which file is broken and what was expected.
    pub fn load(files: &ModelFiles) -> Result<Self> {
        let layout = files.layout()?;
        let bytes = |name| files.get(name).ok_or_else(|| files.fault(format!("缺少 {name}")));
        let mut tokenizer = Tokenizer::from_bytes(bytes("tokenizer.json")?)
            .map_err(|error| files.fault_by("tokenizer.json 不是可用的分词器", error))?;
        let max_length = layout.max_tokens;
        tokenizer
            .with_truncation(Some(TruncationParams { max_length, ..Default::default() }))
            .map_err(|error| files.fault_by(format!("最大长度 {max_length} 不可用"), error))?;
        tokenizer.with_padding(None);
        if tokenizer.get_vocab_size(true) > layout.config.vocab_size {
            return Err(files.fault(format!(
                "tokenizer.json 有 {} 个词，多于 config.json 的 vocab_size（{}），两个文件不属于同一模型",
                tokenizer.get_vocab_size(true),
                layout.config.vocab_size
            )));
        }
        let weights = VarBuilder::from_slice_safetensors(bytes("model.safetensors")?, DType::F32, &Device::Cpu)
            .map_err(|error| files.fault_by("model.safetensors 不是完整的 safetensors 文件", error))?;
        let model = BertModel::load(weights, &layout.config)
            .map_err(|error| files.fault_by("model.safetensors 与 config.json 不一致", error))?;
        let mut hasher = Sha256::new();
        for name in ["config.json", "tokenizer.json", "model.safetensors", "modules.json", "1_Pooling/config.json"] {
            hasher.update(name);
            hasher.update(Sha256::digest(files.get(name).unwrap_or_default()));
        }
        hasher.update(layout.prompt.as_bytes());
        hasher.update(layout.max_tokens.to_le_bytes());
        Ok(Self {
            name: files.name().to_owned(),
            hash: crate::hex(&hasher.finalize()),
            model,
            tokenizer,
            pooling: layout.pooling,
            normalise: layout.normalise,
            dimensions: layout.config.hidden_size,
            max_tokens: layout.max_tokens,
            prompt: layout.prompt,
            padding: layout.config.pad_token_id as u32,
        })
    }

    fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let prompted;
        let text = if self.prompt.is_empty() {
            text
        } else {
            prompted = format!("{}{text}", self.prompt);
            &prompted
        };
        let encoding = self.tokenizer.encode_fast(text, true).map_err(Error::encode)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Embeddings of token id rows of about the same length.
    fn forward(&self, rows: &[&[u32]]) -> candle_core::Result<Vec<Embedding>> {
        let length = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let mut ids = Vec::with_capacity(rows.len() * length);
        let mut mask = Vec::with_capacity(rows.len() * length);
        for row in rows {
            ids.extend_from_slice(row);
            ids.resize(ids.len() + length - row.len(), self.padding);
            mask.extend((0..length).map(|at| if at < row.len() { 1_f32 } else { 0.0 }));
        }
        let shape = (rows.len(), length);
        let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let states = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let pooled = match self.pooling {
            Pooling::Cls => states.narrow(1, 0, 1)?.squeeze(1)?,
            Pooling::Mean => {
                let weights = mask.unsqueeze(D::Minus1)?;
                states.broadcast_mul(&weights)?.sum(1)?.broadcast_div(&mask.sum_keepdim(1)?)?
            }
        };
        let mut embeddings: Vec<Embedding> = pooled.to_vec2()?;
        if self.normalise {
            embeddings.iter_mut().for_each(|embedding| normalise(embedding));
        }
        Ok(embeddings)
    }
}

impl Encoder for BertEncoder {
    fn name(&self) -> &str {
        &self.name
    }

    fn hash(&self) -> &str {
        &self.hash
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    fn count_tokens(&self, text: &str) -> usize {
        // The tokenizer truncates; a text at the limit may be longer, so it is counted as too long.
        match self.ids(text) {
            Ok(ids) if ids.len() >= self.max_tokens => usize::MAX,
            Ok(ids) => ids.len(),
            Err(_) => usize::MAX,
        }
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Embedding>> {
        let rows = texts.iter().map(|text| self.ids(text)).collect::<Result<Vec<_>>>()?;
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&at| rows[at].len());
        let mut embeddings = vec![Embedding::new(); rows.len()];
        for group in order.chunks(BATCH) {
            let batch: Vec<&[u32]> = group.iter().map(|&at| rows[at].as_slice()).collect();
            for (&at, embedding) in group.iter().zip(self.forward(&batch).map_err(Error::encode)?) {
                embeddings[at] = embedding;
            }
        }
        Ok(embeddings)
    }
}
