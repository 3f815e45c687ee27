//! A classification pack: one edition of a classification with its rules, guidance, exemplars and crosswalks, as data.
//!
//! A [`Pack`] that exists is free of faults: loading checks everything that `waibao pack check` reports.

mod check;
mod files;
mod pattern;
mod search;
mod shapes;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

pub use files::PackFiles;
pub use pattern::Pattern;
pub use search::{Found, FoundItem};

use crate::code::{Code, Label, Level};
use crate::error::{Error, Result};

/// One edition of a classification.
#[derive(Debug)]
pub struct Pack {
    /// `mofcom-2022`.
    pub id: String,
    /// The official title.
    pub title: String,
    /// Who issued it.
    pub authority: String,
    /// The edition, as the authority calls it.
    pub edition: String,
    /// When it was issued: a year or a date, as precisely as the text says.
    pub issued: String,
    /// Names of the levels (大类, 中类, 小类).
    pub levels: [String; 3],
    /// Hash of every file of the pack, hexadecimal.
    pub hash: String,
    /// Hash of the rules and the guidance alone, hexadecimal.
    pub rules_hash: String,
    /// Words that turn a trigger off when they stand right before it.
    pub negations: Vec<String>,
    /// Words that turn a trigger off when they stand right behind it.
    pub negations_after: Vec<String>,
    /// Words that stand in any title and say nothing of the service, longest first.
    pub generic: Vec<String>,
    /// Rules of the exclusions, then those of the judgement principles, in the order of the files.
    pub rules: Vec<Rule>,
    /// Clauses that cannot be a rule, with the reason.
    pub unruled: Vec<Unruled>,
    /// What decides between two labels that are easily confused.
    pub questions: Vec<Question>,
    /// How cases are coded for which the official text leaves room.
    pub conventions: Vec<Convention>,
    /// Sentences on either side of each rule.
    pub exemplars: Vec<Exemplar>,
    /// Other directories that the classes map to.
    pub crosswalks: Vec<Crosswalk>,
    items: BTreeMap<Code, Item>,
    clauses: BTreeMap<String, Clause>,
}

/// An entry of the classification with its explanatory notes, each sentence verbatim.
#[derive(Debug, Clone)]
pub struct Item {
    /// The code.
    pub code: Code,
    /// The official name.
    pub name: String,
    /// The official definition.
    pub definition: String,
    /// 典型业务.
    pub inclusions: Vec<Inclusion>,
    /// 不包括.
    pub exclusions: Vec<Clause>,
}

/// A 典型业务 of an item.
#[derive(Debug, Clone)]
pub struct Inclusion {
    /// `B22-1`.
    pub id: String,
    /// Its short name.
    pub name: String,
    /// The official explanation.
    pub text: String,
}

/// A sentence that a rule can rest on: an exclusion (`I13-x2`), a clause of the general section (`G-x1`) or a
/// judgement principle (`P2`).
#[derive(Debug, Clone)]
pub struct Clause {
    /// Its id.
    pub id: String,
    /// The sentence, verbatim.
    pub text: String,
    /// Where it stands, when not as a bullet of its own: `definition` or the id of a 典型业务.
    pub within: Option<String>,
}

/// What a rule is about: one branch of the classification, or all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `*`: every class.
    Everything,
    /// A code and what stands below it.
    Below(Code),
}

impl Scope {
    /// Whether a class falls under the scope.
    pub fn contains(self, class: Code) -> bool {
        match self {
            Self::Everything => true,
            Self::Below(code) => code.contains(class),
        }
    }
}

/// What a rule does when it fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Veto the items and hand their probability to the best class below these codes.
    Redirect(Vec<Code>),
    /// Veto the items and hand their probability to 不属于服务外包.
    Out,
    /// Remark on the decision; nothing moves.
    Note,
    /// A person decides; nothing moves.
    Review,
}

impl Effect {
    /// The targets as a person reads them: codes, `OUT`, 备注 or 复核.
    pub fn target(&self) -> String {
        match self {
            Self::Redirect(codes) => codes.iter().map(Code::to_string).collect::<Vec<_>>().join("、"),
            Self::Out => "OUT".to_owned(),
            Self::Note => "备注".to_owned(),
            Self::Review => "复核".to_owned(),
        }
    }
}

/// An exclusion or judgement principle as data.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The clause's id, with a letter where one clause gives several rules.
    pub id: String,
    /// The clause that it enforces.
    pub clause: String,
    /// What it vetoes.
    pub items: Vec<Scope>,
    /// What happens when it fires.
    pub effect: Effect,
    /// Any one of these must match.
    pub trigger: Vec<Pattern>,
    /// And, where given, any one of these.
    pub also: Vec<Pattern>,
    /// And none of these.
    pub unless: Vec<Pattern>,
    /// Fires only where the best class below the target is contested as well.
    pub tie: bool,
    /// One sentence for the reviewer.
    pub note: String,
}

/// A clause that cannot be a rule.
#[derive(Debug, Clone)]
pub struct Unruled {
    /// The clause.
    pub clause: String,
    /// Why not.
    pub reason: String,
}

