//! The shapes of a pack's files. Unknown keys are errors.

use serde::Deserialize;
use toml::Spanned;

use super::{Clause, Convention, Crosswalk, Domain, Inclusion, Item, Scope};
use crate::code::{Code, Label};

/// A file that states the version of its format.
pub(super) trait Versioned {
    fn format_version(&self) -> u32;
}

macro_rules! versioned {
    ($($file:ty),+) => {
        $(impl Versioned for $file {
            fn format_version(&self) -> u32 {
                self.format_version
            }
        })+
    };
}

versioned!(PackToml, ClassificationToml, RulesToml, GuidanceToml, ConventionsToml, CrosswalkToml);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PackToml {
    pub(super) format_version: u32,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) authority: String,
    pub(super) edition: String,
    pub(super) issued: String,
    pub(super) levels: [String; 3],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassificationToml {
    pub(super) format_version: u32,
    pub(super) general: Vec<ClauseToml>,
    pub(super) items: Vec<ItemToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemToml {
    pub(super) code: Code,
    pub(super) name: String,
    pub(super) definition: String,
    #[serde(default)]
    pub(super) inclusions: Vec<InclusionToml>,
    #[serde(default)]
    pub(super) exclusions: Vec<ClauseToml>,
}

impl From<ItemToml> for Item {
    fn from(raw: ItemToml) -> Self {
        let inclusion = |raw: InclusionToml| Inclusion { id: raw.id, name: raw.name, text: raw.text };
        Self {
            code: raw.code,
            name: raw.name,
            definition: raw.definition,
            inclusions: raw.inclusions.into_iter().map(inclusion).collect(),
            exclusions: raw.exclusions.into_iter().map(Clause::from).collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InclusionToml {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) text: String,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct ClauseToml {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) within: Option<String>,
}

impl From<ClauseToml> for Clause {
    fn from(raw: ClauseToml) -> Self {
        Self { id: raw.id, text: raw.text, within: raw.within }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesToml {
    pub(super) format_version: u32,
    pub(super) negations: Vec<String>,
    pub(super) negations_after: Vec<String>,
    pub(super) rules: Vec<RuleToml>,
    #[serde(default)]
    pub(super) unruled: Vec<UnruledToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleToml {
    pub(super) id: Spanned<String>,
    pub(super) clause: String,
    pub(super) items: Vec<ScopeToml>,
    pub(super) effect: EffectToml,
    pub(super) to: Option<Vec<Code>>,
    pub(super) trigger: Vec<String>,
    #[serde(default)]
    pub(super) also: Vec<String>,
    #[serde(default)]
    pub(super) unless: Vec<String>,
    #[serde(default)]
    pub(super) tie: bool,
    pub(super) note: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EffectToml {
    Redirect,
    Out,
    Note,
    Review,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct ScopeToml(pub(super) Scope);

impl TryFrom<String> for ScopeToml {
    type Error = crate::code::ParseCodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "*" { Ok(Self(Scope::Everything)) } else { text.parse().map(|code| Self(Scope::Below(code))) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnruledToml {
    pub(super) clause: String,
    pub(super) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GuidanceToml {
    pub(super) format_version: u32,
    pub(super) generic: Vec<String>,
    pub(super) principles: Vec<ClauseToml>,
    pub(super) rules: Vec<RuleToml>,
    pub(super) questions: Vec<QuestionToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuestionToml {
    pub(super) between: [Label; 2],
    pub(super) ask: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConventionsToml {
    pub(super) format_version: u32,
    pub(super) conventions: Vec<ConventionToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConventionToml {
    pub(super) id: String,
    pub(super) case: String,
    pub(super) codes: Vec<Label>,
    #[serde(default)]
    pub(super) second: Vec<Label>,
    pub(super) condition: Option<String>,
    pub(super) basis: String,
}

impl From<ConventionToml> for Convention {
    fn from(raw: ConventionToml) -> Self {
        Self {
            id: raw.id,
            case: raw.case,
            codes: raw.codes,
            second: raw.second,
            condition: raw.condition,
            basis: raw.basis,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExemplarJson {
    pub(super) id: String,
    pub(super) rule: String,
    pub(super) side: Side,
    pub(super) text: String,
    pub(super) code: Option<Label>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Side {
    Catch,
    Miss,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CrosswalkToml {
    pub(super) format_version: u32,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) issued: String,
    pub(super) source: String,
    pub(super) note: Option<String>,
    pub(super) domains: Vec<DomainToml>,
    #[serde(default)]
    pub(super) none: Vec<NoneToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DomainToml {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) text: String,
    pub(super) remark: Option<String>,
    pub(super) classes: Vec<Code>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoneToml {
    pub(super) code: Code,
    pub(super) reason: String,
}

impl From<CrosswalkToml> for Crosswalk {
    fn from(raw: CrosswalkToml) -> Self {
        let domain = |raw: DomainToml| Domain {
            number: raw.number,
            name: raw.name,
            text: raw.text,
            remark: raw.remark,
            classes: raw.classes,
        };
        Self {
            id: raw.id,
            title: raw.title,
            issued: raw.issued,
            source: raw.source,
            note: raw.note,
            domains: raw.domains.into_iter().map(domain).collect(),
            none: raw.none.into_iter().map(|none| (none.code, none.reason)).collect(),
        }
    }
}
