//! The figures over a few rows, worked out by hand.

use rusqlite::{Transaction, params};

use super::*;
use crate::server::store::Store;

/// 15 January and 15 February 2026.
const DAYS: [i64; 2] = [1_768_446_000, 1_771_124_400];
const EVER: Chosen = Chosen { job: None, from: i64::MIN, until: i64::MAX };

fn job(change: &Transaction<'_>, id: i64) {
    let sql = "INSERT INTO jobs (id, name, owner, state, format, headings, sample, plan, rows, created)
               VALUES (?, '台账.xlsx', '甲', 'done', 'xlsx', '[]', '[]', '{}', 10, ?)";
    change.execute(sql, params![id, DAYS[id as usize - 1]]).unwrap();
}

/// A row of the first job, or of the second from number 101 on.
fn row(change: &Transaction<'_>, number: i64, state: &str, first: &str, confidence: f64, sampled: bool, last: &str) {
    let sql = "INSERT INTO rows (id, job, number, cells, state, first, outcome, confidence, sampled, final)
               VALUES (?1, 1 + ?1 / 100, ?1, '[]', ?2, nullif(?3, ''), ?4, ?5, ?6, nullif(?7, ''))";
    let outcome = if confidence > 0.9 { "assigned" } else { "needs_review" };
    change.execute(sql, params![number, state, first, outcome, confidence, sampled, last]).unwrap();
}

/// A decision so many seconds after the first, made with the key of another or its own.
fn decision(change: &Transaction<'_>, [id, row, key, after]: [i64; 4], kind: &str, reader: &str, label: &str) {
    let sql = "INSERT INTO decisions (id, row, reader, kind, label, proposed, confidence, bunch, at)
               SELECT ?1, ?2, ?3, ?4, ?5, first, confidence, ?6, ?7 FROM rows WHERE id = ?2";
    change.execute(sql, params![id, row, reader, kind, label, key, DAYS[0] + after]).unwrap();
}

fn filled() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("a.db")).unwrap();
    let fill = |change: &Transaction<'_>| {
        (1..=2).for_each(|id| job(change, id));
        row(change, 1, "automatic", "B21", 0.99, false, "");
        row(change, 2, "automatic", "B21", 0.98, false, "");
        row(change, 3, "settled", "B21", 0.97, true, "B21");
        row(change, 4, "settled", "B22", 0.96, true, "B23");
        row(change, 5, "settled", "I11", 0.80, true, "I11");
        row(change, 6, "settled", "I11", 0.60, false, "I14");
        row(change, 7, "settled", "I11", 0.70, false, "UNCLEAR");
        row(change, 8, "open", "OUT", 0.55, false, "");
        row(change, 9, "empty", "", 0.0, false, "");
        row(change, 10, "failed", "", 0.0, false, "");
        for number in 101..=104 {
            row(change, number, "automatic", if number < 103 { "B21" } else { "OUT" }, 0.99, false, "");
        }
        decision(change, [1, 3, 1, 0], "first", "甲", "B21");
        decision(change, [2, 4, 2, 10], "first", "甲", "B23");
        decision(change, [3, 5, 3, 30], "first", "甲", "I11");
        decision(change, [4, 6, 3, 30], "first", "甲", "I11");
        decision(change, [5, 7, 5, 2_000], "first", "甲", "UNCLEAR");
        decision(change, [6, 5, 6, 100], "second", "乙", "I11");
        decision(change, [7, 6, 7, 104], "second", "乙", "I14");
        decision(change, [8, 7, 8, 112], "second", "乙", "UNCLEAR");
        decision(change, [9, 6, 9, 3_000], "adjudication", "丙", "I14");
        // What was undone counts nowhere.
        decision(change, [10, 3, 10, 3_010], "first", "丙", "K12");
        decision(change, [11, 8, 11, 3_020], "first", "丙", "K12");
        change.execute("UPDATE decisions SET undone = ? WHERE id IN (10, 11)", [DAYS[1]])?;
        Ok(())
    };
    store.write(fill).unwrap();
    (dir, store)
}

