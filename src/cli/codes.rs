//! `waibao codes`: the code book, browsed by code or searched by words.

use std::io::Write;
use std::process::ExitCode;

use waibao::code::Level;
use waibao::pack::{Convention, Item, Pack};
use waibao::{Code, Error, Label};

use super::Done;
use super::args::CodesArgs;

pub(super) fn run(args: &CodesArgs, out: &mut dyn Write) -> Done {
    let pack = args.pack.as_deref().map_or_else(Pack::embedded, Pack::open)?;
    if args.query.is_empty() {
        writeln!(out, "{}", pack.title)?;
        for item in pack.items() {
            line(item, out)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let code = match args.query.as_slice() {
        [one] => one.to_uppercase().parse::<Code>().ok(),
        _ => None,
    };
    match code {
        Some(code) => {
            let unknown =
                || Error::Argument(format!("分类包 {} 里没有代码 {code}。运行 waibao codes 列出全部", pack.id));
            let item = pack.item(code).ok_or_else(unknown)?;
            entry(&pack, item, out)?;
        }
        None => search(&pack, &args.query, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn line(item: &Item, out: &mut dyn Write) -> std::io::Result<()> {
    let indent = match item.code.level() {
        Level::Division => "",
        Level::Group => "  ",
        Level::Class => "    ",
    };
    writeln!(out, "{indent}{} {}", item.code, item.name)
}

/// Everything that the pack says of a code.
fn entry(pack: &Pack, item: &Item, out: &mut dyn Write) -> std::io::Result<()> {
    let path: Vec<String> = pack.above(item.code).iter().map(|up| format!("{} {}", up.code, up.name)).collect();
    writeln!(out, "{} {}", item.code, item.name)?;
    if !path.is_empty() {
        writeln!(out, "{}", path.join(" › "))?;
    }
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
        for inclusion in &item.inclusions {
            writeln!(out, "  {:<6} {}：{}", inclusion.id, inclusion.name, inclusion.text)?;
        }
    }
    if !item.exclusions.is_empty() {
        writeln!(out, "\n不包括")?;
        for clause in &item.exclusions {
            writeln!(out, "  {:<7} {}", clause.id, clause.text)?;
            for rule in pack.rules_of(&clause.id) {
                writeln!(out, "          规则 {}（→ {}）：{}", rule.id, rule.effect.target(), rule.note)?;
            }
            if let Some(reason) = pack.why_unruled(&clause.id) {
                writeln!(out, "          无规则：{reason}")?;
            }
        }
    }
    incoming(pack, item, out)?;
    conventions(pack, item, out)?;
    if item.code.level() == Level::Class {
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

/// Rules of other items that hand over to this one.
fn incoming(pack: &Pack, item: &Item, out: &mut dyn Write) -> std::io::Result<()> {
    let mut head = false;
    for rule in pack.handing_to(item.code) {
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
fn conventions(pack: &Pack, item: &Item, out: &mut dyn Write) -> std::io::Result<()> {
    if item.code.level() != Level::Class {
        return Ok(());
    }
    let mut head = false;
    for convention in pack.conventions_of(item.code) {
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

/// What holds every word.
fn search(pack: &Pack, words: &[String], out: &mut dyn Write) -> std::io::Result<()> {
    let found = pack.search(words);
    if found.is_empty() {
        return writeln!(out, "没有找到“{}”", words.join(" "));
    }
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
