//! What people decide, and what the program learns of it at once: the next text is compared with the new cases.

use super::app::{App, blocking};
use super::auth::{Caller, Right};
use super::problem::Problem;
use super::store::cases::{self, Joined, Material, Near};
use super::store::jobs;
use super::store::reviews::{self, Done, Item, Wish};
use crate::code::Label;
use crate::record::Record;

/// Characters of a comment that are taken.
const COMMENT: usize = 2_000;
/// Bytes of a case's text that are taken.
const TEXT: usize = 1 << 18;

/// Decides a row or its group for the caller. When this returns, the decision is on the disk and its case counts.
pub(crate) async fn decide(app: &App, caller: Caller, wish: Wish) -> Result<Done, Problem> {
    caller.needs(Right::Work)?;
    heed_length(&wish.comment)?;
    let material = match wish.verdict.label() {
        Some(label) => {
            known(app, label)?;
            let row = wish.row;
            let item = app.read(move |store| reviews::item(store, row)).await?;
            // What tells of no service teaches nothing.
            Some(material(app, item.text).await?).filter(|material| !material.passages.is_empty())
        }
        None => None,
    };
    let done = app.write(move |change| reviews::decide(change, &caller, &wish, material.as_ref())).await?;
    refresh(app).await?;
    Ok(done)
}

/// Takes back a bunch of the caller's own decisions, and gives the rows that are open again.
pub(crate) async fn undo(app: &App, caller: Caller, bunch: i64) -> Result<Vec<i64>, Problem> {
    caller.needs(Right::Work)?;
    let rows = app.write(move |change| reviews::undo(change, &caller, bunch)).await?;
    refresh(app).await?;
    Ok(rows)
}

/// Adds a case by hand; none where there is the same one.
pub(crate) async fn add_case(
    app: &App,
    caller: Caller,
    text: String,
    label: Label,
    comment: String,
) -> Result<Option<Joined>, Problem> {
    caller.needs(Right::Work)?;
    known(app, label)?;
    heed_length(&comment)?;
    if text.trim().is_empty() {
        return Err(Problem::Invalid("案例没有文字，请填写合同名称和服务内容".to_owned()));
    }
    if text.len() > TEXT {
        return Err(Problem::TooLarge("案例的文字过长，请只填写合同名称和服务内容".to_owned()));
    }
    let material = material(app, text).await?;
    if material.passages.is_empty() {
        return Err(Problem::Invalid("这段文字看不出是什么服务，不能作为案例。请补充合同标的或服务内容".to_owned()));
    }
    let added = app.write(move |change| cases::add(change, &material, label, &caller, &comment)).await?;
    refresh(app).await?;
    Ok(added)
}

/// Withdraws a case; the next text is no longer compared with it.
pub(crate) async fn withdraw_case(app: &App, caller: Caller, id: i64) -> Result<(), Problem> {
    caller.needs(Right::Work)?;
    app.write(move |change| cases::withdraw(change, &caller, id)).await?;
    refresh(app).await
}

/// A row as it is shown to whoever decides it: with what the cases of the moment teach.
pub(crate) async fn shown(app: &App, row: i64) -> Result<(Item, Option<Record>), Problem> {
    let item = app.read(move |store| reviews::item(store, row)).await?;
    let cases = app.engine().classifier().cases().map(str::to_owned);
    let known = item.record.as_ref().and_then(|record| serde_json::from_value(record.clone()).ok());
    if known.is_some() && item.cases == cases {
        return Ok((item, known));
    }
    // Under load the answer of before is better than none.
    let Ok(mut records) = app.engine().classify(vec![item.text.clone()]).await else { return Ok((item, known)) };
    let record = records.remove(0);
    let (text, kept) = (item.text_id, record.clone());
    app.write(move |change| Ok(jobs::answer(change, text, &kept, cases.as_deref())?)).await?;
    let item = app.read(move |store| reviews::item(store, row)).await?;
    Ok((item, Some(record)))
}

/// The active cases that say nearly what a text says.
pub(crate) async fn near(app: &App, text: String) -> Result<Vec<Near>, Problem> {
    let material = material(app, text).await?;
    Ok(cases::near(app, &material.passages))
}

async fn material(app: &App, text: String) -> Result<Material, Problem> {
    let classifier = app.engine().classifier();
    blocking(move || Ok(Material::of(&classifier, &text)?)).await
}

async fn refresh(app: &App) -> Result<(), Problem> {
    let app = app.clone();
    blocking(move || cases::refresh(&app)).await
}

fn known(app: &App, label: Label) -> Result<(), Problem> {
    if app.engine().classifier().pack().can_give(label) {
        return Ok(());
    }
    Err(Problem::Invalid(format!("{label} 不是小类。请用三位代码，如 B21，或 OUT（不属于服务外包）")))
}

fn heed_length(comment: &str) -> Result<(), Problem> {
    if comment.chars().count() <= COMMENT {
        return Ok(());
    }
    Err(Problem::Invalid(format!("备注过长，请不要超过 {COMMENT} 字")))
}
