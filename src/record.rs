//! The record: the one outward form of a decision.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::calibration::Probability;
use crate::classifier::Classifier;
use crate::code::{Code, Label, Level};
use crate::decision::{Decision, Outcome, ReviewReason};
use crate::index::PrototypeKind;
use crate::pack::{Effect, Pack};
use crate::rules::RuleReview;
use crate::text::{PassageKind, Reading};

/// A decision as clients see it. Ranges are bytes of the text that was given, `[start, end)`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// The id that the caller gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What becomes of the text.
    pub outcome: Outcome,
    /// The first candidate that is a class, also when a person should look.
    pub code: Option<String>,
    /// Its official name.
    pub name: Option<String>,
    /// Names from 大类 to 小类.
    pub path: Vec<String>,
    /// Calibrated confidence of the first candidate.
    pub confidence: f64,
    /// By how much the first candidate leads the second.
    pub margin: f64,
    /// The likeliest labels, best first; `OUT` (不属于服务外包) may stand among them.
    pub candidates: Vec<CandidateRecord>,
    /// The rules that fired.
    pub rulings: Vec<RulingRecord>,
    /// What speaks for the first candidate.
    pub evidence: Vec<EvidenceRecord>,
    /// Separately priced services; empty where the text is coded as one.
    pub parts: Vec<PartRecord>,
    /// The key domains of the code in the national directories.
    pub key_domain: KeyDomains,
    /// Why a person should look.
    pub review: Option<ReviewRecord>,
    /// What made the decision.
    pub versions: Versions,
}

/// A label with its confidence.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CandidateRecord {
    /// A class code, or `OUT`.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Calibrated confidence.
    pub confidence: f64,
}

/// A rule that fired.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RulingRecord {
    /// The rule's id.
    pub rule: String,
    /// The clause's id.
    pub clause: String,
    /// The official sentence, verbatim.
    pub text: String,
    /// What the rule does: `redirect`, `out`, `note` or `review`.
    pub effect: String,
    /// The classes that it vetoed.
    pub vetoed: Vec<String>,
    /// Who received what they had.
    pub receiver: Option<String>,
    /// The words that triggered it; none where similarity to its exemplars did.
    pub trigger: Option<Quotation>,
    /// What it means, in one sentence.
    pub note: String,
}

/// Words of the text.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Quotation {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
    /// The words.
    pub words: String,
}

/// A passage of the text and the prototype that it is near to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceRecord {
    /// The passage.
    pub passage: Quotation,
    /// Its kind.
    pub kind: PassageKind,
    /// `definition`, `inclusion` (典型业务), `exemplar` or `case` (a decision of the office's own).
    pub prototype_kind: String,
    /// The id of the prototype.
    pub prototype: String,
    /// Its text.
    pub text: String,
    /// For an exemplar, the clause of its rule.
    pub clause: Option<String>,
}

/// One separately priced service of a contract.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PartRecord {
    /// The words that describe it.
    pub text: Quotation,
    /// Its code, or `OUT`.
    pub code: String,
    /// Its price in yuan, where one is named.
    pub amount: Option<f64>,
    /// Its share of the total.
    pub share: Option<f64>,
}

/// Key domains (重点领域) by edition of the national directory.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct KeyDomains {
    /// The directory of 2022.
    #[serde(rename = "2022")]
    pub edition_2022: Option<String>,
    /// The directory of 2018, repealed in 2022.
    #[serde(rename = "2018")]
    pub edition_2018: Option<String>,
}

/// Why a person should look, and what would decide.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ReviewRecord {
    /// The reason, in Chinese.
    pub reason: String,
    /// The question to the company that would decide.
    pub question: Option<String>,
}

/// What made a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Versions {
    /// Version of the program.
    pub program: String,
    /// Id and hash of the pack.
    pub pack: String,
    /// Hash of the rules.
    pub rules: String,
    /// Name and hash of the model.
    pub model: String,
    /// Hash of the calibration.
    pub calibration: String,
    /// Hash of the office's own cases, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<String>,
}

impl Versions {
    /// The versions of a classifier.
    pub fn of(classifier: &Classifier) -> Self {
        let (pack, encoder) = (classifier.pack(), classifier.encoder());
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            pack: format!("{}@{}", pack.id, short(&pack.hash)),
            rules: short(&pack.rules_hash),
            model: format!("{}@{}", encoder.name(), short(encoder.hash())),
            calibration: short(&classifier.calibrator().hash()),
            cases: classifier.cases().map(short),
        }
    }
}

