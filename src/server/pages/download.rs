//! Files that are handed out: read piece by piece, so that a large one costs no memory.

use std::fs::File;
use std::io::Read;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;

use super::encoded;

/// Bytes of a piece.
const PIECE: usize = 1 << 16;

/// A file from where it is read on, to be kept under a name.
pub(crate) fn download(file: File, name: &str, kind: &'static str) -> Response {
    let pieces = try_unfold(file, |file| async move {
        let read = tokio::task::spawn_blocking(move || piece(file));
        read.await.map_err(std::io::Error::other).flatten()
    });
    let disposition = format!("attachment; filename*=UTF-8''{}", encoded(name).replace('/', "%2F"));
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], Body::from_stream(pieces)).into_response()
}

/// The next piece and the file behind it; none at the end.
fn piece(mut file: File) -> std::io::Result<Option<(Bytes, File)>> {
    let mut bytes = Vec::with_capacity(PIECE);
    file.by_ref().take(PIECE as u64).read_to_end(&mut bytes)?;
    Ok(if bytes.is_empty() { None } else { Some((bytes.into(), file)) })
}
