//! Chinese words by jieba.

use std::sync::LazyLock;

use jieba_rs::Jieba;

static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// The byte offsets in a text at which a word of the dictionary starts, and the text's end.
///
/// Cut without the hidden Markov model: only words that the dictionary knows, single characters otherwise.
pub fn word_boundaries(text: &str) -> Vec<usize> {
    let mut at = 0;
    let mut boundaries = vec![0];
    for token in JIEBA.cut(text, false) {
        at += token.word.len();
        boundaries.push(at);
    }
    boundaries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_inside_another_word_starts_at_no_boundary() {
        let text = "担保安排";
        assert!(!word_boundaries(text).contains(&text.find("保安").unwrap()));
        let text = "聘用保安人员";
        assert!(word_boundaries(text).contains(&text.find("保安").unwrap()));
    }
}
