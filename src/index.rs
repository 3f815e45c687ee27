//! The index: every prototype of a pack as a unit vector, and the score of every class by nearness to them.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, ArrayView1, Axis, s};
use sha2::{Digest, Sha256};

use crate::code::{Code, Label};
use crate::encoder::{Embedding, Encoder};
use crate::error::{Error, Result};
use crate::pack::Pack;
use crate::text::{GLOSSARY, Normalised, gloss};

/// What a prototype is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrototypeKind {
    /// The definition of a class.
    Definition,
    /// A 典型业务.
    Inclusion,
    /// An exemplar of a rule.
    Exemplar,
    /// A case that a person decided.
    Case,
}

/// A text that a person decided, as the texts after it are compared with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its id, by which evidence names it.
    pub id: String,
    /// What the person gave it.
    pub label: Label,
    /// Its telling passages with their embeddings.
    pub passages: Vec<(String, Embedding)>,
}

/// A text that others are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prototype {
    /// The id of what it stands for: a code, a 典型业务, an exemplar.
    pub id: String,
    /// What it is.
    pub kind: PrototypeKind,
    /// What a text that is nearest to it is coded as; none for an exemplar that a person must decide.
    pub label: Option<Label>,
    /// The text.
    pub text: String,
    /// For an exemplar its rule, and whether the rule must catch it.
    pub side: Option<(String, bool)>,
}

/// The prototypes of a pack with their embeddings, and the labels that they can give.
#[derive(Debug, Clone)]
pub struct Index {
    prototypes: Vec<Prototype>,
    /// One row for each prototype, of the encoder's dimensions.
    matrix: Array2<f32>,
    labels: Vec<Label>,
    /// For each prototype the place of its label.
    places: Vec<Option<usize>>,
    /// Prototypes of the pack; those of cases follow them.
    of_pack: usize,
}

impl Index {
    /// The prototypes of a pack: definitions, 典型业务, exemplars, in the order of the files.
    pub fn prototypes(pack: &Pack) -> Vec<Prototype> {
        let mut prototypes = Vec::new();
        for item in pack.classes() {
            let label = Some(Label::Class(item.code));
            let definition = format!("{}。{}", item.name, item.definition);
            let kind = PrototypeKind::Definition;
            prototypes.push(Prototype { id: item.code.to_string(), kind, label, text: definition, side: None });
            prototypes.extend(item.inclusions.iter().map(|inclusion| Prototype {
                id: inclusion.id.clone(),
                kind: PrototypeKind::Inclusion,
                label,
                text: format!("{}，{}", inclusion.name, inclusion.text),
                side: None,
            }));
        }
        prototypes.extend(pack.exemplars.iter().map(|exemplar| Prototype {
            id: exemplar.id.clone(),
            kind: PrototypeKind::Exemplar,
            label: exemplar.label,
            text: exemplar.text.clone(),
            side: Some((exemplar.rule.clone(), exemplar.caught)),
        }));
        prototypes
    }

    /// Embeds the prototypes of a pack.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn build(pack: &Pack, encoder: &dyn Encoder) -> Result<Self> {
        let prototypes = Self::prototypes(pack);
        let texts: Vec<String> = prototypes.iter().map(|prototype| normalised(&prototype.text)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let embeddings = encoder.encode(&texts)?;
        let flat: Vec<f32> = embeddings.into_iter().flatten().collect();
        let matrix = Array2::from_shape_vec((prototypes.len(), encoder.dimensions()), flat).map_err(Error::encode)?;
        Ok(Self::new(pack, prototypes, matrix))
    }

    fn new(pack: &Pack, prototypes: Vec<Prototype>, matrix: Array2<f32>) -> Self {
        let mut labels: Vec<Label> = pack.classes().map(|item| Label::Class(item.code)).collect();
        labels.push(Label::OutOfScope);
        let place = |prototype: &Prototype| labels.iter().position(|label| Some(*label) == prototype.label);
        let places = prototypes.iter().map(place).collect();
        let of_pack = prototypes.len();
        Self { prototypes, matrix, labels, places, of_pack }
    }

    /// The index with these cases in place of those that it had. A case with a label that the pack does not have, or with
    /// embeddings of another length, is left out: it was decided under another pack or with another model.
    pub fn with_cases(&self, cases: &[Case]) -> Self {
        let mut index = Self {
            prototypes: self.prototypes[..self.of_pack].to_vec(),
            matrix: self.matrix.slice(s![..self.of_pack, ..]).to_owned(),
            labels: self.labels.clone(),
            places: self.places[..self.of_pack].to_vec(),
            of_pack: self.of_pack,
        };
        for case in cases {
            let Some(place) = self.labels.iter().position(|label| *label == case.label) else { continue };
            for (text, embedding) in &case.passages {
                if index.matrix.push_row(ArrayView1::from(embedding)).is_ok() {
                    let (id, label, text) = (case.id.clone(), Some(case.label), text.clone());
                    index.prototypes.push(Prototype { id, kind: PrototypeKind::Case, label, text, side: None });
                    index.places.push(Some(place));
                }
            }
        }
        index
    }

