//! The labelled texts: well-formed, enough of everything, spread, read twice, and the gold apart from all that is learnt
//! from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use waibao::Label;
use waibao::eval::{Row, agreement, read_labelled};
use waibao::pack::Pack;
use waibao::text::Normalised;

/// A training text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    id: String,
    text: String,
    code: Label,
    alt: Option<Label>,
    length: String,
    register: String,
    industry: String,
    language: String,
    batch: String,
    clause: Option<String>,
    pair: Option<String>,
    side: Option<String>,
}

/// A second reading of a training text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    id: String,
    /// What the first reader, the writer, gave.
    first: Vec<Label>,
    second: Label,
    /// Why the text now has the labels that it has, where the two disagreed.
    settled: Option<String>,
}

/// The label of a real text that is not here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RealLabel {
    hash: String,
    source: String,
    code: Option<Label>,
    alt: Option<Label>,
    confidence: f64,
    /// What a second reader gave it, blind; `SKIP` for nothing.
    second: Option<String>,
}

const REGISTERS: [&str; 7] = [
    "procurement_title",
    "contract_clause",
    "report_line",
    "tender_scope",
    "clerk_note",
    "company_account",
    "offshore_title",
];

/// A batch whose second readings agree less than this with what its writer holds acceptable is read again in full.
const BATCH_AGREEMENT: f64 = 0.9;
/// The least that Cohen's κ may be between readers.
const KAPPA: f64 = 0.85;
/// The least gold of each class, and out of scope.
const GOLD_OF_A_CLASS: usize = 15;
const GOLD_OUT_OF_SCOPE: usize = 150;
/// The least pairs of gold for the judgement principles, and the least gold that is noisy or not Chinese.
const GOLD_JUDGEMENT_PAIRS: usize = 80;
const GOLD_NOISY_OR_FOREIGN: usize = 100;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn lines<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let text = std::fs::read_to_string(path).unwrap();
    let parse = |(at, line)| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), at + 1))
    };
    text.lines().enumerate().map(parse).collect()
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(root(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

fn training() -> Vec<Text> {
    files("training_data/written", "jsonl").iter().flat_map(|path| lines(path)).collect()
}

fn gold() -> Vec<Row> {
    files("eval/gold", "csv").iter().flat_map(|path| read_labelled(path).unwrap()).collect()
}

fn count<T, K: Ord>(rows: &[T], key: impl Fn(&T) -> K) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(key(row)).or_insert(0) += 1;
    }
    counts
}

fn length_kind(text: &str) -> &'static str {
    match text.chars().count() {
        0..40 => "short",
        40..120 => "middle",
        120..300 => "long",
        _ => "document",
    }
}

#[test]
fn every_training_text_is_well_formed() {
    let pack = Pack::embedded().unwrap();
    let telephone = regex::Regex::new(r"1[3-9]\d{9}|0\d{2,3}-\d{7,8}").unwrap();
    let mut ids = BTreeSet::new();
    for path in files("training_data/written", "jsonl") {
        let stem = path.file_stem().unwrap().to_str().unwrap().to_uppercase();
        for text in lines::<Text>(&path) {
            let id = &text.id;
            assert!(ids.insert(id.clone()), "{id} stands twice");
            assert!(text.batch == stem && id.starts_with(&format!("{stem}-")), "{id}: batch {}", text.batch);
            assert!(pack.can_give(text.code) && text.alt.is_none_or(|alt| pack.can_give(alt)), "{id}");
            assert!(text.alt != Some(text.code), "{id}: both labels are the same");
            assert!((8..=1500).contains(&text.text.chars().count()), "{id}: length");
            assert_eq!(text.length, length_kind(&text.text), "{id}");
            assert!(REGISTERS.contains(&text.register.as_str()), "{id}: {}", text.register);
            assert!(["zh", "en", "mixed"].contains(&text.language.as_str()), "{id}: {}", text.language);
            assert!(!text.industry.is_empty(), "{id}: no industry");
            assert!(!telephone.is_match(&text.text), "{id}: a telephone number");
            let sides = [&text.clause, &text.pair, &text.side].map(Option::is_some);
            assert!(sides == [true; 3] || sides == [false; 3], "{id}: clause, pair and side belong together");
            assert!(text.clause.as_ref().is_none_or(|clause| pack.clause(clause).is_some()), "{id}");
        }
    }
}

