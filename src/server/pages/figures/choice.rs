//! Which jobs are counted, as the address says it and as a form asks it.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html as markup};
use serde::Deserialize;

use super::super::encoded;
use crate::classifier::Classifier;
use crate::code::Label;
use crate::server::problem::Problem;
use crate::server::store::figures::{By, Chosen, Job};

/// What the address says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    pub(super) job: String,
    /// The first day …
    pub(super) from: String,
    /// … and the last.
    pub(super) to: String,
    by: String,
}

/// What it means.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) chosen: Chosen,
    pub(super) by: By,
}

impl Wanted {
    pub(super) fn choice(&self) -> Result<Choice, Problem> {
        let wrong = |_| Problem::Invalid(format!("任务编号“{}”应为数字", self.job));
        let job = if self.job.is_empty() { None } else { Some(self.job.parse().map_err(wrong)?) };
        let from = if self.from.is_empty() { i64::MIN } else { begin(day(&self.from)?)? };
        let until = match self.to.as_str() {
            "" => i64::MAX,
            to => begin(day(to)?.saturating_add(1.day()))?,
        };
        let by = if self.by == "job" { By::Job } else { By::Month };
        Ok(Choice { chosen: Chosen { job, from, until }, by })
    }

    /// The form that chooses, with the way to the workbook of the same choice.
    pub(super) fn form(&self, jobs: &[Job]) -> Markup {
        let [job, from, to, by] = [&self.job, &self.from, &self.to, &self.by].map(|value| encoded(value));
        markup! {
            form.choice action="/figures" {
                div {
                    label for="job" { "任务" }
                    select #job name="job" {
                        option value="" { "全部" }
                        @for known in jobs {
                            @let chosen = known.id.to_string() == self.job;
                            option value=(known.id) selected[chosen] { (known.id) " " (known.name) }
                        }
                    }
                }
                div { label for="from" { "上传自" } input #from name="from" type="date" value=(self.from); }
                div { label for="to" { "至" } input #to name="to" type="date" value=(self.to); }
                div {
                    label for="by" { "构成" }
                    select #by name="by" {
                        option value="month" { "按月" }
                        option value="job" selected[self.by == "job"] { "按任务" }
                    }
                }
                button.primary { "查看" }
                a.button href=(format!("/figures/export?job={job}&from={from}&to={to}&by={by}")) { "导出 Excel" }
            }
        }
    }
}

fn day(text: &str) -> Result<Date, Problem> {
    text.parse().map_err(|_| Problem::Invalid(format!("日期“{text}”应写作 2026-03-31")))
}

/// The second in which a day begins here.
fn begin(day: Date) -> Result<i64, Problem> {
    let zoned = day.to_zoned(TimeZone::system());
    zoned.map(|at| at.timestamp().as_second()).map_err(|_| Problem::Invalid(format!("日期 {day} 超出范围")))
}

/// The month of a job's upload.
pub(super) fn month(job: &Job) -> String {
    let at = jiff::Timestamp::from_second(job.created).map(|at| at.to_zoned(TimeZone::system()));
    at.map(|at| at.strftime("%Y-%m").to_string()).unwrap_or_default()
}

/// The cut-offs of the moment: of classes, and of what is out of scope.
pub(super) fn cut_offs(classifier: &Classifier) -> [f32; 2] {
    let class = classifier.pack().classes().next().map_or(Label::OutOfScope, |item| Label::Class(item.code));
    [class, Label::OutOfScope].map(|label| classifier.calibrator().cut_off(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(job: &str, from: &str, to: &str) -> Wanted {
        let [job, from, to] = [job, from, to].map(str::to_owned);
        Wanted { job, from, to, by: String::new() }
    }

    #[test]
    fn the_last_day_is_part_of_the_span() {
        let chosen = wanted("7", "2026-03-31", "2026-03-31").choice().unwrap().chosen;
        assert_eq!((chosen.job, chosen.until - chosen.from), (Some(7), 24 * 60 * 60));
        let ever = wanted("", "", "").choice().unwrap().chosen;
        assert_eq!((ever.job, ever.from, ever.until), (None, i64::MIN, i64::MAX));
    }

    #[test]
    fn what_is_no_day_or_job_is_refused() {
        for bad in [wanted("x", "", ""), wanted("", "31.3.2026", ""), wanted("", "", "2026-02-30")] {
            assert!(matches!(bad.choice(), Err(Problem::Invalid(_))), "{bad:?}");
        }
    }
}
