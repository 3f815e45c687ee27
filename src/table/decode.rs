//! Text files in the encodings that office programs write.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use encoding_rs::{Encoding, GB18030};
use encoding_rs_io::DecodeReaderBytesBuilder;

use crate::error::{Error, Result};

/// The encoding of a file without a mark at its beginning: UTF-8 (none) if all of it is, else GB18030.
pub(super) fn encoding(path: &Path) -> Result<Option<&'static Encoding>> {
    let failed = |error| Error::file(path, "读取", error);
    let utf8 = is_utf8(BufReader::new(File::open(path).map_err(failed)?)).map_err(failed)?;
    Ok(if utf8 { None } else { Some(GB18030) })
}

/// The text of a file as UTF-8; a mark at its beginning is believed more than the encoding. What cannot be read shows
/// U+FFFD.
pub(super) fn decoded(path: &Path, encoding: Option<&'static Encoding>) -> Result<impl Read + use<>> {
    let file = File::open(path).map_err(|error| Error::file(path, "读取", error))?;
    Ok(DecodeReaderBytesBuilder::new().encoding(encoding).bom_override(true).strip_bom(true).build(file))
}

/// Whether all of a stream is UTF-8, read in pieces.
fn is_utf8(mut stream: impl Read) -> std::io::Result<bool> {
    let mut buffer = vec![0; 1 << 16];
    let mut kept = 0;
    loop {
        let read = stream.read(&mut buffer[kept..])?;
        let end = kept + read;
        let valid = match std::str::from_utf8(&buffer[..end]) {
            Ok(_) => end,
            Err(error) if error.error_len().is_none() && read > 0 => error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        if read == 0 {
            return Ok(true);
        }
        buffer.copy_within(valid..end, 0);
        kept = end - valid;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_may_lie_across_two_pieces() {
        let long = "合".repeat(50_000);
        for lead in ["", "a", "ab"] {
            assert!(is_utf8(format!("{lead}{long}").as_bytes()).unwrap());
        }
        assert!(!is_utf8(&[long.as_bytes(), b"\xe5"].concat()[..]).unwrap());
    }
}