#[test]
fn there_are_enough_training_texts_of_everything() {
    let pack = Pack::embedded().unwrap();
    let texts = training();
    let classes = count(&texts, |text| text.code);
    for item in pack.classes() {
        let count = classes.get(&Label::Class(item.code)).copied().unwrap_or(0);
        assert!(count >= 200, "{} has {count}", item.code);
    }
    assert!(classes[&Label::OutOfScope] >= 1_500);
    assert!(texts.iter().filter(|text| text.language != "zh").count() >= 500);
    assert!(texts.iter().filter(|text| text.length == "document").count() >= 400);
    // Clauses that say the same as another have no pairs of their own.
    let sides = count(&texts, |text| (text.clause.clone(), text.side.clone()));
    let unruled: BTreeSet<&str> = pack.unruled.iter().map(|unruled| unruled.clause.as_str()).collect();
    for clause in pack.clauses().filter(|clause| !unruled.contains(clause.id.as_str()) && clause.id != "B12-x3") {
        for side in ["caught", "clear"] {
            let count = sides.get(&(Some(clause.id.clone()), Some(side.to_owned()))).copied().unwrap_or(0);
            assert!(count >= 15, "{} {side}: {count}", clause.id);
        }
    }
}

#[test]
fn the_two_sides_of_a_pair_differ_in_their_code() {
    let texts = training();
    let mut pairs: BTreeMap<&str, Vec<&Text>> = BTreeMap::new();
    for text in &texts {
        if let Some(pair) = &text.pair {
            pairs.entry(pair).or_default().push(text);
        }
    }
    for (pair, sides) in pairs {
        let names: BTreeSet<_> = sides.iter().map(|text| text.side.as_deref().unwrap_or_default()).collect();
        assert_eq!((sides.len(), names), (2, BTreeSet::from(["caught", "clear"])), "{pair}");
        assert!(sides[0].code != sides[1].code && sides[0].text != sides[1].text, "{pair}");
    }
}

#[test]
fn registers_and_lengths_are_spread_inside_every_class() {
    let texts = training();
    for label in count(&texts, |text| text.code).into_keys() {
        let own: Vec<&Text> = texts.iter().filter(|text| text.code == label).collect();
        let registers = count(&own, |text| text.register.clone());
        assert!(registers.len() >= 5, "{label}: {registers:?}");
        assert!(registers.values().all(|count| count * 2 <= own.len()), "{label}: {registers:?}");
        let lengths = count(&own, |text| text.length.clone());
        assert!(lengths.len() == 4 && lengths.values().all(|count| *count >= 5), "{label}: {lengths:?}");
    }
}

#[test]
fn the_compiled_in_texts_are_those_of_the_folder() {
    assert_eq!(waibao::eval::shipped_labels().unwrap().len(), training().len());
}

#[test]
fn there_is_enough_gold_of_everything() {
    let pack = Pack::embedded().unwrap();
    let rows = gold();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "an id stands twice");
    let classes = count(&rows, |row| row.labelled.labels[0]);
    for item in pack.classes() {
        let count = classes.get(&Label::Class(item.code)).copied().unwrap_or(0);
        assert!(count >= GOLD_OF_A_CLASS, "{} has {count}", item.code);
    }
    assert!(classes[&Label::OutOfScope] >= GOLD_OUT_OF_SCOPE);
    assert!(rows.iter().all(|row| row.labelled.text.chars().count() <= 1_500));
    let tried: Vec<_> = rows.iter().filter_map(|row| row.trial.as_ref()).collect();
    for ((clause, side), count) in count(&tried, |trial| (trial.clause.clone(), trial.caught)) {
        assert!(pack.clause(&clause).is_some(), "{clause}");
        assert!(count >= 4, "{clause} caught {side}: {count}");
    }
}

