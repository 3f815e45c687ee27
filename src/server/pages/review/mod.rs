//! 复核: one row at a time, decided by keyboard; everything works with plain forms as well.

mod choose;
mod history;
mod row;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html as markup};
use serde::Deserialize;

use super::cases::address;
use super::{Shown, asset, moment, page, token};
use crate::server::app::App;
use crate::server::auth::{Caller, Form, Right, Via};
use crate::server::decide::{decide, near, shown, undo};
use crate::server::problem::Problem;
use crate::server::shown::midnight;
use crate::server::store::cases::{self, Known};
use crate::server::store::reviews::{self, Bunch, EDITABLE, Queue, Reach, UNCLEAR, Verdict, Wish};

pub(crate) fn router() -> Router<App> {
    let script = || asset("text/javascript; charset=utf-8", include_str!("../../assets/review.js"));
    Router::new()
        .route("/review", get(next))
        .route("/review/undo", post(take_back))
        .route("/review/flagged", get(history::flagged))
        .route("/review/rows/{id}", get(history::of_row).post(decided))
        .route("/review/rows/{id}/skip", post(skip))
        .route("/review/rows/{id}/hold", post(hold))
        .route("/assets/review.js", get(script))
}

/// Where in the queues somebody is: every link and form carries it on. What makes no sense is left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Place {
    job: String,
    queue: String,
}

impl Place {
    fn job(&self) -> Option<i64> {
        self.job.parse().ok()
    }

    fn queue(&self) -> Queue {
        Queue::parse(&self.queue).unwrap_or(Queue::Open)
    }

    /// The address of another queue, or of the same.
    fn of(&self, queue: Queue) -> String {
        let job = self.job().map(|job| format!("&job={job}")).unwrap_or_default();
        format!("/review?queue={}{job}", queue.key())
    }

    fn here(&self) -> String {
        self.of(self.queue())
    }

    fn fields(&self) -> Markup {
        markup! {
            input type="hidden" name="job" value=(self.job().map(|job| job.to_string()).unwrap_or_default());
            input type="hidden" name="queue" value=(self.queue().key());
        }
    }
}

/// What is asked for besides the place.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    #[serde(flatten)]
    place: Place,
    /// This row and no other.
    row: String,
    /// The bunch that was just decided.
    done: String,
    /// The bunch that is to be changed.
    instead: String,
}

/// What stands above every row.
struct Standing {
    left: [i64; 3],
    today: i64,
    latest: Vec<Bunch>,
    /// The cases that speak against the decision that was just made.
    against: Vec<Known>,
}

/// Shows the next row, and holds it for whoever looks.
async fn next(State(app): State<App>, caller: Caller, Query(wanted): Query<Wanted>) -> Result<Response, Problem> {
    caller.needs(Right::Work)?;
    let place = wanted.place.clone();
    let (reader, queue, job) = (caller.clone(), place.queue(), place.job());
    let chosen = wanted.row.parse().ok();
    let (taken, holder) = app
        .write(move |change| match chosen {
            // Whoever only looks keeps it from nobody.
            Some(row) if !reviews::may_decide(change, &reader, row)? => Ok((Some(row), None)),
            Some(row) => Ok((Some(row), reviews::hold(change, &reader, row)?)),
            None => Ok((reviews::take(change, &reader, queue, job)?, None)),
        })
        .await?;
    let (name, done) = (caller.name.clone(), wanted.done.parse().ok());
    let standing = app
        .read(move |store| {
            Ok(Standing {
                left: reviews::left(store, job)?,
                today: reviews::today(store, &name, midnight())?,
                latest: reviews::latest(store, &name, EDITABLE)?,
                against: done.map(|done| cases::against(store, done)).transpose()?.unwrap_or_default(),
            })
        })
        .await?;
    let Some(id) = taken else {
        let content = markup! { (above(&caller, &wanted, &standing)) (nothing_left(&caller, &place, &standing)) };
        return Ok(framed(&caller, &place, &standing, content));
    };
    let (item, record) = shown(&app, id).await?;
    let instead = wanted.instead.parse().ok();
    let instead = standing.latest.iter().find(|one| Some(one.first.bunch) == instead).cloned();
    let (reader, other) = (caller.clone(), item.clone());
    let (decided, group, may) = app
        .read(move |store| {
            let decided = reviews::of_row(store, &reader.name, other.id)?;
            Ok((decided, reviews::group(store, &other)?, reviews::may_decide(store, &reader, other.id)?))
        })
        .await?;
    if !may && instead.is_none() {
        return Ok(Redirect::to(&format!("/review/rows/{id}")).into_response());
    }
    let near = near(&app, item.text.clone()).await?;
    let classifier = app.engine().classifier();
    let seen = row::Seen { item, record, group, near, decided, holder, instead };
    let content = markup! {
        (above(&caller, &wanted, &standing))
        (row::row(classifier.pack(), &caller, &place, &seen))
    };
    Ok(framed(&caller, &place, &standing, content))
}

