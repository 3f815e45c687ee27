//! Segmentation: a text becomes passages that the encoder can read whole, each with its kind.
//!
//! The levels are those of contracts: line and heading (第X条, 一、, （一）), sentence, clause, character. A level is
//! split only where the one above does not fit. What fits is measured by the encoder's own token count.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// What a passage is about, which says how much it tells of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PassageKind {
    /// The name of the contract or project.
    Title,
    /// 合同标的, 服务内容, 采购需求: what is to be done.
    Services,
    /// Anything not recognised.
    Plain,
    /// Price and payment.
    Price,
    /// Liability, confidentiality, disputes, signatures, qualifications of bidders.
    Boilerplate,
}

/// A stretch of the normalised text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Its bytes in the normalised text.
    pub range: Range<usize>,
    /// Its kind.
    pub kind: PassageKind,
}

/// The start of an article, chapter or numbered paragraph.
static HEADING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:第[一二三四五六七八九十百0-9]+[条章节]|[一二三四五六七八九十]+、|\([一二三四五六七八九十0-9]+\)|[0-9]{1,2}(?:\.[0-9]{1,2})*[.、 ])\s*")
        .expect("a constant expression")
});

/// Words in the first characters of a line that show its kind; the first kind whose words are found counts.
const CUES: [(PassageKind, &[&str]); 3] = [
    (
        PassageKind::Services,
        &[
            "服务内容",
            "工作内容",
            "采购内容",
            "项目内容",
            "主要内容",
            "合同内容",
            "服务范围",
            "工作范围",
            "采购范围",
            "招标范围",
            "合同标的",
            "标的",
            "服务事项",
            "委托事项",
            "采购需求",
            "服务需求",
            "项目概况",
            "项目名称",
            "合同名称",
            "scope of work",
            "scope of services",
        ],
    ),
    (
        PassageKind::Price,
        &[
            "合同价款",
            "服务费用",
            "付款",
            "支付方式",
            "结算方式",
            "合同金额",
            "报价",
            "预算",
            "最高限价",
            "税率",
            "发票",
        ],
    ),
    (
        PassageKind::Boilerplate,
        &[
            "违约",
            "争议",
            "仲裁",
            "诉讼",
            "保密",
            "不可抗力",
            "签字",
            "盖章",
            "生效",
            "合同期限",
            "附则",
            "通知与送达",
            "权利义务",
            "权利和义务",
            "双方权利",
            "知识产权归属",
            "廉洁",
            "投标人资格",
            "资格要求",
            "资格条件",
            "联合体",
            "招标文件",
            "投标文件",
            "响应文件",
            "评标",
            "开标",
            "公告媒介",
            "联系方式",
            "联系人",
            "电话",
            "地址",
            "开户",
            "账号",
            "甲方(",
            "乙方(",
            "甲方:",
            "乙方:",
            "日期",
        ],
    ),
];

/// A cue counts within this many characters of the start of a line.
const CUE_WITHIN: usize = 14;
/// A first line up to this many characters is a title.
const LONGEST_TITLE: usize = 60;

/// Splits a normalised text into passages of at most `limit` tokens, in order, covering every character that is not
/// blank. `tokens` counts as the encoder does.
pub fn segment(text: &str, limit: usize, tokens: &dyn Fn(&str) -> usize) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    let mut kind = PassageKind::Plain;
    for (index, line) in lines(text).enumerate() {
        let words = &text[line.clone()];
        let heading = HEADING.is_match(words);
        kind = match cue(words) {
            Some(found) => found,
            None if index == 0 && words.chars().count() <= LONGEST_TITLE => PassageKind::Title,
            // A new article without a cue is about something else; a plain line continues the one before.
            None if heading || kind == PassageKind::Title => PassageKind::Plain,
            None => kind,
        };
        for piece in fitting(text, line, limit, tokens, &LEVELS) {
            match passages.last_mut() {
                Some(last) if last.kind == kind && tokens(&text[last.range.start..piece.end]) <= limit => {
                    last.range.end = piece.end;
                }
                _ => passages.push(Passage { range: piece, kind }),
            }
        }
    }
    passages
}