#[test]
fn there_is_gold_of_every_hard_kind() {
    let rows = gold();
    let principle = |row: &Row| row.trial.as_ref().filter(|trial| trial.clause.starts_with('P'))?.pair.clone();
    let pairs: BTreeSet<String> = rows.iter().filter_map(principle).collect();
    assert!(pairs.len() >= GOLD_JUDGEMENT_PAIRS, "{} pairs for the judgement principles", pairs.len());
    let is = |row: &Row, group: &str, plain: &str| {
        row.groups.iter().any(|(name, value)| name.as_ref() == group && value != plain)
    };
    let hard = rows.iter().filter(|row| is(row, "quality", "clean") || is(row, "language", "zh")).count();
    assert!(hard >= GOLD_NOISY_OR_FOREIGN, "{hard} noisy or foreign");
}

#[test]
fn all_gold_was_read_twice_and_readers_agree() {
    let rows = gold();
    let readings: Vec<_> = rows.iter().filter_map(|row| row.second.as_ref()).collect();
    assert_eq!(readings.len(), rows.len());
    let found = agreement(readings.iter().map(|reading| (reading.first.as_slice(), reading.second))).unwrap();
    assert!(found.kappa >= KAPPA, "{found:?}");
    for path in files("eval/gold", "csv") {
        let mut table = csv::Reader::from_path(&path).unwrap();
        let settled = table.headers().unwrap().iter().position(|name| name == "settled").unwrap();
        for (row, raw) in read_labelled(&path).unwrap().iter().zip(table.records()) {
            let reading = row.second.as_ref().unwrap();
            let agreed = reading.first.contains(&reading.second);
            assert_eq!(agreed, raw.unwrap()[settled].is_empty(), "{}", row.id);
            assert!(!agreed || reading.first == row.labelled.labels, "{}: nothing to settle", row.id);
        }
    }
}

#[test]
fn a_tenth_of_every_batch_was_read_again_and_readers_agree() {
    let texts = training();
    let readings: BTreeMap<String, Reading> = lines::<Reading>(&root("training_data/second_readings.jsonl"))
        .into_iter()
        .map(|reading| (reading.id.clone(), reading))
        .collect();
    let known: BTreeMap<&str, &Text> = texts.iter().map(|text| (text.id.as_str(), text)).collect();
    for (batch, size) in count(&texts, |text| text.batch.clone()) {
        let own: Vec<&Reading> =
            readings.values().filter(|reading| known[reading.id.as_str()].batch == batch).collect();
        assert!(own.len() * 10 >= size, "{batch}: {} of {size} read again", own.len());
        let found = agreement(own.iter().map(|reading| (reading.first.as_slice(), reading.second))).unwrap();
        assert!(found.acceptable >= BATCH_AGREEMENT || own.len() == size, "{batch}: {found:?}, not read again in full");
    }
    let all = agreement(readings.values().map(|reading| (reading.first.as_slice(), reading.second))).unwrap();
    assert!(all.kappa >= KAPPA, "{all:?}");
    for reading in readings.values() {
        let text = known[reading.id.as_str()];
        let labels: Vec<Label> = [text.code].into_iter().chain(text.alt).collect();
        if reading.first.contains(&reading.second) {
            assert_eq!(labels, reading.first, "{}: nothing to settle, but the labels moved", reading.id);
        } else {
            assert!(labels.contains(&reading.second) || reading.settled.is_some(), "{}: not settled", reading.id);
        }
    }
}

#[test]
fn real_labels_are_well_formed() {
    let pack = Pack::embedded().unwrap();
    let labels: Vec<RealLabel> = lines(&root("training_data/real_labels.jsonl"));
    assert!(labels.len() >= 7_718 + 800);
    let hashes: BTreeSet<&str> = labels.iter().map(|label| label.hash.as_str()).collect();
    assert_eq!(hashes.len(), labels.len(), "a hash stands twice");
    for label in &labels {
        let hash = &label.hash;
        assert!(hash.len() == 16 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()), "{hash}");
        assert!(!label.source.is_empty() && (0.0..=1.0).contains(&label.confidence), "{hash}");
        assert!(label.code.into_iter().chain(label.alt).all(|label| pack.can_give(label)), "{hash}");
    }
    assert!(labels.iter().filter(|label| label.second.is_some()).count() >= 400);
}