    /// Every label a text can get: the classes in order, then 不属于服务外包.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The place of a class among the labels.
    pub fn place(&self, code: Code) -> Option<usize> {
        self.labels.iter().position(|label| *label == Label::Class(code))
    }

    /// One prototype.
    pub fn prototype(&self, at: usize) -> &Prototype {
        &self.prototypes[at]
    }

    /// The place of a prototype by its id.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.prototypes.iter().position(|prototype| prototype.id == id)
    }

    /// Similarities of an embedding to every prototype, in their order.
    pub fn similarities(&self, embedding: &Embedding) -> Array1<f32> {
        self.matrix.dot(&ArrayView1::from(embedding.as_slice()))
    }

    /// The score of every label: the smooth maximum (log-sum-exp at `temperature`) of the similarities to its
    /// prototypes. A prototype in `without` does not count: a text is not compared with itself.
    pub fn scores(&self, similarities: &Array1<f32>, temperature: f32, without: Option<usize>) -> Array1<f32> {
        let considered = || {
            let pairs = self.places.iter().zip(similarities).enumerate();
            pairs
                .filter(move |(at, _)| Some(*at) != without)
                .filter_map(|(_, (place, value))| Some(((*place)?, *value)))
        };
        let mut highest = Array1::from_elem(self.labels.len(), -1_f32);
        for (place, value) in considered() {
            highest[place] = highest[place].max(value);
        }
        let mut sums: Array1<f32> = Array1::zeros(self.labels.len());
        for (place, value) in considered() {
            sums[place] += ((value - highest[place]) / temperature).exp();
        }
        highest + sums.mapv(|sum| if sum > 0.0 { sum.ln() * temperature } else { 0.0 })
    }

    /// The nearest prototypes of a label, best first.
    pub fn nearest(&self, similarities: &Array1<f32>, label: Label, count: usize) -> Vec<(usize, f32)> {
        let mut found: Vec<(usize, f32)> = (0..self.prototypes.len())
            .filter(|&at| self.prototypes[at].label == Some(label))
            .map(|at| (at, similarities[at]))
            .collect();
        found.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        found.truncate(count);
        found
    }

    /// The highest similarities to the exemplars that a rule must catch and to those that it must not.
    pub fn sides(&self, similarities: &Array1<f32>, rule: &str, without: Option<usize>) -> (f32, f32) {
        let mut highest = [-1_f32; 2];
        for (at, prototype) in self.prototypes.iter().enumerate().filter(|(at, _)| Some(*at) != without) {
            if let Some((_, caught)) = prototype.side.as_ref().filter(|(id, _)| id == rule) {
                let side = &mut highest[usize::from(!caught)];
                *side = side.max(similarities[at]);
            }
        }
        (highest[0], highest[1])
    }

    /// The index out of a stored copy; none where the copy is empty, broken, or of another model, pack or format.
    pub fn restore(pack: &Pack, encoder: &dyn Encoder, stored: &[u8]) -> Option<Self> {
        let matrix = unpack(stored, &key(pack, encoder))?;
        let prototypes = Self::prototypes(pack);
        (matrix.dim() == (prototypes.len(), encoder.dimensions())).then(|| Self::new(pack, prototypes, matrix))
    }

    /// The stored form: a key of model and pack, the numbers, and a checksum.
    pub fn pack(&self, pack: &Pack, encoder: &dyn Encoder) -> Vec<u8> {
        let mut bytes = key(pack, encoder).to_vec();
        bytes.extend((self.matrix.len_of(Axis(0)) as u32).to_le_bytes());
        bytes.extend((self.matrix.len_of(Axis(1)) as u32).to_le_bytes());
        bytes.extend(self.matrix.iter().flat_map(|value| value.to_le_bytes()));
        let checksum = Sha256::digest(&bytes);
        bytes.extend(checksum);
        bytes
    }
}

/// Marks the format of a stored index.
const MAGIC: &[u8; 8] = b"waibaoi1";
const KEY: usize = MAGIC.len() + 32;
const CHECKSUM: usize = 32;

/// What a stored index is good for: this format, this model, this pack, this glossary.
fn key(pack: &Pack, encoder: &dyn Encoder) -> [u8; KEY] {
    let mut key = [0; KEY];
    key[..MAGIC.len()].copy_from_slice(MAGIC);
    let all = [encoder.hash(), &pack.hash, GLOSSARY].join("\0");
    key[MAGIC.len()..].copy_from_slice(&Sha256::digest(all));
    key
}

