//! The laws of deciding, over a file of its own for every test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;
use crate::server::auth::{Caller, Role, Via};
use crate::server::problem::Problem;
use crate::server::store::audit::{self, Verdict as Chain};
use crate::server::store::cases::Material;
use crate::server::store::{Store, cases};

/// Near duplicates, the second of them the same text as the first; then a text that two people read, and another.
const TEXTS: [&str; 3] = ["车险理赔单证录入与影像扫描服务", "信用卡中心客服热线座席外包", "机房设备维护服务"];
/// For each row its text and whether two people read it.
const ROWS: [(usize, bool); 6] = [(0, false), (0, false), (0, false), (1, true), (1, true), (2, false)];

static MATERIAL: LazyLock<Vec<Material>> = LazyLock::new(|| {
    let classifier = crate::load::embedded().unwrap();
    TEXTS.iter().map(|text| Material::of(&classifier, text).unwrap()).collect()
});

/// A reviewer, or the administrator 管.
pub(super) fn caller(name: &str) -> Caller {
    let role = if name == "管" { Role::Admin } else { Role::Reviewer };
    Caller { name: name.to_owned(), role, csrf: String::new(), via: Via::Session }
}

/// A file with the rows of [`ROWS`] in one job, the first three a group; the ids count from 1.
pub(super) fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("waibao.db")).unwrap();
    store
        .write(|change| {
            change.execute(
                "INSERT INTO jobs (id, name, owner, state, format, headings, sample, plan, rows, created)
                 VALUES (1, '合同.csv', '张三', 'done', 'csv', '[]', '[]', '{}', 6, 0)",
                [],
            )?;
            for (id, text) in (1..).zip(TEXTS) {
                let sql =
                    "INSERT INTO texts (id, job, hash, text, fingerprint, record) VALUES (?1, 1, ?2, ?3, 0, '{}')";
                change.execute(sql, (id, Sha256::digest(text).to_vec(), text))?;
            }
            for (id, (text, double)) in (1_i64..).zip(ROWS) {
                let cluster = if text == 0 { 1 } else { id };
                let sql =
                    "INSERT INTO rows (id, job, number, cells, text, state, first, confidence, double, cluster, rank)
                           VALUES (?1, 1, ?1 + 1, '[]', ?2, 'open', 'B21', 0.5, ?3, ?4, ?5)";
                change.execute(sql, (id, text as i64 + 1, double, cluster, 100.0 - cluster as f64))?;
            }
            Ok(())
        })
        .unwrap();
    (dir, store)
}

fn version(store: &Store, row: i64) -> i64 {
    store.read(|store| item(store, row)).unwrap().version
}

fn wish(row: i64, version: i64, label: &str) -> Wish {
    let verdict = label.parse().unwrap();
    let (comment, flagged) = (String::new(), false);
    Wish { row, version, verdict, comment, flagged, reach: Reach::Row, instead: None }
}

fn give(store: &Store, name: &str, wish: &Wish) -> Result<Done, Problem> {
    let text = ROWS[usize::try_from(wish.row).unwrap() - 1].0;
    store.write(|change| decide(change, &caller(name), wish, Some(&MATERIAL[text])))
}

/// Decides a row as it is now.
fn says(store: &Store, name: &str, row: i64, label: &str) -> Result<Done, Problem> {
    give(store, name, &wish(row, version(store, row), label))
}

fn state(store: &Store, row: i64) -> (String, Option<String>) {
    let sql = "SELECT state, final FROM rows WHERE id = ?";
    store.read(|store| store.query_row(sql, [row], |row| Ok((row.get(0)?, row.get(1)?)))).unwrap()
}

fn active(store: &Store) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    store.read(|store| cases::each_active(store, |case| found.push((case.id, case.label.clone())))).unwrap();
    found
}

fn settled(label: &str) -> (String, Option<String>) {
    ("settled".to_owned(), Some(label.to_owned()))
}

#[test]
fn a_row_that_two_read_is_settled_where_they_agree_and_disputed_where_not() {
    let (_dir, store) = store();
    says(&store, "张三", 4, "B23").unwrap();
    assert_eq!(state(&store, 4), ("second".to_owned(), None));
    assert!(matches!(says(&store, "张三", 4, "B23"), Err(Problem::Forbidden(_))));
    says(&store, "李四", 4, "B23").unwrap();
    assert_eq!(state(&store, 4), settled("B23"));

    says(&store, "张三", 5, "B23").unwrap();
    says(&store, "李四", 5, "I21").unwrap();
    assert_eq!(state(&store, 5), ("disputed".to_owned(), None));
    for reader in ["张三", "李四"] {
        assert!(matches!(says(&store, reader, 5, "OUT"), Err(Problem::Forbidden(_))));
    }
    says(&store, "王五", 5, "OUT").unwrap();
    assert_eq!(state(&store, 5), settled("OUT"));
}

