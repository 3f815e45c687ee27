//! What can go wrong, said so that the person at the keyboard knows where, what, and what to do.

use std::path::PathBuf;

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the library. Messages are for the user and in Chinese; causes are kept as `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read or written.
    #[error("{}：{action}失败", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried, as a Chinese verb (读取, 写入).
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A text file in no encoding that is known here.
    #[error("{}：既不是 UTF-8 也不是 GB18030 编码的文本。请另存为 UTF-8 后重试", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
    },
    /// A pack with faults; each names file and line.
    #[error("分类包有 {} 处错误：\n{}", faults.len(), faults.iter().map(|f| format!("  {f}")).collect::<Vec<_>>().join("\n"))]
    Pack {
        /// Every fault found.
        faults: Vec<Fault>,
    },
    /// A model directory that is incomplete or broken.
    #[error("模型目录 {}：{problem}", dir.display())]
    Model {
        /// The directory (or the name of the built-in model).
        dir: PathBuf,
        /// Which file, what was expected, what to do.
        problem: String,
        /// The cause, where there is one.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A computation of the encoder that failed: a fault of the model or of this program, not of the text.
    #[error("模型计算失败")]
    Encode {
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A labelled file with a bad row.
    #[error("{}：第 {row} 行，{column} 列：{problem}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The row, counted as a spreadsheet does: the header is row 1.
        row: u64,
        /// The column's name.
        column: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// The server's data file, which cannot be read or written.
    #[error("{}：读写数据失败", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An argument that makes no sense.
    #[error("{0}")]
    Argument(String),
}

/// One fault of a pack: where and what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file, relative to the pack's directory.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what was expected.
    pub message: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl Error {
    /// A file error with its path.
    pub(crate) fn file(path: impl Into<PathBuf>, action: &'static str, source: std::io::Error) -> Self {
        Self::File { path: path.into(), action, source }
    }

    /// A computation error of the encoder.
    pub(crate) fn encode(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Encode { source: source.into() }
    }
}