/// A page of the queues, with the keys.
fn framed(caller: &Caller, place: &Place, standing: &Standing, content: Markup) -> Response {
    let content = markup! {
        (content)
        (history::latest(caller, place, &standing.latest))
        (help())
        script src=(concat!("/assets/review.js?", env!("CARGO_PKG_VERSION"))) defer {}
    };
    page(caller, "/review", "复核", content).into_response()
}

/// The queues, how far one is, and what one decided last.
fn above(caller: &Caller, wanted: &Wanted, standing: &Standing) -> Markup {
    let place = &wanted.place;
    let last = standing.latest.first().filter(|bunch| !bunch.built_on);
    let just = last.filter(|bunch| wanted.done == bunch.first.bunch.to_string());
    markup! {
        nav.queues aria-label="队列" {
            @for (queue, left) in Queue::ALL.into_iter().zip(standing.left) {
                a href=(place.of(queue)) aria-current=[(queue == place.queue()).then_some("page")] { (queue.name()) " " b { (left) } }
            }
            a href="/review/flagged" { "有标记的" }
            span.quiet {
                @if place.job().is_some() { "只看一个任务（" a href=(Place { job: String::new(), ..place.clone() }.here()) { "看全部" } "） · " }
                "今日已判 " b { (standing.today) } " 行"
            }
        }
        @if let Some(bunch) = last {
            form.last method="post" action="/review/undo" {
                (token(caller)) (place.fields())
                input type="hidden" name="bunch" value=(bunch.first.bunch);
                span role=[just.map(|_| "status")] {
                    @if just.is_some() { "已判：" } @else { "上一次：" }
                    a href=(format!("/review/rows/{}", bunch.first.row)) { "第 " (bunch.first.number) " 行" }
                    @if bunch.rows > 1 { "等 " (bunch.rows) " 行" }
                    " " strong { (verdict_name(&bunch.first.label)) }
                }
                button data-key="z" { "撤回 " kbd { "Z" } }
            }
        }
        @if !standing.against.is_empty() {
            div.warning role="alert" {
                p { strong { "与已有案例不一致。" } "刚才的判断已经记下，请看一看是哪一个不对：" }
                ul {
                    @for case in &standing.against {
                        li {
                            a href=(address(case.id)) { "案例 " (case.id) }
                            " 判为 " strong { (case.label) } "（" (case.added_by) "，" (moment(case.added)) "）"
                            @if case.replaced_by.is_some() { "：文字相同，已被新的案例取代" }
                        }
                    }
                }
            }
        }
    }
}

fn nothing_left(caller: &Caller, place: &Place, standing: &Standing) -> Markup {
    let others = Queue::ALL.into_iter().zip(standing.left).filter(|(queue, left)| *queue != place.queue() && *left > 0);
    let left = standing.left[Queue::ALL.iter().position(|queue| *queue == place.queue()).unwrap_or(0)];
    markup! {
        section.finished {
            h2 { "这里没有要您看的行了" }
            @if left > 0 && caller.via == Via::Local && place.queue() != Queue::Open {
                p { (alone()) }
            } @else if left > 0 {
                p { "还有 " (left) " 行：正由别人查看，或您已读过、须由另一个人来读。" }
            }
            @for (queue, left) in others {
                p { a.button data-key="Enter" href=(place.of(queue)) { (queue.name()) " " (left) " 行 " kbd { "Enter" } } }
            }
            p { a href="/jobs" { "到“任务”上传或查看进度" } }
        }
    }
}

/// Why a row cannot be read twice here.
fn alone() -> &'static str {
    "这些行要由两个人独立判读，而这台服务器没有账号，只有“本机”一个人。请用 waibao user add 建立账号，各自登录后再读第二遍。"
}

#[derive(Deserialize)]
struct Decision {
    #[serde(flatten)]
    place: Place,
    version: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    comment: String,
    flagged: Option<String>,
    group: Option<String>,
    #[serde(default)]
    instead: String,
}