#[test]
fn the_second_of_two_is_told_who_was_faster_but_not_what_a_blind_reader_must_not_know() {
    let (_dir, store) = store();
    let (plain, double) = (version(&store, 6), version(&store, 4));
    says(&store, "张三", 6, "I21").unwrap();
    let told = give(&store, "李四", &wish(6, plain, "I22")).unwrap_err().detail();
    assert!(told.contains("张三") && told.contains("I21"), "{told}");
    assert_eq!(state(&store, 6), settled("I21"));

    says(&store, "张三", 4, "B23").unwrap();
    let told = give(&store, "李四", &wish(4, double, "B22")).unwrap_err().detail();
    assert!(!told.contains("张三") && !told.contains("B23"), "{told}");
    let seen = |reader: &str| store.read(|store| of_row(store, reader, 4)).unwrap().len();
    assert_eq!((seen("李四"), seen("张三")), (0, 1));
    assert!(store.read(|store| list(store, "李四", None, 9)).unwrap().iter().all(|one| one.row != 4));
}

#[test]
fn a_group_is_decided_and_taken_back_together_and_makes_one_case() {
    let (_dir, store) = store();
    let done = give(&store, "张三", &Wish { reach: Reach::Group, ..wish(2, 0, "B21") }).unwrap();
    assert_eq!(done.rows, 3);
    assert!((1..=3).all(|row| state(&store, row) == settled("B21")));
    assert_eq!(active(&store).len(), 1);

    let changed = Wish { instead: Some(done.bunch), ..wish(2, version(&store, 2), "B22") };
    let done = give(&store, "张三", &changed).unwrap();
    assert!((1..=3).all(|row| state(&store, row) == settled("B22")));
    assert_eq!(active(&store)[0].1, "B22");

    store.write(|change| undo(change, &caller("张三"), done.bunch)).unwrap();
    assert!((1..=3).all(|row| state(&store, row) == ("open".to_owned(), None)));
    assert!(active(&store).is_empty());
}

#[test]
fn nobody_takes_back_what_others_built_on_or_what_is_theirs_or_long_ago() {
    let (_dir, store) = store();
    let first = says(&store, "张三", 4, "B23").unwrap();
    let second = says(&store, "李四", 4, "B23").unwrap();
    let undo = |name: &str, bunch| store.write(|change| undo(change, &caller(name), bunch));
    assert!(matches!(undo("张三", first.bunch), Err(Problem::Conflict(_))));
    assert!(matches!(undo("张三", second.bunch), Err(Problem::Forbidden(_))));
    undo("李四", second.bunch).unwrap();
    assert!(matches!(undo("李四", second.bunch), Err(Problem::Missing(_))));
    undo("张三", first.bunch).unwrap();
    assert_eq!(state(&store, 4), ("open".to_owned(), None));
    let first = says(&store, "张三", 4, "B23").unwrap();
    // What was taken back counts, or one after the other all would be within reach.
    for _ in 0..EDITABLE {
        let done = says(&store, "张三", 6, "I21").unwrap();
        undo("张三", done.bunch).unwrap();
    }
    assert!(matches!(undo("张三", first.bunch), Err(Problem::Conflict(_))));
    assert!(store.read(|store| latest(store, "张三", EDITABLE)).unwrap().is_empty());
}

#[test]
fn a_second_reading_is_not_kept_from_others_by_the_group() {
    let (_dir, store) = store();
    store.write(|change| Ok(change.execute("UPDATE rows SET double = 1 WHERE id = 2", [])?)).unwrap();
    says(&store, "张三", 2, "B21").unwrap();
    let take = |name: &str, queue| store.write(|change| Ok(take(change, &caller(name), queue, None)?)).unwrap();
    assert_eq!(take("李四", Queue::Open), Some(1));
    assert_eq!(take("王五", Queue::Second), Some(2));
    assert_eq!(take("赵六", Queue::Second), None);
    assert_eq!(take("李四", Queue::Open), Some(1));
}

#[test]
fn a_case_of_somebody_else_is_not_replaced_by_hand_but_by_an_administrator() {
    let (_dir, store) = store();
    says(&store, "管", 6, "I21").unwrap();
    let add = |name: &str, label: &str| {
        let label = label.parse().unwrap();
        store.write(|change| cases::add(change, &MATERIAL[2], label, &caller(name), ""))
    };
    let told = add("李四", "K11").unwrap_err();
    assert!(matches!(&told, Problem::Conflict(detail) if detail.contains("I21") && detail.contains("管")), "{told:?}");
    assert_eq!(add("李四", "I21").unwrap(), None);
    let first = active(&store)[0].0;
    assert_eq!(add("管", "K11").unwrap().unwrap().replaced, Some(first));
    assert_eq!(active(&store).iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>(), ["K11"]);
}

