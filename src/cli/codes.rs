//! `waibao codes`: the code book, browsed by codes and ids or searched by words.

use std::io::Write;
use std::process::ExitCode;

use unicode_normalization::UnicodeNormalization;
use waibao::code::Level;
use waibao::pack::{Clause, Convention, Effect, Inclusion, Item, Pack, Rule};
use waibao::{Code, Error, Label};

use super::args::CodesArgs;
use super::{Done, Failure};

/// What a word names.
enum Named<'a> {
    Item(&'a Item),
    Inclusion(&'a Item, &'a Inclusion),
    Exclusion(&'a Item, &'a Clause),
    OutOfScope,
}

pub(super) fn run(args: &CodesArgs, out: &mut dyn Write) -> Done {
    let pack = args.pack.as_deref().map_or_else(Pack::embedded, Pack::open)?;
    if args.query.is_empty() {
        writeln!(out, "{}", pack.title)?;
        for item in pack.items() {
            line(item, out)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    // As the code book writes them, whatever keyboard they come from.
    let words: Vec<String> = args.query.iter().map(|word| word.trim().nfkc().collect()).collect();
    match words.iter().map(|word| named(&pack, word)).collect::<Result<Option<Vec<_>>, _>>()? {
        Some(named) => {
            for (at, named) in named.iter().enumerate() {
                if at > 0 {
                    writeln!(out)?;
                }
                show(&pack, named, out)?;
            }
        }
        None => search(&pack, &args.query, &words, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What has this code or id; nothing, where it is neither but a word. A code that the pack does not have is an error.
fn named<'a>(pack: &'a Pack, word: &str) -> Result<Option<Named<'a>>, Error> {
    let word = word.to_uppercase();
    if word == Label::OutOfScope.to_string() {
        return Ok(Some(Named::OutOfScope));
    }
    if let Ok(code) = word.parse::<Code>() {
        let unknown = || Error::Argument(format!("分类包 {} 里没有代码 {code}。运行 waibao codes 列出全部", pack.id));
        return pack.item(code).map(|item| Some(Named::Item(item))).ok_or_else(unknown);
    }
    let is = |id: &str| id.eq_ignore_ascii_case(&word);
    Ok(pack.items().find_map(|item| {
        let inclusion = item.inclusions.iter().find(|inclusion| is(&inclusion.id));
        let exclusion = || item.exclusions.iter().find(|clause| is(&clause.id));
        inclusion
            .map(|inclusion| Named::Inclusion(item, inclusion))
            .or_else(|| exclusion().map(|clause| Named::Exclusion(item, clause)))
    }))
}

fn show(pack: &Pack, named: &Named<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    match named {
        Named::Item(item) => entry(pack, item, out),
        Named::Inclusion(item, known) => {
            head(pack, item, out)?;
            writeln!(out, "\n典型业务")?;
            inclusion(known, out)
        }
        Named::Exclusion(item, clause) => {
            head(pack, item, out)?;
            writeln!(out, "\n不包括")?;
            exclusion(pack, clause, out)
        }
        Named::OutOfScope => {
            writeln!(out, "{} {}", Label::OutOfScope, pack.name(Label::OutOfScope))?;
            incoming(pack, pack.rules.iter().filter(|rule| rule.effect == Effect::Out), out)?;
            let known = |label: &Label| *label == Label::OutOfScope;
            conventions(pack.conventions.iter().filter(|case| case.codes.iter().chain(&case.second).any(known)), out)
        }
    }
}

fn line(item: &Item, out: &mut dyn Write) -> std::io::Result<()> {
    let indent = match item.code.level() {
        Level::Division => "",
        Level::Group => "  ",
        Level::Class => "    ",
    };
    writeln!(out, "{indent}{} {}", item.code, item.name)
}

/// An item, and what stands above it.
fn head(pack: &Pack, item: &Item, out: &mut dyn Write) -> std::io::Result<()> {
    let path: Vec<String> = pack.above(item.code).iter().map(|up| format!("{} {}", up.code, up.name)).collect();
    writeln!(out, "{} {}", item.code, item.name)?;
    if !path.is_empty() {
        writeln!(out, "{}", path.join(" › "))?;
    }
    Ok(())
}

/// Everything that the pack says of a code.
fn entry(pack: &Pack, item: &Item, out: &mut dyn Write) -> std::io::Result<()> {
    head(pack, item, out)?;
    writeln!(out, "\n定义\n  {}", item.definition)?;
    let below: Vec<&Item> = pack.below(item.code).collect();
    if !below.is_empty() {
        writeln!(out, "\n下级")?;
        for other in below {
            writeln!(out, "  {} {}", other.code, other.name)?;
        }
    }
    if !item.inclusions.is_empty() {
        writeln!(out, "\n典型业务")?;
        item.inclusions.iter().try_for_each(|known| inclusion(known, out))?;
    }
    if !item.exclusions.is_empty() {
        writeln!(out, "\n不包括")?;
        item.exclusions.iter().try_for_each(|clause| exclusion(pack, clause, out))?;
    }
    incoming(pack, pack.handing_to(item.code), out)?;
    if item.code.level() == Level::Class {
        conventions(pack.conventions_of(item.code), out)?;
        writeln!(out, "\n重点领域")?;
        for crosswalk in &pack.crosswalks {
            match pack.key_domain(&crosswalk.id, item.code) {
                Some(domain) => {
                    writeln!(out, "  {}：{}. {}\n    {}", crosswalk.title, domain.number, domain.name, domain.text)?
                }
                None => {
                    let reason = crosswalk.none.get(&item.code).map_or("", String::as_str);
                    writeln!(out, "  {}：无（{reason}）", crosswalk.title)?;
                }
            }
        }
    }
    Ok(())
}

fn inclusion(known: &Inclusion, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "  {:<6} {}：{}", known.id, known.name, known.text)
}

/// An exclusion, and the rules that enforce it.
fn exclusion(pack: &Pack, clause: &Clause, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "  {:<7} {}", clause.id, clause.text)?;
    for rule in pack.rules_of(&clause.id) {
        writeln!(out, "          规则 {}（→ {}）：{}", rule.id, rule.effect.target(), rule.note)?;
    }
    if let Some(reason) = pack.why_unruled(&clause.id) {
        writeln!(out, "          无规则：{reason}")?;
    }
    Ok(())
}

/// Rules of elsewhere that hand over.
fn incoming<'a>(pack: &Pack, rules: impl Iterator<Item = &'a Rule>, out: &mut dyn Write) -> std::io::Result<()> {
    let mut head = false;
    for rule in rules {
        if !head {
            writeln!(out, "\n由别处转入")?;
            head = true;
        }
        let text = pack.clause(&rule.clause).map_or("", |clause| &clause.text);
        writeln!(out, "  {:<7} {text}", rule.id)?;
    }
    Ok(())
}

