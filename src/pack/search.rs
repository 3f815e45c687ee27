//! Finding one's way in a code book: what holds given words, and what hands over to a code from elsewhere.

use super::{Convention, Effect, Item, Pack, Rule, Scope};
use crate::code::Code;

/// What of a code book holds the words that somebody looks for.
#[derive(Debug)]
pub struct Found<'a> {
    /// Items that hold every word, those that hold it in the name first.
    pub items: Vec<FoundItem<'a>>,
    /// Conventions whose case holds every word.
    pub conventions: Vec<&'a Convention>,
}

/// An item that holds every word.
#[derive(Debug)]
pub struct FoundItem<'a> {
    /// The item.
    pub item: &'a Item,
    /// The ids of its 典型业务 and exclusions that hold one of the words, with their sentences.
    pub sentences: Vec<(&'a str, String)>,
}

impl Found<'_> {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.conventions.is_empty()
    }
}

impl Pack {
    /// What holds these words, whatever their case.
    pub fn search(&self, words: &[String]) -> Found<'_> {
        let all_in = |text: &str| words.iter().all(|word| text.to_lowercase().contains(&word.to_lowercase()));
        let (named, rest): (Vec<&Item>, Vec<&Item>) =
            self.items().filter(|item| all_in(&everything(item))).partition(|item| all_in(&item.name));
        let found = |item| FoundItem { item, sentences: sentences(item, words) };
        Found {
            items: named.into_iter().chain(rest).map(found).collect(),
            conventions: self.conventions.iter().filter(|known| all_in(&known.case)).collect(),
        }
    }

    /// The rules that enforce a clause.
    pub fn rules_of(&self, clause: &str) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.clause == clause)
    }

    /// Why a clause has no rule, where it has none.
    pub fn why_unruled(&self, clause: &str) -> Option<&str> {
        self.unruled.iter().find(|unruled| unruled.clause == clause).map(|unruled| unruled.reason.as_str())
    }

    /// Rules of other items that hand over to this one.
    pub fn handing_to(&self, code: Code) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| {
            let own = rule.items.iter().any(|scope| matches!(scope, Scope::Below(above) if code.contains(*above)));
            !own && matches!(&rule.effect, Effect::Redirect(to) if to.contains(&code))
        })
    }

    /// The items above a code, the division first.
    pub fn above(&self, code: Code) -> Vec<&Item> {
        let codes = std::iter::successors(code.parent(), |code| code.parent());
        let mut path: Vec<&Item> = codes.filter_map(|code| self.item(code)).collect();
        path.reverse();
        path
    }

    /// The items one level below a code.
    pub fn below(&self, code: Code) -> impl Iterator<Item = &Item> {
        self.items().filter(move |item| item.code.parent() == Some(code))
    }
}

fn everything(item: &Item) -> String {
    let inclusions = item.inclusions.iter().map(|inclusion| format!("{}{}", inclusion.name, inclusion.text));
    let exclusions = item.exclusions.iter().map(|clause| clause.text.clone());
    inclusions.chain(exclusions).fold(format!("{}{}", item.name, item.definition), |all, part| all + &part)
}

fn sentences<'a>(item: &'a Item, words: &[String]) -> Vec<(&'a str, String)> {
    let inclusions = item
        .inclusions
        .iter()
        .map(|inclusion| (inclusion.id.as_str(), format!("{}，{}", inclusion.name, inclusion.text)));
    let exclusions = item.exclusions.iter().map(|clause| (clause.id.as_str(), clause.text.clone()));
    let holds_one = |sentence: &str| words.iter().any(|word| sentence.contains(word.as_str()));
    inclusions.chain(exclusions).filter(|(_, sentence)| holds_one(sentence)).collect()
}