#[test]
fn no_text_repeats_the_official_wording() {
    let squeeze = |text: &str| text.chars().filter(|character| !character.is_whitespace()).collect::<Vec<_>>();
    let official = squeeze(&std::fs::read_to_string(root("packs/mofcom-2022/source/guidance-2022.txt")).unwrap());
    let official: BTreeSet<&[char]> = official.windows(12).collect();
    let texts = training().into_iter().map(|text| (text.id, text.text));
    for (id, text) in texts.chain(gold().into_iter().map(|row| (row.id, row.labelled.text))) {
        let text = squeeze(&text);
        let found = text.windows(12).find(|window| official.contains(window));
        assert!(found.is_none(), "{id}: {}", found.unwrap().iter().collect::<String>());
    }
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

/// Every two texts whose 5-grams have a Jaccard index of 0.6 or more. Two such texts share one of the rarest two fifths
/// of the grams of each (the prefix filter of Bayardo, Ma and Srikant, Scaling Up All Pairs Similarity Search, 2007), so
/// only these are looked up.
fn near_duplicates(texts: &[String]) -> Vec<(usize, usize)> {
    let sets: Vec<BTreeSet<u64>> = texts.iter().map(|text| grams(text)).collect();
    let mut frequency: BTreeMap<u64, usize> = BTreeMap::new();
    sets.iter().flatten().for_each(|gram| *frequency.entry(*gram).or_insert(0) += 1);
    let mut holders: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut found = Vec::new();
    for (at, set) in sets.iter().enumerate() {
        let mut rarest: Vec<u64> = set.iter().copied().collect();
        rarest.sort_by_key(|gram| (frequency[gram], *gram));
        rarest.truncate(set.len() - (set.len() * 6).div_ceil(10) + 1);
        let candidates: BTreeSet<usize> =
            rarest.iter().flat_map(|gram| holders.get(gram).into_iter().flatten().copied()).collect();
        for other in candidates {
            let shared = set.intersection(&sets[other]).count();
            if shared * 10 >= (set.len() + sets[other].len() - shared) * 6 {
                found.push((other, at));
            }
        }
        rarest.into_iter().for_each(|gram| holders.entry(gram).or_default().push(at));
    }
    found
}

#[test]
fn no_two_texts_are_nearly_the_same() {
    let pack = Pack::embedded().unwrap();
    let (training, gold) = (training(), gold());
    // The two sides of a pair may be: they differ in the deciding fact only. Exemplars are learnt from, like training
    // texts; between these two a likeness does no harm.
    let mut named: Vec<(&str, &str, Option<&str>, &str)> = Vec::new();
    named.extend(training.iter().map(|text| ("training", text.id.as_str(), text.pair.as_deref(), text.text.as_str())));
    named.extend(gold.iter().map(|row| {
        let pair = row.trial.as_ref().and_then(|trial| trial.pair.as_deref());
        ("gold", row.id.as_str(), pair, row.labelled.text.as_str())
    }));
    named
        .extend(pack.exemplars.iter().map(|exemplar| ("exemplar", exemplar.id.as_str(), None, exemplar.text.as_str())));
    let texts: Vec<String> = named.iter().map(|(_, _, _, text)| (*text).to_owned()).collect();
    let faults: Vec<String> = near_duplicates(&texts)
        .into_iter()
        .map(|(one, other)| (named[one], named[other]))
        .filter(|((kind, _, pair, _), (other_kind, _, other_pair, _))| {
            let same_pair = kind == other_kind && pair.is_some() && pair == other_pair;
            let learnt = *kind != "gold" && *other_kind == "exemplar";
            !same_pair && !learnt
        })
        .map(|((_, one, _, _), (_, other, _, _))| format!("{one} ~ {other}"))
        .collect();
    assert!(faults.is_empty(), "{} near duplicates: {faults:#?}", faults.len());
}

#[test]
fn near_duplicates_are_found() {
    let texts =
        ["某银行信用卡中心客服热线外包项目", "某银行信用卡中心客服热线外包项目（二次）", "某市水务局管网测绘服务项目"];
    assert_eq!(near_duplicates(&texts.map(str::to_owned)), [(0, 1)]);
}
