//! The labelling form of a Label Studio project (XML): which field of a task holds the text, and which choice means which
//! class.

use crate::code::Label;

/// What of a form matters here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LabellingForm {
    /// The name of the `Choices`.
    pub(super) control: String,
    /// The name of the `Text` that they belong to.
    pub(super) object: String,
    /// The field of a task that holds the text.
    pub(super) field: String,
    choices: Vec<Choice>,
}

#[derive(Debug, PartialEq, Eq)]
struct Choice {
    /// What a person reads: `B21`, or `B21 数据处理服务`.
    shown: String,
    /// What stands in a result.
    given: String,
}

impl LabellingForm {
    /// The first `Choices` that belong to a `Text`.
    pub(super) fn read(config: &str) -> Option<Self> {
        let tags = tags(config);
        let objects = tags.iter().filter(|tag| tag.name == "Text");
        let objects: Vec<(&str, &str)> =
            objects.filter_map(|tag| Some((tag.value("name")?, tag.value("value")?.strip_prefix('$')?))).collect();
        tags.iter().enumerate().filter(|(_, tag)| tag.name == "Choices").find_map(|(at, tag)| {
            let belongs = |(name, _): &&(&str, &str)| tag.value("toName") == Some(name);
            let (object, field) = objects.iter().find(belongs)?;
            let inside = tags[at + 1..].iter().take_while(|tag| tag.name != "/Choices");
            let choices = inside.filter(|tag| tag.name == "Choice").filter_map(Choice::read).collect();
            let control = tag.value("name")?.to_owned();
            Some(Self { control, object: (*object).to_owned(), field: (*field).to_owned(), choices })
        })
    }

    /// What a result must say for a label; none where the form has no such choice.
    pub(super) fn choice(&self, label: Label) -> Option<&str> {
        self.choices.iter().find(|choice| meant(&choice.shown) == Some(label)).map(|choice| choice.given.as_str())
    }

    /// What a choice of a result means.
    pub(super) fn label(&self, given: &str) -> Option<Label> {
        meant(&self.choices.iter().find(|choice| choice.given == given)?.shown)
    }
}

impl Choice {
    fn read(tag: &Tag) -> Option<Self> {
        let shown = tag.value("value")?.to_owned();
        let given = tag.value("alias").map_or_else(|| shown.clone(), str::to_owned);
        Some(Self { shown, given })
    }
}

/// The label that a choice begins with.
fn meant(shown: &str) -> Option<Label> {
    if shown.starts_with("不属于") {
        return Some(Label::OutOfScope);
    }
    let end = shown.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(shown.len());
    shown[..end].parse().ok()
}

/// A tag with its attributes; one that closes has a slash before its name.
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn value(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The tags of a text, in order. Comments, declarations and text are passed over, so that no entity can be declared.
fn tags(text: &str) -> Vec<Tag> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let (tag, after) = until_closed(after);
        let end = tag.find(char::is_whitespace).unwrap_or(tag.len());
        let name = tag[..end].trim_end_matches('/').to_owned();
        found.push(Tag { name, attributes: attributes(&tag[end..]) });
        rest = after;
    }
    found
}

/// A text up to the first `>` outside of quotation marks, and what follows.
fn until_closed(text: &str) -> (&str, &str) {
    let mut quoted = None;
    for (at, letter) in text.char_indices() {
        match quoted {
            None if letter == '>' => return (&text[..at], &text[at + 1..]),
            None if matches!(letter, '"' | '\'') => quoted = Some(letter),
            Some(mark) if mark == letter => quoted = None,
            _ => {}
        }
    }
    (text, "")
}

fn attributes(text: &str) -> Vec<(String, String)> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.split_whitespace().next_back().unwrap_or_default();
        let value = after.trim_start();
        let Some(mark) = value.chars().next().filter(|mark| matches!(mark, '"' | '\'')) else {
            rest = after;
            continue;
        };
        let Some((value, after)) = value[1..].split_once(mark) else { break };
        found.push((name.to_owned(), plain(value)));
        rest = after;
    }
    found
}

/// A value without the five entities that XML knows by itself.
fn plain(value: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(value.to_owned(), |value, (entity, letter)| value.replace(entity, letter))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: &str = r#"<View>
        <!-- <Choices name="old" toName="contract"><Choice value="A11"/></Choices> -->
        <Text name="contract" value="$text"/>
        <Choices name="class" toName='contract' choice="single" required = "true">
            <Choice value="B21 数据处理 &amp; 服务" alias="b-21"/>
            <Choice value="B2"/>
            <Choice value="B22"></Choice>
            <Choice value="不属于服务外包"/>
        </Choices>
        <Choices name="other" toName="contract"><Choice value="I11"/></Choices>
    </View>"#;

    #[test]
    fn the_form_says_where_the_text_is_and_what_a_choice_means() {
        let form = LabellingForm::read(FORM).unwrap();
        assert_eq!((form.control.as_str(), form.object.as_str(), form.field.as_str()), ("class", "contract", "text"));
        assert_eq!(form.choice("B21".parse().unwrap()), Some("b-21"));
        assert_eq!(form.choice("B22".parse().unwrap()), Some("B22"));
        assert_eq!(form.choice(Label::OutOfScope), Some("不属于服务外包"));
        assert_eq!(form.choice("I11".parse().unwrap()), None);
        assert_eq!(form.label("b-21"), "B21".parse().ok());
        assert_eq!(form.label("B21 数据处理 & 服务"), None);
    }

    #[test]
    fn entities_are_not_expanded() {
        let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><View><Text name="t" value="$&b;"/>
            <Choices name="c" toName="t"><Choice value="&b;"/></Choices></View>"#;
        let form = LabellingForm::read(bomb).unwrap();
        assert_eq!(form.field, "&b;");
    }

    #[test]
    fn a_form_without_text_or_choices_is_none() {
        assert_eq!(LabellingForm::read("<View><Image name='i' value='$u'/></View>"), None);
        assert_eq!(LabellingForm::read("<Choices name='c' toName='t'><Choice value='B21'/></Choices>"), None);
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(text in "[<>/!=\"' a-zA-Z\\-&;$文]{0,80}") {
            LabellingForm::read(&text);
        }

        #[test]
        fn what_is_chosen_for_a_label_means_the_label(code in "[A-Z][0-9]{2}", name in "[ ：:（]?[\u{4e00}-\u{4eff}]{0,6}") {
            let config = format!("<Text name='t' value='$x'/><Choices name='c' toName='t'><Choice value='{code}{name}'/></Choices>");
            let form = LabellingForm::read(&config).unwrap();
            let label = code.parse().unwrap();
            prop_assert_eq!(form.choice(label).and_then(|given| form.label(given)), Some(label));
        }
    }
}