/// The question that decides between two labels.
#[derive(Debug, Clone)]
pub struct Question {
    /// The two labels, in no order.
    pub between: [Label; 2],
    /// What to ask the company.
    pub ask: String,
}

/// How a case is coded for which the official text leaves room: a default that training labels, gold and rules follow.
#[derive(Debug, Clone)]
pub struct Convention {
    /// `C07`.
    pub id: String,
    /// The case.
    pub case: String,
    /// What it gets: several where the kind of work decides, none where a person must look.
    pub codes: Vec<Label>,
    /// What a careful reviewer could defend besides.
    pub second: Vec<Label>,
    /// When the second is right, or what else is to be heeded.
    pub condition: Option<String>,
    /// The clause that it follows, or 编码惯例 where the official text says nothing.
    pub basis: String,
}

/// A sentence on one side of a rule.
#[derive(Debug, Clone)]
pub struct Exemplar {
    /// `B11-x2+1`.
    pub id: String,
    /// The rule's id.
    pub rule: String,
    /// Whether the rule must catch it.
    pub caught: bool,
    /// The sentence, self-written.
    pub text: String,
    /// What it is coded as in the end; none where a person must decide.
    pub label: Option<Label>,
}

/// A directory of key domains that the classes map to.
#[derive(Debug, Clone)]
pub struct Crosswalk {
    /// `national-2022`.
    pub id: String,
    /// The directory's title.
    pub title: String,
    /// When it was issued.
    pub issued: String,
    /// The file of its official text, relative to the pack.
    pub source: String,
    /// A remark on the edition as a whole.
    pub note: Option<String>,
    /// Its domains, in its order.
    pub domains: Vec<Domain>,
    /// Classes in no domain, each with the reason.
    pub none: BTreeMap<Code, String>,
}

/// One key domain of a directory.
#[derive(Debug, Clone, Serialize)]
pub struct Domain {
    /// Its number in the directory.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Its own defining sentence.
    pub text: String,
    /// A remark on borderline assignments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// The classes that fall into it.
    #[serde(skip)]
    pub classes: Vec<Code>,
}

impl Pack {
    /// The pack that is compiled in: the Ministry of Commerce's 统计操作指引 of 2022.
    ///
    /// # Errors
    /// Never for a released program: its tests load it.
    pub fn embedded() -> Result<Self> {
        Self::from_files(&PackFiles::embedded())
    }

    /// The pack in a directory.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read, [`Error::Pack`] with every fault otherwise.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::from_files(&PackFiles::read(dir)?)
    }

    /// A pack from the contents of its files.
    ///
    /// # Errors
    /// [`Error::Pack`] with every fault.
    pub fn from_files(files: &PackFiles) -> Result<Self> {
        let (pack, mut faults) = files.parse();
        if let Some(pack) = pack {
            faults.extend(check::faults(&pack, files));
            if faults.is_empty() {
                return Ok(pack);
            }
        }
        faults.sort();
        faults.dedup();
        Err(Error::Pack { faults })
    }

    /// Every item in the order of the codes.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    /// The items of the lowest level.
    pub fn classes(&self) -> impl Iterator<Item = &Item> {
        self.items().filter(|item| item.code.level() == Level::Class)
    }

    /// One item.
    pub fn item(&self, code: Code) -> Option<&Item> {
        self.items.get(&code)
    }

    /// A clause by its id.
    pub fn clause(&self, id: &str) -> Option<&Clause> {
        self.clauses.get(id)
    }

    /// Every clause: exclusions, the general section's, judgement principles.
    pub fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.clauses.values()
    }

    /// The official name of a label.
    pub fn name(&self, label: Label) -> &str {
        match label {
            Label::Class(code) => self.item(code).map_or("", |item| &item.name),
            Label::OutOfScope => "不属于服务外包",
        }
    }

    /// Whether a text can get a label: a class of this pack, or not in scope.
    pub fn can_give(&self, label: Label) -> bool {
        match label {
            Label::Class(code) => code.level() == Level::Class && self.item(code).is_some(),
            Label::OutOfScope => true,
        }
    }

    /// The question that decides between two labels, where the pack has one.
    pub fn question(&self, one: Label, other: Label) -> Option<&str> {
        self.questions
            .iter()
            .find(|question| question.between == [one, other] || question.between == [other, one])
            .map(|question| question.ask.as_str())
    }

    /// The conventions that name a code, a group or division by the classes under it.
    pub fn conventions_of(&self, code: Code) -> impl Iterator<Item = &Convention> {
        let names = move |label: &Label| label.class().is_some_and(|class| code.contains(class));
        self.conventions.iter().filter(move |known| known.codes.iter().chain(&known.second).any(names))
    }

    /// The key domain of a class in a directory.
    pub fn key_domain(&self, crosswalk: &str, class: Code) -> Option<&Domain> {
        let crosswalk = self.crosswalks.iter().find(|known| known.id == crosswalk)?;
        crosswalk.domains.iter().find(|domain| domain.classes.contains(&class))
    }
}