fn counted(chosen: Chosen) -> Figures {
    let (_dir, store) = filled();
    store.read(|connection| figures(connection, &chosen)).unwrap()
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[test]
fn rows_are_counted_by_what_became_of_them() {
    let found = counted(EVER).rows;
    assert_eq!((found.decided, found.automatic), (12, 8));
    assert_eq!((found.in_state("automatic"), found.in_state("settled"), found.in_state("empty")), (6, 5, 1));
    let outcomes: Vec<(&str, u64)> = found.outcomes.iter().map(|(outcome, count)| (outcome.as_str(), *count)).collect();
    assert_eq!(outcomes, [("assigned", 8), ("needs_review", 4)]);
}

#[test]
fn one_job_and_a_span_can_be_chosen() {
    assert_eq!(counted(Chosen { job: Some(2), ..EVER }).rows.decided, 4);
    assert_eq!(counted(Chosen { until: DAYS[1], ..EVER }).rows.decided, 8);
    assert_eq!(counted(Chosen { from: DAYS[0] + 1, ..EVER }).rows.decided, 4);
    assert!(counted(Chosen { job: Some(1), from: DAYS[1], until: i64::MAX }).jobs.is_empty());
}

#[test]
fn proposals_are_judged_by_what_people_settled() {
    let found = counted(EVER).reviewed;
    assert_eq!(found.sampled, Score { right: 1, wrong: 1, unclear: 0 });
    assert_eq!(found.open, Score { right: 1, wrong: 1, unclear: 1 });
    assert_eq!((found.all().share(), found.all().judged()), (Some(0.5), 4));
    let pair = |one: &str, other: &str| ((one.to_owned(), other.to_owned()), 1);
    assert_eq!(found.changed, [pair("B22", "B23"), pair("I11", "I14")].into());
    // One right at 0.96 and 0.97, one at 0.8, none at 0.6: (0.93 + 0.2 + 0.6) / 4.
    assert!(close(found.calibration_error().unwrap(), 0.432_5));
    let bins = found.reliability();
    assert_eq!((bins[9].count, bins[9].right, bins[8].count, bins[7].count), (2, 1, 1, 0));
}

#[test]
fn a_cut_off_takes_what_lies_at_or_above_it() {
    let found = counted(Chosen { job: Some(1), ..EVER });
    let cut_offs = found.reviewed.cut_offs(&found.rows);
    let at = |from: f64| cut_offs.iter().find(|cut_off| close(cut_off.from, from)).unwrap();
    // None but the surest row, which nobody saw.
    assert_eq!((at(0.985).rows, at(0.985).score.judged(), at(0.985).estimate), (1, 0, None));
    assert_eq!((at(0.95).rows, at(0.95).share, at(0.95).score.share()), (4, 0.5, Some(0.5)));
    // Four of which half are right, and one that is.
    assert_eq!((at(0.8).rows, at(0.8).score.right, at(0.8).score.wrong), (5, 2, 1));
    assert!(close(at(0.8).estimate.unwrap(), 3.0 / 5.0));
    assert_eq!((at(0.805).rows, at(0.6).rows, at(0.605).rows, at(0.55).rows), (4, 7, 6, 8));
    assert_eq!(at(0.55).score, Score { right: 2, wrong: 2, unclear: 1 });
    assert!(close(at(0.55).estimate.unwrap(), (2.0 + 2.0) / 8.0));
    assert_eq!((cut_offs.len(), cut_offs[0].from, cut_offs[99].from), (100, 0.5, 0.995));
}

#[test]
fn the_mix_of_labels_drifts_from_span_to_span() {
    let found = counted(EVER);
    let months = found.mix(By::Month, |job| if job.id == 1 { "一月".to_owned() } else { "二月".to_owned() });
    assert_eq!(
        months.iter().map(|span| (span.name.as_str(), span.rows())).collect::<Vec<_>>(),
        [("一月", 8), ("二月", 4)]
    );
    assert_eq!((months[0].share("B21"), months[1].share("B21"), months[1].share("I11")), (0.375, 0.5, 0.0));
    assert_eq!((months[0].labels["UNCLEAR"], months[0].labels["B23"]), (1, 1));
    // 0.125 each of B23, I11, I14, UNCLEAR and B21, 0.375 of OUT: half of one.
    assert!(close(months[0].distance(&months[1]), 0.5) && close(months[1].distance(&months[0]), 0.5));
    assert_eq!(found.mix(By::Job, |_| String::new()).len(), 2);
    assert_eq!(found.mix(By::Month, |_| "今年".to_owned())[0].rows(), 12);
}

#[test]
fn two_readers_agree_as_far_as_both_could_tell() {
    let found = counted(EVER).readings;
    let agreement = found.agreement().unwrap();
    // I11/I11 and I11/I14: half the same, and as much by chance.
    assert_eq!((agreement.texts, agreement.raw, agreement.kappa), (2, 0.5, 0.0));
    assert_eq!((found.unclear(), found.pairs.len()), (1, 3));
}

#[test]
fn work_is_counted_by_reader_without_pauses() {
    let work = counted(EVER).work;
    let of = |reader: &str| work.iter().find(|work| work.reader == reader).unwrap();
    // After 10 and 20 seconds, and after a pause; two rows with one key.
    assert_eq!((of("甲").rows, of("甲").decisions, of("甲").seconds), (5, 4, Some(15.0)));
    assert_eq!((of("乙").rows, of("乙").decisions, of("乙").seconds), (3, 3, Some(6.0)));
    assert_eq!((of("丙").rows, of("丙").seconds), (1, None));
    assert_eq!(work.len(), 3);
}

#[test]
fn nothing_is_divided_by_nothing() {
    let found = counted(Chosen { from: i64::MAX, ..EVER });
    assert_eq!((found.reviewed.all().share(), found.reviewed.calibration_error()), (None, None));
    assert_eq!((found.readings.agreement(), found.mix(By::Job, |_| String::new()).len()), (None, 0));
    assert!(found.reviewed.cut_offs(&found.rows).iter().all(|cut_off| cut_off.rows == 0 && cut_off.estimate.is_none()));
}

#[test]
fn every_count_goes_by_an_index() {
    let (_dir, store) = filled();
    for sql in [rows::SQL, reviewed::SQL, readings::SQL, work::SQL] {
        let plan = store.read(|connection| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            statement.query_map([1], |row| row.get::<_, String>(3))?.collect::<rusqlite::Result<Vec<_>>>()
        });
        let plan = plan.unwrap();
        assert!(plan[0].contains("INDEX rows_counted (job=?"), "{sql}: {plan:?}");
        assert!(plan.iter().all(|step| !step.starts_with("SCAN")), "{sql}: {plan:?}");
        assert!(sql != rows::SQL || plan.iter().all(|step| !step.contains("TEMP B-TREE")), "{plan:?}");
    }
}