#[test]
fn a_row_of_a_deleted_table_is_not_decided() {
    let (_dir, store) = store();
    store.write(|change| Ok(change.execute("UPDATE jobs SET state = 'deleted'", [])?)).unwrap();
    let version = version(&store, 6);
    assert!(matches!(give(&store, "张三", &wish(6, version, "I21")), Err(Problem::Missing(_))));
}

#[test]
fn unclear_is_final_and_makes_no_case() {
    let (_dir, store) = store();
    says(&store, "张三", 6, UNCLEAR).unwrap();
    assert_eq!(state(&store, 6), settled(UNCLEAR));
    assert!(active(&store).is_empty());
}

#[test]
fn another_label_replaces_a_case_until_it_is_taken_back() {
    let (_dir, store) = store();
    says(&store, "张三", 1, "B21").unwrap();
    says(&store, "张三", 2, "B21").unwrap();
    assert_eq!(active(&store).len(), 1);
    let other = says(&store, "李四", 3, "B22").unwrap();
    assert_eq!(active(&store).iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>(), ["B22"]);
    let against = store.read(|store| cases::against(store, other.bunch)).unwrap();
    assert_eq!(against.iter().map(|case| case.label.as_str()).collect::<Vec<_>>(), ["B21"]);
    store.write(|change| undo(change, &caller("李四"), other.bunch)).unwrap();
    assert_eq!(active(&store).iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>(), ["B21"]);
}

#[test]
fn a_case_goes_with_the_last_bunch_that_bears_it() {
    let (_dir, store) = store();
    let first = says(&store, "管", 3, "B23").unwrap();
    let version = version(&store, 1);
    let group = give(&store, "张三", &Wish { reach: Reach::Group, ..wish(1, version, "B23") }).unwrap();
    assert_eq!(group.rows, 2);
    let take_back = |name: &str, bunch| store.write(|change| undo(change, &caller(name), bunch)).unwrap();
    take_back("管", first.bunch);
    assert_eq!(active(&store).len(), 1);
    take_back("张三", group.bunch);
    assert!(active(&store).is_empty());
}

#[test]
fn a_row_is_offered_to_one_reader_at_a_time_and_skipped_rows_come_last() {
    let (_dir, store) = store();
    let take = |name: &str| store.write(|change| Ok(take(change, &caller(name), Queue::Open, None)?)).unwrap();
    let skip = |name: &str, row| store.write(|change| Ok(skip(change, &caller(name), row)?)).unwrap();
    assert_eq!(take("张三"), Some(1));
    // The near duplicates of what somebody looks at are held with it.
    assert_eq!(take("李四"), Some(4));
    assert_eq!(take("张三"), Some(1));
    skip("张三", 1);
    assert_eq!(take("张三"), Some(2));
    for row in [2, 3, 5, 6] {
        skip("张三", row);
    }
    assert_eq!(take("张三"), Some(1));
    says(&store, "李四", 4, "B23").unwrap();
    let second = |name: &str| store.read(|store| waiting(store, &caller(name), Queue::Second, None, 9)).unwrap();
    assert_eq!((second("李四"), second("张三")), (vec![], vec![4]));
    assert_eq!(store.read(|store| left(store, Some(1))).unwrap(), [5, 1, 0]);
}

/// What somebody may try at any moment.
#[derive(Debug, Clone)]
enum Try {
    Decide { reader: usize, row: i64, label: usize, reach: Reach, stale: bool },
    Undo { reader: usize, back: usize },
    Change { reader: usize, back: usize, label: usize },
}

const READERS: [&str; 4] = ["张三", "李四", "王五", "管"];
const LABELS: [&str; 4] = ["B21", "B23", "OUT", UNCLEAR];

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let reach = prop_oneof![Just(Reach::Row), Just(Reach::Group)];
    let decide = (0..4_usize, 1..=6_i64, 0..4_usize, reach, prop::bool::weighted(0.1))
        .prop_map(|(reader, row, label, reach, stale)| Try::Decide { reader, row, label, reach, stale });
    let undo = (0..4_usize, 0..3_usize).prop_map(|(reader, back)| Try::Undo { reader, back });
    let change =
        (0..4_usize, 0..3_usize, 0..4_usize).prop_map(|(reader, back, label)| Try::Change { reader, back, label });
    prop::collection::vec(prop_oneof![4 => decide, 2 => undo, 1 => change], 1..40)
}

/// The standing decisions as they were acknowledged: bunch, reader, label, rows.
type Acknowledged = BTreeMap<i64, (String, String, BTreeSet<i64>)>;