/// The matrix of a stored index; none where anything does not fit.
fn unpack(bytes: &[u8], key: &[u8]) -> Option<Array2<f32>> {
    let (content, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
    if Sha256::digest(content).as_slice() != checksum {
        return None;
    }
    let (head, sizes) = content.split_at_checked(KEY)?;
    if head != key {
        return None;
    }
    let (sizes, numbers) = sizes.split_at_checked(8)?;
    let size = |at: usize| sizes[at..at + 4].try_into().map(u32::from_le_bytes).map(|size| size as usize);
    let values = numbers.chunks_exact(4).map(|chunk| f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
    Array2::from_shape_vec((size(0).ok()?, size(4).ok()?), values.collect()).ok()
}

/// The file of the user's cache where the index of a model and a pack lies.
pub fn cache_file(cache: &Path, pack: &Pack, encoder: &dyn Encoder) -> PathBuf {
    cache.join(format!("{}.prototypes", &crate::hex(&key(pack, encoder)[MAGIC.len()..])[..24]))
}

fn normalised(text: &str) -> String {
    gloss(Normalised::new(text).text()).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encoder::HashEncoder;

    fn index() -> (Pack, HashEncoder, Index) {
        let (pack, encoder) = (Pack::embedded().unwrap(), HashEncoder::new(64));
        let index = Index::build(&pack, &encoder).unwrap();
        (pack, encoder, index)
    }

    #[test]
    fn a_stored_index_comes_back_and_a_broken_or_stale_one_does_not() {
        let (pack, encoder, index) = index();
        let stored = index.pack(&pack, &encoder);
        assert_eq!(Index::restore(&pack, &encoder, &stored).unwrap().matrix, index.matrix);

        let mut broken = stored.clone();
        broken[100] ^= 1;
        for useless in [&broken[..], &stored[..50], &[]] {
            assert!(Index::restore(&pack, &encoder, useless).is_none());
        }
        assert!(Index::restore(&pack, &HashEncoder::new(32), &stored).is_none());

        let files = crate::pack::PackFiles::embedded();
        let remarked = format!("{}# 改动\n", files.text("pack.toml"));
        let other = Pack::from_files(&files.with("pack.toml", &remarked)).unwrap();
        assert!(Index::restore(&other, &encoder, &stored).is_none());
    }

    #[test]
    fn a_prototype_is_nearest_to_itself_and_can_be_left_out() {
        let (_, encoder, index) = index();
        let at = index.prototypes.iter().position(|prototype| prototype.id == "B23-2").unwrap();
        let embedding = encoder.encode(&[&normalised(&index.prototypes[at].text)]).unwrap().remove(0);
        let similarities = index.similarities(&embedding);
        let label = index.prototypes[at].label.unwrap();
        assert_eq!(index.nearest(&similarities, label, 1)[0].0, at);
        let place = index.labels.iter().position(|known| *known == label).unwrap();
        let with = index.scores(&similarities, 0.02, None)[place];
        let without = index.scores(&similarities, 0.02, Some(at))[place];
        assert!(with > 0.99 && without < with);
    }

    #[test]
    fn a_case_gives_its_label_to_its_text_until_it_is_withdrawn() {
        let (_, encoder, index) = index();
        let text = "为某区政府提供无人机巡河服务";
        let embedding = encoder.encode(&[text]).unwrap().remove(0);
        let label = "K31".parse().unwrap();
        let place = index.labels.iter().position(|known| *known == label).unwrap();
        let case = Case { id: "案例1".to_owned(), label, passages: vec![(text.to_owned(), embedding.clone())] };
        let score = |index: &Index| index.scores(&index.similarities(&embedding), 0.02, None)[place];

        let with = index.with_cases(&[case]);
        assert_eq!(with.prototype(with.nearest(&with.similarities(&embedding), label, 1)[0].0).id, "案例1");
        assert!(score(&with) > 0.999 && score(&index) < 0.999);
        assert_eq!(with.with_cases(&[]).matrix, index.matrix);

        let short = Case { id: "案例2".to_owned(), label, passages: vec![(text.to_owned(), vec![1.0])] };
        assert_eq!(index.with_cases(&[short]).prototypes.len(), index.prototypes.len());
    }

    proptest! {
        #[test]
        fn a_score_lies_between_the_maximum_and_the_maximum_plus_the_spread(text in "[一-龥]{4,30}") {
            let (_, encoder, index) = index();
            let similarities = index.similarities(&encoder.encode(&[&text]).unwrap()[0]);
            let scores = index.scores(&similarities, 0.02, None);
            for (place, label) in index.labels.iter().enumerate() {
                let best = index.nearest(&similarities, *label, 1)[0].1;
                let most = best + 0.02 * (index.prototypes.len() as f32).ln();
                prop_assert!(scores[place] >= best - 1e-6 && scores[place] <= most + 1e-6);
            }
        }
    }
}
