//! Label Studio's machine-learning backend: it sends tasks with their labelling form and gets the choice for each; what its
//! people decide becomes cases.
//!
//! The client is `label_studio/ml/api_connector.py`; webhooks come from `label_studio/webhooks/`.

mod form;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::form::LabellingForm;
use super::ask::Sent;
use super::operation::Operation;
use crate::code::Label;
use crate::record::{Record, Versions};
use crate::server::app::App;
use crate::server::auth::{Caller, Right};
use crate::server::decide;
use crate::server::limits;
use crate::server::problem::Problem;

pub(super) fn operations() -> Vec<Operation> {
    let tasks = r#"{"label_config": "<View><Text name=\"text\" value=\"$text\"/><Choices name=\"class\" toName=\"text\"><Choice value=\"B21 数据处理服务\"/><Choice value=\"不属于服务外包\"/></Choices></View>", "tasks": [{"id": 1, "data": {"text": "为保险公司承接车险理赔单证录入与影像扫描"}}]}"#;
    vec![
        Operation::get("/health", "Label Studio 询问是否在运行", health).gives::<Health>(),
        Operation::post("/setup", "Label Studio 连接项目时调用，返回模型版本", setup)
            .needs(Right::Look)
            .takes::<Setup>("{}")
            .gives::<Ready>(),
        Operation::post("/predict", "为 Label Studio 的任务选择类目", predict)
            .needs(Right::Look)
            .takes::<Tasks>(tasks)
            .gives::<Predictions>(),
        Operation::post("/webhook", "Label Studio 里新增或修改的标注成为案例", webhook)
            .needs(Right::Look)
            .takes::<Event>(r#"{"action": "START_TRAINING"}"#)
            .gives::<Heard>(),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BackendHealth")]
struct Health {
    /// `UP`.
    status: &'static str,
    model_class: &'static str,
}

async fn health() -> Json<Health> {
    Json(Health { status: "UP", model_class: "waibao" })
}

/// What Label Studio says of the project; nothing of it is needed.
#[derive(Debug, Deserialize, JsonSchema)]
struct Setup {}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BackendReady")]
struct Ready {
    model_version: String,
}

async fn setup(State(app): State<App>, Sent(Setup {}): Sent<Setup>) -> Json<Ready> {
    Json(Ready { model_version: version(&Versions::of(&app.engine().classifier())) })
}

/// Tasks of a project.
#[derive(Debug, Deserialize, JsonSchema)]
struct Tasks {
    /// The labelling form, as XML: the first `Choices` that belong to a `Text` are answered.
    label_config: String,
    #[schemars(length(min = 1, max = 256))]
    tasks: Vec<Task>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Task {
    /// What the form's fields stand for.
    #[serde(default)]
    data: Map<String, Value>,
}

/// One prediction for each task, in order.
#[derive(Debug, Serialize, JsonSchema)]
struct Predictions {
    results: Vec<Prediction>,
    model_version: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Prediction {
    /// Empty where the task has no text, the text cannot be read, or the form has no choice for the class.
    result: Vec<Chosen>,
    /// The confidence of the choice.
    score: f64,
    model_version: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Chosen {
    from_name: String,
    to_name: String,
    #[serde(rename = "type")]
    kind: String,
    value: Choices,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Choices {
    choices: Vec<String>,
}

async fn predict(State(app): State<App>, Sent(wanted): Sent<Tasks>) -> Result<Json<Predictions>, Problem> {
    let problem = "label_config 里没有 <Text name=… value=\"$字段\"> 和属于它的 <Choices toName=…>";
    let form = LabellingForm::read(&wanted.label_config).ok_or_else(|| Problem::Invalid(problem.to_owned()))?;
    let text = |task: &Task| task.data.get(&form.field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let texts: Vec<String> = wanted.tasks.iter().map(text).collect();
    limits::texts(&texts)?;
    let count = texts.len();
    let records = app.engine().classify(texts).await?;
    app.metrics().texts(count);
    let results = records.iter().map(|record| prediction(&form, record)).collect();
    let model_version = version(&Versions::of(&app.engine().classifier()));
    Ok(Json(Predictions { results, model_version }))
}

fn prediction(form: &LabellingForm, record: &Record) -> Prediction {
    let best = record.candidates.first();
    let choice = best.and_then(|best| form.choice(best.code.parse().ok()?));
    let chosen = choice.map(|choice| Chosen {
        from_name: form.control.clone(),
        to_name: form.object.clone(),
        kind: "choices".to_owned(),
        value: Choices { choices: vec![choice.to_owned()] },
    });
    Prediction {
        result: chosen.into_iter().collect(),
        score: best.map_or(0.0, |best| best.confidence),
        model_version: version(&record.versions),
    }
}

/// What Label Studio tells predictions of different models apart by.
fn version(versions: &Versions) -> String {
    format!("waibao {} {} {}", versions.program, versions.model, versions.pack)
}

/// What happened in Label Studio. Of annotations everything is needed, of the rest the name.
#[derive(Debug, Deserialize, JsonSchema)]
struct Event {
    action: String,
    #[serde(default)]
    annotation: Value,
    #[serde(default)]
    task: Value,
    #[serde(default)]
    project: Value,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Heard {
    /// `ok`, or `ignored`.
    status: &'static str,
    /// The case that was made; none where there is one already.
    case: Option<i64>,
}

async fn webhook(State(app): State<App>, caller: Caller, Sent(event): Sent<Event>) -> Result<Json<Heard>, Problem> {
    if !matches!(event.action.as_str(), "ANNOTATION_CREATED" | "ANNOTATION_UPDATED") {
        return Ok(Json(Heard { status: "ignored", case: None }));
    }
    caller.needs(Right::Work)?;
    let Some((text, label)) = decided(&event) else {
        return Ok(Json(Heard { status: "ignored", case: None }));
    };
    let case = decide::add_case(&app, caller, text, label, "Label Studio".to_owned()).await?.map(|case| case.id);
    Ok(Json(Heard { status: "ok", case }))
}

/// The text of an annotation and the label that it gives; none where it was skipped, gives several, or none that we know.
fn decided(event: &Event) -> Option<(String, Label)> {
    let form = LabellingForm::read(event.project["label_config"].as_str()?)?;
    let text = event.task["data"].get(&form.field)?.as_str()?;
    if event.annotation["was_cancelled"] == true {
        return None;
    }
    let results = event.annotation["result"].as_array()?;
    let chosen = results.iter().find(|result| result["from_name"] == form.control.as_str())?;
    match chosen["value"]["choices"].as_array()?.as_slice() {
        [one] => Some((text.to_owned(), form.label(one.as_str()?)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(choices: &[&str]) -> Event {
        let config =
            "<Text name='t' value='$text'/><Choices name='c' toName='t'><Choice value='B21 数据处理'/></Choices>";
        serde_json::from_value(json!({
            "action": "ANNOTATION_CREATED",
            "annotation": { "result": [{ "from_name": "c", "to_name": "t", "type": "choices", "value": { "choices": choices } }] },
            "task": { "data": { "text": "单证录入" } },
            "project": { "label_config": config },
        }))
        .unwrap()
    }

    #[test]
    fn an_annotation_gives_its_text_a_label() {
        assert_eq!(decided(&event(&["B21 数据处理"])), Some(("单证录入".to_owned(), "B21".parse().unwrap())));
    }

    #[test]
    fn what_is_skipped_unknown_or_several_gives_none() {
        let mut skipped = event(&["B21 数据处理"]);
        skipped.annotation["was_cancelled"] = json!(true);
        assert_eq!(decided(&skipped), None);
        assert_eq!(decided(&event(&["别的"])), None);
        assert_eq!(decided(&event(&["B21 数据处理", "B21 数据处理"])), None);
        let empty: Event = serde_json::from_value(json!({ "action": "ANNOTATION_CREATED" })).unwrap();
        assert_eq!(decided(&empty), None);
    }
}
