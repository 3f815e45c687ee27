//! A classifier from what is compiled in, or from directories that the user names.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::calibration::{Calibrator, Labelled};
use crate::classifier::{Classifier, Settings};
use crate::encoder::{BertEncoder, Encoder, ModelFiles};
use crate::error::Result;
use crate::eval::shipped_labels;
use crate::index::{Index, cache_file};
use crate::lexical::Lexical;
use crate::pack::Pack;
use crate::whole;

/// What is still to be computed for a model and a pack before the first text can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The embeddings of the prototypes.
    Prototypes,
    /// The calibration.
    Calibration,
}

/// Where to look, and what to tell.
#[derive(Default)]
pub struct Sources<'a> {
    /// A sentence-transformers directory instead of the default model.
    pub model: Option<&'a Path>,
    /// A pack's directory instead of the embedded pack.
    pub pack: Option<&'a Path>,
    /// Where computed prototypes and calibrations are kept; without it they are computed each time.
    pub cache: Option<PathBuf>,
    /// The settings; without the lexical signal, calibration is fitted anew.
    pub settings: Settings,
    /// Called before work that takes a while.
    pub announce: Option<&'a dyn Fn(Work)>,
}

/// The default model with the embedded pack.
///
/// # Errors
/// Never for a released program: its tests load it.
pub fn embedded() -> Result<Classifier> {
    open(&Sources::default())
}

/// A classifier from the sources.
///
/// Prototype embeddings come from the model's own `prototypes.bin`, else from the cache, else they are computed and
/// cached; a copy that is stale or broken is not used. The same for the calibration, which a model without its own is
/// given by fitting it on the shipped labelled texts.
///
/// # Errors
/// Whatever is wrong with the model or the pack. A cache that cannot be written is no error.
pub fn open(sources: &Sources<'_>) -> Result<Classifier> {
    let pack = sources.pack.map_or_else(Pack::embedded, Pack::open)?;
    let files = sources.model.map_or_else(|| Ok(ModelFiles::embedded()), ModelFiles::read)?;
    let encoder = BertEncoder::load(&files)?;
    let index = index(&pack, &encoder, &files, sources)?;
    let calibration = sources.cache.as_deref().map(|cache| cache_file(cache, &pack, &encoder).with_extension("json"));
    let unfitted = unfitted(&pack, &encoder);
    let read = |bytes: &[u8]| Calibrator::read(bytes, &unfitted);
    let known = files
        .get("calibration.json")
        .and_then(read)
        .or_else(|| calibration.as_deref().and_then(|path| std::fs::read(path).ok()).and_then(|bytes| read(&bytes)));
    let settings = sources.settings.clone();
    match known.filter(|_| settings.lexical) {
        Some(calibrator) => Ok(Classifier::new(pack, encoder, index, calibrator, settings)),
        None => {
            announce(sources, Work::Calibration);
            let fused = settings.lexical;
            let classifier = calibrated(pack, encoder, index, settings, &shipped_labels()?)?;
            if fused {
                store(calibration.as_deref(), classifier.calibrator().to_json().as_bytes());
            }
            Ok(classifier)
        }
    }
}

/// Fits a model's calibration on labelled texts and writes it with the prototype embeddings into the model's
/// directory, so that loading has nothing to compute. Only the eighth of the texts that training holds out is used.
///
/// # Errors
/// Whatever is wrong with model or pack, [`crate::Error::File`] where the directory cannot be written.
pub fn prepare(model: &Path, pack: Option<&Path>, labelled: &[Labelled]) -> Result<Classifier> {
    let pack = pack.map_or_else(Pack::embedded, Pack::open)?;
    let encoder = BertEncoder::load(&ModelFiles::read(model)?)?;
    let index = Index::build(&pack, &encoder)?;
    let stored = index.pack(&pack, &encoder);
    let classifier = calibrated(pack, encoder, index, Settings::default(), labelled)?;
    let calibration = classifier.calibrator().to_json();
    for (name, content) in [("prototypes.bin", stored.as_slice()), ("calibration.json", calibration.as_bytes())] {
        let path = model.join(name);
        whole::write(&path, |file| file.write_all(content))?;
    }
    Ok(classifier)
}

fn calibrated(
    pack: Pack,
    encoder: BertEncoder,
    index: Index,
    settings: Settings,
    labelled: &[Labelled],
) -> Result<Classifier> {
    let held_out: Vec<Labelled> = labelled.iter().filter(|row| row.is_held_out()).cloned().collect();
    let unfitted = unfitted(&pack, &encoder);
    let mut classifier = Classifier::new(pack, encoder, index, unfitted, settings);
    classifier.calibrate(&held_out)?;
    Ok(classifier)
}

fn unfitted(pack: &Pack, encoder: &dyn Encoder) -> Calibrator {
    Calibrator::unfitted(encoder.hash(), &pack.hash, &Lexical::hash())
}

fn index(pack: &Pack, encoder: &dyn Encoder, files: &ModelFiles, sources: &Sources<'_>) -> Result<Index> {
    if let Some(index) = Index::restore(pack, encoder, files.get("prototypes.bin").unwrap_or_default()) {
        return Ok(index);
    }
    let cached = sources.cache.as_deref().map(|cache| cache_file(cache, pack, encoder));
    let bytes = cached.as_deref().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    if let Some(index) = Index::restore(pack, encoder, &bytes) {
        return Ok(index);
    }
    announce(sources, Work::Prototypes);
    let index = Index::build(pack, encoder)?;
    store(cached.as_deref(), &index.pack(pack, encoder));
    Ok(index)
}

fn announce(sources: &Sources<'_>, work: Work) {
    if let Some(announce) = sources.announce {
        announce(work);
    }
}

/// Writes a file of the cache. A cache that cannot be written only costs time.
fn store(path: Option<&Path>, content: &[u8]) {
    let Some(path) = path else { return };
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    if made.is_ok() {
        let _ = whole::write(path, |file| file.write_all(content));
    }
}