impl Record {
    /// The record of a decision on a text, with at most `top` candidates.
    pub fn new(classifier: &Classifier, id: Option<String>, text: &str, decision: &Decision, top: usize) -> Self {
        let pack = classifier.pack();
        let code = decision.code();
        let quote = |range: &Range<usize>| Quotation {
            start: range.start,
            end: range.end,
            words: text[range.clone()].to_owned(),
        };
        let rulings = decision.rulings.iter().map(|ruling| {
            let rule = &pack.rules[ruling.rule];
            RulingRecord {
                rule: rule.id.clone(),
                clause: rule.clause.clone(),
                text: pack.clause(&rule.clause).map(|clause| clause.text.clone()).unwrap_or_default(),
                effect: match rule.effect {
                    Effect::Redirect(_) => "redirect",
                    Effect::Out => "out",
                    Effect::Note => "note",
                    Effect::Review => "review",
                }
                .to_owned(),
                vetoed: ruling.vetoed.iter().map(Code::to_string).collect(),
                receiver: ruling.receiver.map(|label| label.to_string()),
                trigger: ruling.trigger.as_ref().map(quote),
                note: rule.note.clone(),
            }
        });
        let evidence = decision.evidence.iter().map(|evidence| EvidenceRecord {
            passage: quote(&evidence.range),
            kind: evidence.kind,
            prototype_kind: match evidence.prototype_kind {
                PrototypeKind::Definition => "definition",
                PrototypeKind::Inclusion => "inclusion",
                PrototypeKind::Exemplar => "exemplar",
                PrototypeKind::Case => "case",
            }
            .to_owned(),
            prototype: evidence.prototype.clone(),
            text: evidence.text.clone(),
            clause: evidence
                .rule
                .as_ref()
                .and_then(|id| pack.rules.iter().find(|rule| rule.id == *id).map(|rule| rule.clause.clone())),
        });
        let candidates = decision.candidates.iter().take(top).map(|candidate| CandidateRecord {
            code: candidate.label.to_string(),
            name: pack.name(candidate.label).to_owned(),
            confidence: rounded(candidate.confidence),
        });
        let domain =
            |crosswalk| code.and_then(|code| pack.key_domain(crosswalk, code)).map(|domain| domain.name.clone());
        Self {
            id,
            outcome: decision.outcome,
            code: code.map(|code| code.to_string()),
            name: code.map(|code| pack.name(Label::Class(code)).to_owned()),
            path: code.map(|code| path(pack, code)).unwrap_or_default(),
            confidence: decision.top().map_or(0.0, |first| rounded(first.confidence)),
            margin: (f64::from(decision.margin()) * 1e4).round() / 1e4,
            candidates: candidates.collect(),
            rulings: rulings.collect(),
            evidence: evidence.collect(),
            parts: Vec::new(),
            key_domain: KeyDomains { edition_2022: domain("national-2022"), edition_2018: domain("national-2018") },
            review: decision.review.as_ref().map(|reason| review(pack, reason)),
            versions: Versions::of(classifier),
        }
    }
}

/// Names from the division down to the class.
pub(crate) fn path(pack: &Pack, code: Code) -> Vec<String> {
    let mut path: Vec<String> = std::iter::successors(Some(code), |code| code.parent())
        .filter_map(|code| pack.item(code).map(|item| format!("{code} {}", item.name)))
        .collect();
    path.reverse();
    debug_assert!(code.level() != Level::Class || path.len() == 3);
    path
}

/// Four decimals: what lies below is noise between machines.
fn rounded(probability: Probability) -> f64 {
    (f64::from(probability.get()) * 1e4).round() / 1e4
}

fn review(pack: &Pack, reason: &ReviewReason) -> ReviewRecord {
    let (reason, question) = match reason {
        ReviewReason::Unreadable(Reading::TooShort) => {
            ("文字太少，看不出是什么服务。请补充合同标的或服务内容".to_owned(), None)
        }
        ReviewReason::Unreadable(Reading::OtherLanguage) => {
            ("不是中文或英文，本程序不能归类。请提供中文说明".to_owned(), None)
        }
        ReviewReason::Unreadable(_) => ("看不出有意义的文字。请核对是否乱码或误填".to_owned(), None),
        ReviewReason::Unread => ("文字过长，只读了前面一部分。请只提供合同名称和服务内容".to_owned(), None),
        ReviewReason::Rules(RuleReview::Doubted) => {
            ("文字触发了排除条款，但整体上更像原来的类目。请按所列条款核对".to_owned(), None)
        }
        ReviewReason::Rules(RuleReview::Asked) => ("命中的条款要求人工判断，见所列依据".to_owned(), None),
        ReviewReason::Rules(RuleReview::Conflict) => ("命中的条款指向不同的去处，需人工判断".to_owned(), None),
        ReviewReason::Ambiguous(first, second) => {
            let reason = format!("把握不足：在 {first} {}与 {second} {}之间", pack.name(*first), pack.name(*second));
            let question = pack.question(*first, *second).map(str::to_owned);
            (reason, Some(question.unwrap_or_else(|| generic_question(pack, *first, *second))))
        }
    };
    ReviewRecord { reason, question }
}

/// The judgement principles' own question, where the pack has none for the pair.
fn generic_question(pack: &Pack, first: Label, second: Label) -> String {
    match (first, second) {
        (Label::Class(_), Label::Class(_)) => {
            format!("合同的主要价值（金额占比或主要目的）是“{}”还是“{}”？", pack.name(first), pack.name(second))
        }
        (Label::Class(code), Label::OutOfScope) | (Label::OutOfScope, Label::Class(code)) => format!(
            "这项服务是否受其他组织委托、属于委托方业务流程的一部分（“{}”），而不是货物买卖、工程施工或自用？",
            pack.name(Label::Class(code))
        ),
        (Label::OutOfScope, Label::OutOfScope) => String::new(),
    }
}
