//! The files of a pack as they lie on disk, and their translation into a [`Pack`].

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::shapes::{
    ClassificationToml, ConventionsToml, CrosswalkToml, EffectToml, ExemplarJson, GuidanceToml, PackToml, RuleToml,
    RulesToml, Side, Versioned,
};
use super::{Effect, Exemplar, Pack, Pattern, Question, Rule, Scope, Unruled};
use crate::error::{Error, Fault, Result};

/// The version of the pack format that this program reads.
const FORMAT_VERSION: u32 = 1;

/// Names and contents of the files of a pack.
#[derive(Debug, Clone)]
pub struct PackFiles(BTreeMap<String, String>);

/// The files compiled in: name and content.
macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../packs/mofcom-2022/", $name)))),+]
    };
}

impl PackFiles {
    /// The pack that is compiled in.
    pub fn embedded() -> Self {
        let files = embedded![
            "pack.toml",
            "classification.toml",
            "rules.toml",
            "guidance.toml",
            "conventions.toml",
            "exemplars.jsonl",
            "crosswalks/national-2018.toml",
            "crosswalks/national-2022.toml",
            "crosswalks/shanghai-2016.toml",
            "source/directory-2018.txt",
            "source/directory-2022.txt",
            "source/guidance-2022.txt",
            "source/shanghai-2016.txt",
            "source/zhengzhou-2020.txt",
        ];
        Self(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    /// The files of a directory: `*.toml`, `*.jsonl`, `crosswalks/*.toml`, `source/*.txt`.
    ///
    /// # Errors
    /// [`Error::File`] where the directory or a file of it cannot be read.
    pub fn read(dir: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        for (folder, extensions) in [("", &["toml", "jsonl"][..]), ("crosswalks", &["toml"]), ("source", &["txt"])] {
            let path = dir.join(folder);
            if !folder.is_empty() && !path.exists() {
                continue;
            }
            for entry in std::fs::read_dir(&path).map_err(|error| Error::file(&path, "读取", error))? {
                let file = entry.map_err(|error| Error::file(&path, "读取", error))?.path();
                let known = file.extension().is_some_and(|found| extensions.iter().any(|known| found == *known));
                let Some(name) = file.file_name().and_then(|name| name.to_str()).filter(|_| known) else { continue };
                let name = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                let text = std::fs::read_to_string(&file).map_err(|error| Error::file(&file, "读取", error))?;
                files.insert(name, text);
            }
        }
        Ok(Self(files))
    }

    /// The same files with one replaced or added.
    pub fn with(mut self, name: &str, text: &str) -> Self {
        self.0.insert(name.to_owned(), text.to_owned());
        self
    }

    /// The content of a file; nothing where it is missing.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The first line, from 1, of a file that holds the words; 1 where none does.
    pub(super) fn line(&self, name: &str, words: &str) -> usize {
        self.text(name).lines().position(|line| line.contains(words)).map_or(1, |at| at + 1)
    }

    fn names_under(&self, folder: &str) -> impl Iterator<Item = &str> {
        self.0.keys().filter(move |name| name.starts_with(folder)).map(String::as_str)
    }

    fn hash(&self, wanted: impl Fn(&str) -> bool) -> String {
        let mut hasher = Sha256::new();
        for (name, text) in self.0.iter().filter(|(name, _)| wanted(name)) {
            hasher.update(name);
            hasher.update([0]);
            hasher.update(text);
            hasher.update([0]);
        }
        crate::hex(&hasher.finalize())
    }

    /// Reads everything; what cannot be read is a fault, and without the main files there is no pack.
    pub(super) fn parse(&self) -> (Option<Pack>, Vec<Fault>) {
        let mut reader = Reader { files: self, faults: Vec::new() };
        let head: Option<PackToml> = reader.toml("pack.toml");
        let classification: Option<ClassificationToml> = reader.toml("classification.toml");
        let rules: Option<RulesToml> = reader.toml("rules.toml");
        let guidance: Option<GuidanceToml> = reader.toml("guidance.toml");
        let conventions: Option<ConventionsToml> = reader.toml("conventions.toml");
        let exemplars = reader.exemplars("exemplars.jsonl");
        let names: Vec<_> = self.names_under("crosswalks/").collect();
        let crosswalks = names.iter().filter_map(|name| reader.toml(name).map(CrosswalkToml::into)).collect();
        let (Some(head), Some(classification), Some(rules), Some(guidance), Some(conventions)) =
            (head, classification, rules, guidance, conventions)
        else {
            return (None, reader.faults);
        };

        let mut clauses = BTreeMap::new();
        let own = classification.items.iter().flat_map(|item| &item.exclusions);
        for clause in own.chain(&classification.general).chain(&guidance.principles) {
            clauses.insert(clause.id.clone(), clause.clone().into());
        }
        let mut all_rules = Vec::new();
        for (file, raw) in rules
            .rules
            .into_iter()
            .map(|rule| ("rules.toml", rule))
            .chain(guidance.rules.into_iter().map(|rule| ("guidance.toml", rule)))
        {
            all_rules.extend(reader.rule(file, raw));
        }
        let pack = Pack {
            hash: self.hash(|_| true),
            rules_hash: self.hash(|name| matches!(name, "rules.toml" | "guidance.toml")),
            id: head.id,
            title: head.title,
            authority: head.authority,
            edition: head.edition,
            issued: head.issued,
            levels: head.levels,
            negations: rules.negations,
            generic: longest_first(guidance.generic),
            negations_after: rules.negations_after,
            rules: all_rules,
            unruled: rules.unruled.into_iter().map(|raw| Unruled { clause: raw.clause, reason: raw.reason }).collect(),
            questions: guidance
                .questions
                .into_iter()
                .map(|raw| Question { between: raw.between, ask: raw.ask })
                .collect(),
            conventions: conventions.conventions.into_iter().map(Into::into).collect(),
            exemplars,
            crosswalks,
            items: classification.items.into_iter().map(|item| (item.code, item.into())).collect(),
            clauses,
        };
        (Some(pack), reader.faults)
    }
}

/// Reads files and collects their faults.
struct Reader<'a> {
    files: &'a PackFiles,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, file: &str, line: usize, message: impl Into<String>) {
        self.faults.push(Fault { file: file.to_owned(), line, message: message.into() });
    }