fn standing(store: &Store) -> Acknowledged {
    let sql = "SELECT bunch, reader, label, row FROM decisions WHERE undone IS NULL";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let rows: Vec<(i64, String, String, i64)> =
        store.read(|store| store.prepare(sql)?.query_map([], row)?.collect()).unwrap();
    let mut all = Acknowledged::new();
    for (bunch, reader, label, row) in rows {
        all.entry(bunch).or_insert((reader, label, BTreeSet::new())).2.insert(row);
    }
    all
}

fn run(store: &Store, all: &mut Acknowledged, step: &Try) {
    let back = |all: &Acknowledged, reader: usize, back: usize| {
        let own = all.iter().rev().filter(|(_, (name, _, _))| name == READERS[reader]);
        own.map(|(bunch, (_, _, rows))| (*bunch, rows.clone())).nth(back)
    };
    let decided = |all: &mut Acknowledged, reader: usize, label: usize, done: &Done, rows: BTreeSet<i64>| {
        assert_eq!(done.rows, rows.len());
        all.insert(done.bunch, (READERS[reader].to_owned(), LABELS[label].to_owned(), rows));
    };
    match *step {
        Try::Decide { reader, row, label, reach, stale } => {
            let open = |other: &i64| state(store, *other).0 == "open";
            let rows = match reach {
                Reach::Group if row <= 3 => [1, 2, 3].into_iter().filter(open).chain([row]).collect(),
                _ => BTreeSet::from([row]),
            };
            let version = version(store, row) - i64::from(stale);
            if let Ok(done) = give(store, READERS[reader], &Wish { reach, ..wish(row, version, LABELS[label]) }) {
                assert!(!stale);
                decided(all, reader, label, &done, rows);
            }
        }
        Try::Undo { reader, back: at } => {
            let Some((bunch, _)) = back(all, reader, at) else { return };
            if store.write(|change| undo(change, &caller(READERS[reader]), bunch)).is_ok() {
                all.remove(&bunch);
            }
        }
        Try::Change { reader, back: at, label } => {
            let Some((bunch, rows)) = back(all, reader, at) else { return };
            let row = *rows.first().unwrap();
            let wish = Wish { instead: Some(bunch), ..wish(row, version(store, row), LABELS[label]) };
            if let Ok(done) = give(store, READERS[reader], &wish) {
                all.remove(&bunch);
                decided(all, reader, label, &done, rows);
            }
        }
    }
}

/// The state of a row by its standing decisions, said another way than the program does.
fn by_hand(double: bool, labels: &[&str]) -> (String, Option<String>) {
    match (double, labels) {
        (_, []) => ("open".to_owned(), None),
        (false, [label]) | (true, [_, _, label]) => settled(label),
        (true, [_]) => ("second".to_owned(), None),
        (true, [first, second]) if first == second => settled(first),
        (true, [_, _]) => ("disputed".to_owned(), None),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn whatever_people_try_states_follow_from_standing_decisions_and_nothing_acknowledged_is_lost(tries in tries()) {
        let (_dir, store) = store();
        let mut all = Acknowledged::new();
        for step in &tries {
            run(&store, &mut all, step);
            prop_assert_eq!(standing(&store), all.clone());
            for (row, (_, double)) in (1..).zip(ROWS) {
                let of_row = || all.values().filter(|(_, _, rows)| rows.contains(&row));
                let labels: Vec<&str> = of_row().map(|(_, label, _)| label.as_str()).collect();
                prop_assert_eq!(state(&store, row), by_hand(double, &labels), "row {}", row);
                let first_two: Vec<&String> = of_row().take(2).map(|(reader, _, _)| reader).collect();
                prop_assert!(first_two.len() < 2 || first_two[0] != first_two[1]);
            }
            for (at, text) in TEXTS.iter().enumerate() {
                let finals: Vec<String> = (1..)
                    .zip(ROWS)
                    .filter(|(_, (of, _))| *of == at)
                    .filter_map(|(row, _)| state(&store, row).1)
                    .filter(|label| label != UNCLEAR)
                    .collect();
                let kept = store.read(|store| {
                    let mut kept = Vec::new();
                    cases::each_active(store, |case| kept.push(case.clone()))?;
                    Ok(kept)
                });
                let kept: Vec<_> = kept.unwrap().into_iter().filter(|case| case.text == *text).collect();
                prop_assert_eq!(kept.len(), usize::from(!finals.is_empty()));
                prop_assert!(kept.iter().all(|case| finals.contains(&case.label)), "{:?} {:?}", kept, finals);
            }
        }
        let verdict = store.read(audit::verify).unwrap();
        prop_assert!(matches!(verdict, Chain::Whole { .. }), "{:?}", verdict);
    }
}
