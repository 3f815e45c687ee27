//! Files that are handed out: read piece by piece, so that a large one costs no memory.

use std::fs::File;
use std::io::Read;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;

use super::problem::Problem;
use super::shown::encoded;
use crate::error::Error;

/// Bytes of a piece.
const PIECE: usize = 1 << 16;

/// A temporary file from its beginning, to be kept by the browser under a name. `place` is where it lies: it goes when all is
/// sent, or nobody waits any longer.
pub(crate) fn download(
    file: File,
    place: impl Send + 'static,
    name: &str,
    kind: &'static str,
) -> Result<Response, Problem> {
    let length = file.metadata().map_err(|error| Error::file("下载的临时文件", "读取", error))?.len();
    let pieces = try_unfold((file, place), |(file, place)| async move {
        let read = tokio::task::spawn_blocking(move || piece(file));
        let piece = read.await.map_err(std::io::Error::other).flatten()?;
        Ok::<_, std::io::Error>(piece.map(|(bytes, file)| (bytes, (file, place))))
    });
    let disposition = format!("attachment; filename*=UTF-8''{}", encoded(name).replace('/', "%2F"));
    let headers =
        [(CONTENT_TYPE, kind.to_owned()), (CONTENT_LENGTH, length.to_string()), (CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// The next piece and the file behind it; none at the end.
fn piece(mut file: File) -> std::io::Result<Option<(Bytes, File)>> {
    let mut bytes = Vec::with_capacity(PIECE);
    file.by_ref().take(PIECE as u64).read_to_end(&mut bytes)?;
    Ok(if bytes.is_empty() { None } else { Some((bytes.into(), file)) })
}
