//! What must hold between the files of a pack.

use std::collections::{BTreeMap, BTreeSet};

use super::{Effect, Pack, PackFiles, Scope};
use crate::code::Code;
use crate::error::Fault;

/// Every sentence of the classification and of the guidance stands word for word in this file.
const SOURCE: &str = "source/guidance-2022.txt";

/// At least this many exemplars on either side of a rule.
const EXEMPLARS_A_SIDE: usize = 4;

/// Every fault between the files.
pub(super) fn faults(pack: &Pack, files: &PackFiles) -> Vec<Fault> {
    let mut check = Check { pack, files, faults: Vec::new() };
    check.items();
    check.quotations();
    check.rules();
    check.exemplars();
    check.questions();
    check.conventions();
    check.crosswalks();
    check.faults
}

struct Check<'a> {
    pack: &'a Pack,
    files: &'a PackFiles,
    faults: Vec<Fault>,
}

impl Check<'_> {
    /// A fault at the line of a file where the words stand.
    fn fault(&mut self, file: &str, words: &str, message: String) {
        self.faults.push(Fault { file: file.to_owned(), line: self.files.line(file, words), message });
    }

    fn items(&mut self) {
        let pack = self.pack;
        for item in pack.items() {
            if item.code.parent().is_some_and(|parent| pack.item(parent).is_none()) {
                let message = format!("{} 没有上级类目", item.code);
                self.fault("classification.toml", &quoted(item.code.as_str()), message);
            }
        }
        let mut seen = BTreeSet::new();
        let inclusions = pack.items().flat_map(|item| item.inclusions.iter().map(|inclusion| &inclusion.id));
        let exclusions = pack.items().flat_map(|item| item.exclusions.iter().map(|clause| &clause.id));
        for id in inclusions.chain(exclusions) {
            if !seen.insert(id) {
                self.fault("classification.toml", &quoted(id), format!("编号 {id} 出现两次"));
            }
        }
    }

    fn quotations(&mut self) {
        let pack = self.pack;
        let source = self.files.text(SOURCE);
        let items = pack.items().flat_map(|item| {
            let inclusions = item.inclusions.iter().flat_map(|inclusion| [&inclusion.name, &inclusion.text]);
            [&item.definition].into_iter().chain(inclusions)
        });
        let sentences = items.chain(pack.clauses().map(|clause| &clause.text));
        for sentence in sentences.filter(|sentence| !source.contains(sentence.as_str())) {
            let file = if self.files.text("guidance.toml").contains(sentence.as_str()) {
                "guidance.toml"
            } else {
                "classification.toml"
            };
            self.fault(file, sentence, format!("引文与官方原文不一致：{sentence}"));
        }
    }

    fn rules(&mut self) {
        let pack = self.pack;
        let mut seen = BTreeSet::new();
        for rule in &pack.rules {
            let file =
                if self.files.text("rules.toml").contains(&quoted(&rule.id)) { "rules.toml" } else { "guidance.toml" };
            let at = quoted(&rule.id);
            if !seen.insert(&rule.id) {
                self.fault(file, &at, format!("规则编号 {} 出现两次", rule.id));
            }
            if pack.clause(&rule.clause).is_none() {
                self.fault(file, &at, format!("规则 {} 所依据的条款 {} 不存在", rule.id, rule.clause));
            }
            let items = rule.items.iter().filter_map(|scope| match scope {
                Scope::Below(code) => Some(*code),
                Scope::Everything => None,
            });
            let targets = match &rule.effect {
                Effect::Redirect(codes) => codes.as_slice(),
                _ => &[],
            };
            for code in items.chain(targets.iter().copied()).filter(|code| pack.item(*code).is_none()) {
                self.fault(file, &at, format!("规则 {} 提到的代码 {code} 不存在", rule.id));
            }
        }
        let ruled: BTreeSet<_> = pack.rules.iter().map(|rule| &rule.clause).collect();
        let unruled: BTreeSet<_> = pack.unruled.iter().map(|unruled| &unruled.clause).collect();
        for id in &unruled {
            if pack.clause(id).is_none() {
                self.fault("rules.toml", &quoted(id), format!("条款 {id} 不存在"));
            }
        }
        for clause in pack.clauses().filter(|clause| !ruled.contains(&clause.id) && !unruled.contains(&clause.id)) {
            let message = format!("条款 {} 既无规则，也未说明为何没有规则", clause.id);
            self.fault("rules.toml", &clause.id, message);
        }
    }

    fn exemplars(&mut self) {
        let pack = self.pack;
        let mut seen = BTreeSet::new();
        let mut counts: BTreeMap<(&str, bool), usize> = BTreeMap::new();
        for exemplar in &pack.exemplars {
            let at = quoted(&exemplar.id);
            if !seen.insert(&exemplar.id) {
                self.fault("exemplars.jsonl", &at, format!("例句编号 {} 出现两次", exemplar.id));
            }
            if !pack.rules.iter().any(|rule| rule.id == exemplar.rule) {
                self.fault("exemplars.jsonl", &at, format!("例句 {} 的规则 {} 不存在", exemplar.id, exemplar.rule));
            }
            if exemplar.label.is_some_and(|label| !pack.can_give(label)) {
                self.fault("exemplars.jsonl", &at, format!("例句 {} 的代码不是小类", exemplar.id));
            }
            *counts.entry((&exemplar.rule, exemplar.caught)).or_default() += 1;
        }
        for rule in &pack.rules {
            for (side, name) in [(true, "应命中"), (false, "应放过")] {
                let count = counts.get(&(rule.id.as_str(), side)).copied().unwrap_or(0);
                if count < EXEMPLARS_A_SIDE {
                    let message = format!("规则 {} {name}的例句只有 {count} 条，至少要 {EXEMPLARS_A_SIDE} 条", rule.id);
                    self.fault("exemplars.jsonl", &quoted(&rule.id), message);
                }
            }
        }
    }

    fn questions(&mut self) {
        let pack = self.pack;
        for question in &pack.questions {
            for label in question.between.into_iter().filter(|label| !pack.can_give(*label)) {
                self.fault("guidance.toml", &question.ask, format!("判别问题里的代码 {label} 不是小类"));
            }
        }
    }

    fn conventions(&mut self) {
        let pack = self.pack;
        let mut seen = BTreeSet::new();
        for convention in &pack.conventions {
            let at = quoted(&convention.id);
            if !seen.insert(&convention.id) {
                self.fault("conventions.toml", &at, format!("惯例编号 {} 出现两次", convention.id));
            }
            for label in convention.codes.iter().chain(&convention.second).filter(|label| !pack.can_give(**label)) {
                self.fault("conventions.toml", &at, format!("惯例 {} 里的代码 {label} 不是小类", convention.id));
            }
            if convention.codes.is_empty() && convention.condition.is_none() {
                self.fault("conventions.toml", &at, format!("惯例 {} 既无代码，也未说明怎么办", convention.id));
            }
        }
    }

    fn crosswalks(&mut self) {
        let pack = self.pack;
        for crosswalk in &pack.crosswalks {
            let file = format!("crosswalks/{}.toml", crosswalk.id);
            let source = self.files.text(&crosswalk.source);
            for domain in crosswalk.domains.iter().filter(|domain| !source.contains(&domain.text)) {
                self.fault(&file, &domain.text, format!("领域“{}”的引文与官方原文不一致", domain.name));
            }
            let named: Vec<Code> = crosswalk.domains.iter().flat_map(|domain| domain.classes.clone()).collect();
            for item in pack.classes() {
                let times = named.iter().filter(|code| **code == item.code).count()
                    + usize::from(crosswalk.none.contains_key(&item.code));
                if times != 1 {
                    self.fault(
                        &file,
                        &quoted(item.code.as_str()),
                        format!("{} 出现 {times} 次，应恰为一次", item.code),
                    );
                }
            }
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