async fn decided(
    State(app): State<App>,
    Path(row): Path<i64>,
    Form(caller, form): Form<Decision>,
) -> Result<Response, Problem> {
    caller.needs(Right::Work)?;
    if form.label.is_empty() {
        return Err(Problem::Invalid("还没有选结论。请返回，选一个候选、查代码，或选“不属于”“不清楚”".to_owned()));
    }
    let wish = Wish {
        row,
        version: form.version.parse().map_err(|_| Problem::Invalid("表单不完整，请重新打开这一行".to_owned()))?,
        verdict: form.label.parse::<Verdict>().map_err(|error| Problem::Invalid(error.to_string()))?,
        comment: form.comment,
        flagged: form.flagged.is_some(),
        reach: if form.group.is_some() { Reach::Group } else { Reach::Row },
        instead: form.instead.parse().ok(),
    };
    match decide(&app, caller.clone(), wish).await {
        Ok(done) => Ok(Redirect::to(&format!("{}&done={}", form.place.here(), done.bunch)).into_response()),
        Err(Problem::Conflict(detail)) => Ok(told(&caller, &form.place, row, &detail)),
        Err(problem) => Err(problem),
    }
}

/// Tells the second of two who decide the same row.
fn told(caller: &Caller, place: &Place, row: i64, detail: &str) -> Response {
    let content = markup! {
        div.warning role="alert" { p { strong { (detail) } } p { "您的这次判断没有记下。" } }
        p {
            a.button.primary data-key="Enter" href=(place.here()) { "下一行 " kbd { "Enter" } } " "
            a.button href=(format!("/review/rows/{row}")) { "看这一行的经过" }
        }
        script src=(concat!("/assets/review.js?", env!("CARGO_PKG_VERSION"))) defer {}
    };
    (StatusCode::CONFLICT, page(caller, "/review", "没有记下", content)).into_response()
}

#[derive(Deserialize)]
struct Undone {
    #[serde(flatten)]
    place: Place,
    bunch: String,
}

/// Takes back, and shows the row again.
async fn take_back(State(app): State<App>, Form(caller, form): Form<Undone>) -> Result<Redirect, Problem> {
    let bunch = form.bunch.parse().map_err(|_| Problem::Invalid("没有这个判断".to_owned()))?;
    let rows = undo(&app, caller, bunch).await?;
    let row = rows.first().map(|row| format!("&row={row}")).unwrap_or_default();
    Ok(Redirect::to(&format!("{}{row}", form.place.here())))
}

async fn skip(
    State(app): State<App>,
    Path(row): Path<i64>,
    Form(caller, place): Form<Place>,
) -> Result<Redirect, Problem> {
    caller.needs(Right::Work)?;
    app.write(move |change| Ok(reviews::skip(change, &caller, row)?)).await?;
    Ok(Redirect::to(&place.here()))
}

/// Goes on holding a row, for a page that is being looked at.
async fn hold(State(app): State<App>, caller: Caller, Path(row): Path<i64>) -> Result<StatusCode, Problem> {
    caller.needs(Right::Work)?;
    app.write(move |change| Ok(reviews::hold(change, &caller, row)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn verdict_name(label: &str) -> &str {
    match label {
        UNCLEAR => "不清楚",
        "OUT" => "不属于服务外包",
        code => code,
    }
}

fn kind_name(kind: &str) -> &'static str {
    match kind {
        "second" => "二读",
        "adjudication" => "裁定",
        _ => "判读",
    }
}

/// The first words of a text, by which it can be told from others.
fn beginning(text: &str) -> Markup {
    const LENGTH: usize = 120;
    let cut = text.char_indices().nth(LENGTH).map(|(end, _)| &text[..end]);
    markup! { (cut.unwrap_or(text)) @if cut.is_some() { "…" } }
}

/// The keys.
fn help() -> Markup {
    const KEYS: [(&str, &str); 12] = [
        ("1–5", "判为这个候选"),
        ("N", "不属于服务外包"),
        ("U", "不清楚：文字不足以判断"),
        ("/", "查代码：代码、文字、典型业务或拼音首字母；Enter 判为第一个"),
        ("G", "整组一起判：勾上后再按结论"),
        ("F", "作标记并写备注；Esc 离开备注"),
        ("D", "看候选的指引原文；↑ ↓ 换候选"),
        ("S", "跳过：这一行留到最后"),
        ("Z", "撤回上一次判断"),
        ("Enter", "下一行；光标在候选上时判为它"),
        ("Esc", "离开输入框"),
        ("?", "看这张表"),
    ];
    markup! {
        details.keys {
            summary data-key="?" { "按键 " kbd { "?" } }
            dl { @for (key, meaning) in KEYS { dt { kbd { (key) } } dd { (meaning) } } }
        }
    }
}

/// Shows a page of the queues under its own title.
fn titled(caller: &Caller, title: &str, content: Markup) -> Shown {
    Ok(page(caller, "/review", title, content))
}
