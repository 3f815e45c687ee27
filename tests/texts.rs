//! The labelled texts: well-formed, enough of each class, and the gold apart from everything that is learnt from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use waibao::Label;
use waibao::eval::{Row, read_labelled};
use waibao::pack::Pack;
use waibao::text::Normalised;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn training() -> Vec<Row> {
    let mut files: Vec<_> =
        std::fs::read_dir(root("training_data")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    files.iter().flat_map(|path| read_labelled(path).unwrap()).collect()
}

fn gold() -> Vec<Row> {
    read_labelled(&root("eval/gold/starter.csv")).unwrap()
}

fn counts(rows: &[Row]) -> BTreeMap<Label, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.labelled.labels[0]).or_insert(0) += 1;
    }
    counts
}

#[test]
fn every_class_has_enough_texts_and_every_label_is_known() {
    let pack = Pack::embedded().unwrap();
    for (rows, of_a_class, out_of_scope) in [(training(), 20, 60), (gold(), 6, 60)] {
        let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids.len(), rows.len(), "an id stands twice");
        assert!(rows.iter().flat_map(|row| &row.labelled.labels).all(|label| pack.can_give(*label)));
        let counts = counts(&rows);
        for item in pack.classes() {
            let count = counts.get(&Label::Class(item.code)).copied().unwrap_or(0);
            assert!(count >= of_a_class, "{} has {count}", item.code);
        }
        assert!(counts[&Label::OutOfScope] >= out_of_scope);
    }
}

#[test]
fn the_compiled_in_texts_are_those_of_the_folder() {
    assert_eq!(waibao::eval::shipped_labels().unwrap().len(), training().len());
}

/// Character 5-grams of the letters and digits of a text, hashed.
fn grams(text: &str) -> BTreeSet<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let characters: Vec<char> =
        Normalised::new(text).text().chars().filter(|letter| letter.is_alphanumeric()).collect();
    let hash = |gram: &[char]| {
        let mut hasher = DefaultHasher::new();
        gram.hash(&mut hasher);
        hasher.finish()
    };
    characters.windows(5).map(hash).collect()
}

#[test]
fn no_gold_text_is_or_nearly_is_one_that_is_learnt_from() {
    let pack = Pack::embedded().unwrap();
    let learnt: Vec<(String, String)> = training().into_iter().map(|row| (row.id, row.labelled.text)).collect();
    let exemplars = pack.exemplars.iter().map(|exemplar| (exemplar.id.clone(), exemplar.text.clone()));
    let learnt: Vec<(String, BTreeSet<u64>)> =
        learnt.into_iter().chain(exemplars).map(|(id, text)| (id, grams(&text))).collect();
    let mut holders: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, (_, grams)) in learnt.iter().enumerate() {
        grams.iter().for_each(|gram| holders.entry(*gram).or_default().push(at));
    }
    for row in gold() {
        let own = grams(&row.labelled.text);
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for gram in &own {
            holders.get(gram).into_iter().flatten().for_each(|at| *shared.entry(*at).or_insert(0) += 1);
        }
        for (at, count) in shared {
            let (id, grams) = &learnt[at];
            let jaccard = count as f64 / (own.len() + grams.len() - count) as f64;
            assert!(jaccard < 0.6, "{} is nearly {id} ({jaccard:.2})", row.id);
        }
    }
}