/// How cases are coded for which the official text leaves room.
fn conventions<'a>(known: impl Iterator<Item = &'a Convention>, out: &mut dyn Write) -> std::io::Result<()> {
    let mut head = false;
    for convention in known {
        if !head {
            writeln!(out, "\n编码惯例")?;
            head = true;
        }
        convention_line(convention, out)?;
    }
    Ok(())
}

fn convention_line(convention: &Convention, out: &mut dyn Write) -> std::io::Result<()> {
    let join = |labels: &[Label]| labels.iter().map(Label::to_string).collect::<Vec<_>>().join("、");
    let codes = match convention.codes.as_slice() {
        [] => String::new(),
        codes => format!(" → {}", join(codes)),
    };
    let second = match convention.second.as_slice() {
        [] => String::new(),
        second => format!("，也可 {}", join(second)),
    };
    writeln!(out, "  {:<6} {}{codes}{second}", convention.id, convention.case)?;
    if let Some(condition) = &convention.condition {
        writeln!(out, "         {condition}")?;
    }
    writeln!(out, "         依据：{}", convention.basis)
}

/// What holds every word: as it was typed, for so the official text writes its punctuation, or in the plain form.
fn search(pack: &Pack, typed: &[String], plain: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let found = [typed, plain].into_iter().map(|words| pack.search(words)).find(|found| !found.is_empty());
    let Some(found) = found else {
        let problem = format!("没有找到“{}”。请换一个词，或运行 waibao codes 列出全部代码", typed.join(" "));
        return Err(Error::Argument(problem).into());
    };
    for known in &found.items {
        writeln!(out, "{} {}", known.item.code, known.item.name)?;
        for (id, sentence) in &known.sentences {
            writeln!(out, "    {id:<7} {sentence}")?;
        }
    }
    if !found.conventions.is_empty() {
        writeln!(out, "编码惯例")?;
        found.conventions.into_iter().try_for_each(|convention| convention_line(convention, out))?;
    }
    Ok(())
}