    fn toml<T: DeserializeOwned + Versioned>(&mut self, name: &str) -> Option<T> {
        let Some(text) = self.files.0.get(name) else {
            self.fault(name, 1, "缺少此文件");
            return None;
        };
        match toml::from_str::<T>(text) {
            Ok(value) if value.format_version() == FORMAT_VERSION => Some(value),
            Ok(value) => {
                let line = self.files.line(name, "format_version");
                let message = format!("format_version 为 {}，本程序只认 {FORMAT_VERSION}", value.format_version());
                self.fault(name, line, message);
                None
            }
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start.min(text.len()));
                let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
                self.fault(name, line, format!("格式错误：{}", error.message()));
                None
            }
        }
    }

    fn exemplars(&mut self, name: &str) -> Vec<Exemplar> {
        let mut exemplars = Vec::new();
        for (at, line) in self.files.text(name).lines().enumerate() {
            match serde_json::from_str::<ExemplarJson>(line) {
                Ok(raw) => exemplars.push(Exemplar {
                    id: raw.id,
                    rule: raw.rule,
                    caught: raw.side == Side::Catch,
                    text: raw.text,
                    label: raw.code,
                }),
                Err(error) => self.fault(name, at + 1, format!("格式错误：{error}")),
            }
        }
        exemplars
    }

    /// A rule, unless its patterns or its effect are wrong.
    fn rule(&mut self, file: &str, raw: RuleToml) -> Option<Rule> {
        let id = raw.id.get_ref().clone();
        let line = line_at(self.files.text(file), raw.id.span().start);
        let effect = match (raw.effect, raw.to) {
            (EffectToml::Redirect, Some(to)) if !to.is_empty() => Effect::Redirect(to),
            (EffectToml::Redirect, _) => {
                self.fault(file, line, format!("规则 {id} 的 effect 为 redirect，须写 to"));
                return None;
            }
            (_, Some(_)) => {
                self.fault(file, line, format!("规则 {id}：只有 effect 为 redirect 时才写 to"));
                return None;
            }
            (EffectToml::Out, None) => Effect::Out,
            (EffectToml::Note, None) => Effect::Note,
            (EffectToml::Review, None) => Effect::Review,
        };
        let items: Vec<Scope> = raw.items.into_iter().map(|scope| scope.0).collect();
        if items.is_empty() || raw.trigger.is_empty() {
            self.fault(file, line, format!("规则 {id} 的 items 和 trigger 不得为空"));
        }
        let mut patterns = |sources: Vec<String>| -> Vec<Pattern> {
            let (good, bad): (Vec<_>, Vec<_>) =
                sources.iter().map(|source| Pattern::new(source)).partition(Result::is_ok);
            for message in bad.into_iter().filter_map(Result::err) {
                self.fault(file, line, format!("规则 {id}：{message}"));
            }
            good.into_iter().flatten().collect()
        };
        Some(Rule {
            trigger: patterns(raw.trigger),
            also: patterns(raw.also),
            unless: patterns(raw.unless),
            id: id.clone(),
            clause: raw.clause,
            items,
            effect,
            tie: raw.tie,
            note: raw.note,
        })
    }
}

fn longest_first(mut words: Vec<String>) -> Vec<String> {
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}
