//! Text files in the encodings that office programs write.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use encoding_rs::{Encoding, GB18030, UTF_8};
use encoding_rs_io::DecodeReaderBytesBuilder;

use crate::error::{Error, Result};

/// So many Chinese characters in UTF-8 are no accident in another encoding.
const TELLING: usize = 4;

/// The encoding of a file without a mark at its beginning: none to speak of if all of it is UTF-8; UTF-8 also where there is a
/// fault in it, so that the fault is found in its place; else GB18030.
pub(super) fn encoding(path: &Path) -> Result<Option<&'static Encoding>> {
    let failed = |error| Error::file(path, "读取", error);
    meant(BufReader::new(File::open(path).map_err(failed)?)).map_err(failed)
}

/// The text of a file as UTF-8; a mark at its beginning is believed more than the encoding. What cannot be read shows
/// U+FFFD.
pub(super) fn decoded(path: &Path, encoding: Option<&'static Encoding>) -> Result<impl Read + use<>> {
    let file = File::open(path).map_err(|error| Error::file(path, "读取", error))?;
    Ok(DecodeReaderBytesBuilder::new().encoding(encoding).bom_override(true).strip_bom(true).build(file))
}

/// The encoding that a stream is meant to be in, by what stands in it up to the first fault; read in pieces.
fn meant(mut stream: impl Read) -> std::io::Result<Option<&'static Encoding>> {
    let mut buffer = vec![0; 1 << 16];
    let (mut kept, mut chinese) = (0, 0);
    loop {
        let read = stream.read(&mut buffer[kept..])?;
        let end = kept + read;
        let (valid, broken) = match std::str::from_utf8(&buffer[..end]) {
            Ok(_) => (end, false),
            Err(error) => (error.valid_up_to(), error.error_len().is_some() || read == 0),
        };
        // The first of the three bytes of each.
        chinese += buffer[..valid].iter().filter(|byte| (0xe4..=0xe9).contains(*byte)).count();
        if broken {
            return Ok(Some(if chinese >= TELLING { UTF_8 } else { GB18030 }));
        }
        if read == 0 {
            return Ok(None);
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
            assert_eq!(meant(format!("{lead}{long}").as_bytes()).unwrap(), None);
        }
    }

    #[test]
    fn a_fault_in_what_is_utf_8_otherwise_does_not_make_it_another_encoding() {
        for (text, encoding) in [("合同编号,", UTF_8), ("合同,", GB18030), ("no,name\n", GB18030)] {
            for fault in [&b"\xff\n"[..], b"\xe5"] {
                assert_eq!(meant(&[text.as_bytes(), fault].concat()[..]).unwrap(), Some(encoding), "{text}");
            }
        }
        assert_eq!(meant(&GB18030.encode("浣花溪合同编号，名称").0[..]).unwrap(), Some(GB18030));
    }
}
