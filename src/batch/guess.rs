//! Which columns of a table hold the description of the contract: by their headings, and by what stands in them.

/// Headings of a contract's name, the surest first. A heading counts where it contains one of these.
const TITLES: &[&str] = &["合同名称", "项目名称", "采购项目", "标题", "名称", "title", "subject"];
/// Headings of what a contract is about, the surest first.
const BODIES: &[&str] = &[
    "合同主要内容",
    "服务内容",
    "主要内容",
    "合同内容",
    "业务内容",
    "采购内容",
    "采购需求",
    "工作内容",
    "项目内容",
    "标的",
    "合同描述",
    "描述",
    "概况",
    "摘要",
    "简介",
    "说明",
    "内容",
    "文字",
    "text",
    "description",
    "scope",
    "content",
];
/// Words of headings whose columns describe something else, even where they contain one of the above.
const OTHERS: &[&str] = &[
    "单位",
    "公司",
    "企业",
    "客户",
    "供应商",
    "甲方",
    "乙方",
    "部门",
    "人员",
    "联系",
    "地址",
    "国别",
    "国家",
    "编号",
    "代码",
    "日期",
    "时间",
    "金额",
    "币种",
    "备注",
    "类别",
    "类型",
    "status",
    "date",
    "amount",
    "company",
    "buyer",
    "vendor",
];
/// A column whose texts are shorter than this on average, in characters, describes no contract: with a telling heading …
const SHORTEST_NAMED: f64 = 2.0;
/// … and without one.
const SHORTEST: f64 = 5.0;
/// Without a telling heading, the longest column must be this many times as long as the next.
const LEAD: f64 = 2.0;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guess {
    /// These columns, in the order in which their texts are joined: the title first.
    Sure(Vec<usize>),
    /// One of these it may be, the likeliest first; a person has to say.
    Unsure(Vec<usize>),
}

/// Guesses from headings and a sample of rows.
pub fn guess(headings: &[String], sample: &[Vec<String>]) -> Guess {
    let lengths: Vec<f64> = (0..headings.len()).map(|at| text_length(sample, at)).collect();
    let best = |wanted: &[&str]| {
        let rank = |at: usize| wanted.iter().position(|word| heading(headings, at).contains(word));
        let named = (0..headings.len()).filter(|&at| lengths[at] >= SHORTEST_NAMED && !is_other(headings, at));
        // Of two columns with equally sure headings the longer one says more.
        let ranked = named.filter_map(|at| Some((rank(at)?, at)));
        ranked
            .min_by(|one, other| one.0.cmp(&other.0).then(lengths[other.1].total_cmp(&lengths[one.1])))
            .map(|(_, at)| at)
    };
    let (title, body) = (best(TITLES), best(BODIES));
    let mut found: Vec<usize> = title.into_iter().chain(body).collect();
    found.dedup();
    if !found.is_empty() {
        return Guess::Sure(found);
    }
    let mut longest: Vec<usize> = (0..headings.len()).filter(|&at| lengths[at] >= SHORTEST).collect();
    longest.sort_by(|&one, &other| lengths[other].total_cmp(&lengths[one]));
    match longest[..] {
        [only] => Guess::Sure(vec![only]),
        [first, second, ..] if lengths[first] >= LEAD * lengths[second] => Guess::Sure(vec![first]),
        _ => Guess::Unsure(longest),
    }
}

fn heading(headings: &[String], at: usize) -> String {
    headings[at].to_lowercase()
}

fn is_other(headings: &[String], at: usize) -> bool {
    let heading = heading(headings, at);
    // “合同标的单位” is a company, “单位委托的服务内容” is not: what stands last is what the column holds.
    OTHERS.iter().any(|word| heading.trim_end_matches(['）', ')', '：', ':']).ends_with(word))
}

/// The mean number of characters of words in the filled cells of a column; digits and marks are no words.
fn text_length(sample: &[Vec<String>], at: usize) -> f64 {
    let cells = || sample.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.trim().is_empty());
    let words: usize = cells().map(|cell| cell.chars().filter(|character| character.is_alphabetic()).count()).sum();
    match cells().count() {
        0 => 0.0,
        filled => words as f64 / filled as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&[&str]]) -> (Vec<String>, Vec<Vec<String>>) {
        let mut rows = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect());
        (rows.next().unwrap(), rows.collect())
    }

    fn guessed(rows: &[&[&str]]) -> Guess {
        let (headings, sample) = table(rows);
        guess(&headings, &sample)
    }

    #[test]
    fn title_and_body_are_found_by_their_headings_and_the_title_comes_first() {
        let found = guessed(&[
            &["合同编号", "服务内容", "发包方单位", "合同名称", "执行金额"],
            &["HT-1", "为信用卡中心提供热线座席", "某某银行股份有限公司", "客服外包项目", "12.5"],
        ]);
        assert_eq!(found, Guess::Sure(vec![3, 1]));
    }

    #[test]
    fn a_heading_over_numbers_is_not_believed() {
        let found = guessed(&[
            &["项目名称", "内容"],
            &["20250117", "轨道交通信号系统年度维护"],
            &["20250118", "路灯远程控制终端维修"],
        ]);
        assert_eq!(found, Guess::Sure(vec![1]));
    }

    #[test]
    fn a_company_named_under_a_telling_word_is_no_description() {
        let found = guessed(&[
            &["服务内容提供单位", "合同主要内容（简述）"],
            &["某某软件技术服务有限公司上海分公司", "语音数据标注"],
            &["某某软件技术服务有限公司上海分公司", "招聘流程外包"],
        ]);
        assert_eq!(found, Guess::Sure(vec![1]));
    }

    #[test]
    fn without_telling_headings_only_a_clear_lead_is_sure() {
        let clear = guessed(&[&["A", "B"], &["某某公司上海", "为某三甲医院的影像科设备提供两年期全保维修服务"]]);
        assert_eq!(clear, Guess::Sure(vec![1]));
        let close = guessed(&[&["A", "B"], &["某某信息技术有限公司", "影像设备维修服务合同"]]);
        assert_eq!(close, Guess::Unsure(vec![0, 1]));
        assert_eq!(guessed(&[&["A"], &["17"]]), Guess::Unsure(vec![]));
    }
}
