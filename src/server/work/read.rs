//! The storing of a table's rows and different texts, window by window; one that was cut off goes on behind the last.

use sha2::{Digest, Sha256};

use super::amount::amount;
use super::spool::Table;
use crate::batch::{joined, no_text};
use crate::error::Error;
use crate::server::app::App;
use crate::server::problem::Problem;
use crate::server::store::jobs::{self, Content, Job, Plan, Row, State};
use crate::table::{RawRow, Value};

/// Rows that are stored together …
const WINDOW: usize = 1_000;
/// … or fewer, where they are longer than this together, in bytes.
const WINDOW_BYTES: usize = 4 << 20;
/// What a reviewer is shown of a row beside its text: so many columns, so many characters of each.
const SHOWN: (usize, usize) = (30, 500);

/// Stores what is not stored yet, and lets the deciding begin.
pub(super) fn all(app: &App, job: &Job) -> Result<(), Problem> {
    let (id, store) = (job.id, app.store());
    let table = Table::of(store, job)?;
    let (mut groups, last) =
        store.read(|connection| Ok((jobs::groups(connection, id)?, jobs::last_row(connection, id)?)))?;
    let stopping = app.stopping();
    // False where there is nothing more to do for now: the server stops, or somebody has stopped the job.
    let mut put = |rows: &mut Vec<Row>| -> Result<bool, Problem> {
        let goes_on = store.write(|change| {
            let goes_on = jobs::is(change, id, State::Reading)?;
            if goes_on {
                jobs::add(change, id, rows, &mut groups)?;
            }
            Ok(goes_on)
        })?;
        rows.clear();
        app.tell_progress();
        Ok(goes_on && !*stopping.borrow())
    };
    let (mut window, mut bytes) = (Vec::with_capacity(WINDOW), 0);
    let mut left = false;
    let read = table.input.rows(&mut |row| {
        if i64::try_from(row.number).is_ok_and(|number| number <= last) {
            return Ok(());
        }
        let row = of(job, &row);
        bytes += size(&row);
        window.push(row);
        if window.len() == WINDOW || bytes >= WINDOW_BYTES {
            bytes = 0;
            if !put(&mut window).map_err(Problem::into_error)? {
                left = true;
                return Err(Error::Argument("停下".to_owned()));
            }
        }
        Ok(())
    });
    if left {
        return Ok(());
    }
    read?;
    if !put(&mut window)? {
        return Ok(());
    }
    // Takes seconds over a million rows, so it is not done where others wait to write.
    let usual_amount = store.read(|connection| jobs::usual_amount(connection, id))?;
    store.write(|change| {
        if jobs::is(change, id, State::Reading)? {
            jobs::set_plan(change, id, &Plan { usual_amount, ..job.plan.clone() })?;
            jobs::set_state(change, id, State::Deciding)?;
        }
        Ok(())
    })?;
    app.tell_progress();
    Ok(())
}

/// A row as it is stored.
fn of(job: &Job, row: &RawRow) -> Row {
    let plan = &job.plan;
    let content = match joined(row, &plan.columns) {
        text if !text.is_empty() => Content::Text(text),
        _ if row.cells.iter().all(Value::is_blank) => Content::Empty,
        _ => Content::Failed(no_text(&job.headings, &plan.columns)),
    };
    Row {
        number: i64::try_from(row.number).unwrap_or(i64::MAX),
        cells: shown(job, row),
        content,
        amount: plan.amount.and_then(|at| amount(row.cells.get(at)?)),
        sampled: is_drawn("sampled", job.id, row.number, plan.sampled),
        double: is_drawn("double", job.id, row.number, plan.double),
    }
}

/// What a reviewer is shown beside the text: the column by which rows are known, the amount, and the others in their order.
fn shown(job: &Job, row: &RawRow) -> Vec<(String, String)> {
    let plan = &job.plan;
    let told = plan.id.into_iter().chain(plan.amount);
    let others = (0..job.headings.len()).filter(|at| Some(*at) != plan.id && Some(*at) != plan.amount);
    let cell = |at: usize| {
        let cell = row.cells.get(at).filter(|cell| !cell.is_blank())?;
        Some((job.headings.get(at)?.clone(), cell.to_text().chars().take(SHOWN.1).collect()))
    };
    told.chain(others).filter(|at| !plan.columns.contains(at)).filter_map(cell).take(SHOWN.0).collect()
}

/// Whether a row is among a share of the rows: the same rows whenever it is asked.
fn is_drawn(purpose: &str, job: i64, number: u64, share: f64) -> bool {
    let digest = Sha256::digest(format!("{purpose} {job} {number}"));
    let drawn = u32::from_le_bytes(std::array::from_fn(|at| digest[at]));
    f64::from(drawn) < share * (f64::from(u32::MAX) + 1.0)
}

fn size(row: &Row) -> usize {
    let text = if let Content::Text(text) = &row.content { text.len() } else { 0 };
    text + row.cells.iter().map(|(heading, cell)| heading.len() + cell.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_rows_is_drawn_and_always_the_same() {
        let drawn = |share| (0..10_000).filter(|&number| is_drawn("sampled", 7, number, share)).collect::<Vec<_>>();
        assert_eq!((drawn(0.0).len(), drawn(1.0).len()), (0, 10_000));
        assert!((400..600).contains(&drawn(0.05).len()), "{}", drawn(0.05).len());
        assert_eq!(drawn(0.05), drawn(0.05));
    }
}