/// The lines of a text that hold anything.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        let trimmed = line.trim_end();
        (!trimmed.is_empty()).then(|| start..start + trimmed.len())
    })
}

fn cue(line: &str) -> Option<PassageKind> {
    let start: String = line.chars().take(CUE_WITHIN).flat_map(char::to_lowercase).collect();
    CUES.iter().find(|(_, words)| words.iter().any(|word| start.contains(word))).map(|(kind, _)| *kind)
}

/// Ends of sentences, then of clauses: what a piece is split at when it does not fit.
const LEVELS: [&[char]; 2] = [&['。', ';', '!', '?'], &[',', '、', ':', ' ']];

/// The range in pieces that fit, split at the highest level that makes them fit.
fn fitting(
    text: &str,
    range: Range<usize>,
    limit: usize,
    tokens: &dyn Fn(&str) -> usize,
    levels: &[&[char]],
) -> Vec<Range<usize>> {
    if tokens(&text[range.clone()]) <= limit {
        return vec![range];
    }
    let Some((marks, lower)) = levels.split_first() else {
        return by_characters(text, range, limit, tokens);
    };
    let mut pieces = Vec::new();
    let mut start = range.start;
    for part in text[range].split_inclusive(*marks) {
        let end = start + part.len();
        pieces.extend(fitting(text, start..end, limit, tokens, lower));
        start = end;
    }
    // Join what was split too finely.
    let mut joined: Vec<Range<usize>> = Vec::new();
    for piece in pieces {
        match joined.last_mut() {
            Some(last) if tokens(&text[last.start..piece.end]) <= limit => last.end = piece.end,
            _ => joined.push(piece),
        }
    }
    joined
}

/// A run without any mark, halved until the pieces fit; a single character always counts as fitting.
fn by_characters(text: &str, range: Range<usize>, limit: usize, tokens: &dyn Fn(&str) -> usize) -> Vec<Range<usize>> {
    let words = &text[range.clone()];
    let count = words.chars().count();
    if count <= 1 || tokens(words) <= limit {
        return vec![range];
    }
    let middle = words.char_indices().nth(count / 2).map_or(range.end, |(at, _)| range.start + at);
    let mut pieces = by_characters(text, range.start..middle, limit, tokens);
    pieces.extend(by_characters(text, middle..range.end, limit, tokens));
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(text: &str) -> usize {
        text.chars().count()
    }

    fn kinds(text: &str, limit: usize) -> Vec<(PassageKind, &str)> {
        segment(text, limit, &count).into_iter().map(|passage| (passage.kind, &text[passage.range])).collect()
    }

    #[test]
    fn a_short_text_is_one_passage() {
        assert_eq!(kinds("客服热线外包项目", 100), [(PassageKind::Title, "客服热线外包项目")]);
    }

    #[test]
    fn a_contract_falls_into_title_services_and_the_rest() {
        let text = "客服外包合同\n第一条 服务内容:提供座席。\n含培训。\n第二条 付款方式:按月。\n第三条 违约责任:见附件。\n第四条 其他。";
        let found: Vec<_> = kinds(text, 100).into_iter().map(|(kind, _)| kind).collect();
        use PassageKind::{Boilerplate, Plain, Price, Services, Title};
        assert_eq!(found, [Title, Services, Price, Boilerplate, Plain]);
    }

    proptest! {
        #[test]
        fn passages_are_in_order_cover_every_word_and_fit(
            text in "[一二三服务内容付款违约。，,;:、\n a-z第条]{0,200}",
            limit in 2_usize..40,
        ) {
            let passages = segment(&text, limit, &count);
            let mut at = 0;
            for passage in &passages {
                prop_assert!(passage.range.start >= at);
                prop_assert!(text[at..passage.range.start].trim().is_empty());
                prop_assert!(count(&text[passage.range.clone()]) <= limit);
                at = passage.range.end;
            }
            prop_assert!(text[at..].trim().is_empty());
        }
    }
}
