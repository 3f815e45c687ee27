//! Classification of a column: over Arrow arrays, whatever their kind, as text by text.

use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, LargeStringArray, StringArray, StringViewArray};
use waibao::Classifier;
use waibao::batch::{COLUMNS, classify_column};
use waibao::record::Record;

static CLASSIFIER: LazyLock<Classifier> = LazyLock::new(|| waibao::load::embedded().unwrap());

const TEXTS: [Option<&str>; 6] = [
    Some("为银行信用卡中心提供客服热线座席"),
    None,
    Some(" "),
    Some("模拟芯片版图设计"),
    Some("客服"),
    Some("模拟芯片版图设计"),
];

fn check(texts: &dyn Array) {
    let found = classify_column(&CLASSIFIER, texts, 2).unwrap();
    assert_eq!((found.len(), found.column_names()), (texts.len(), COLUMNS.to_vec()));
    let cell = |column: &str, at: usize| found.column_by_name(column).unwrap().slice(at, 1);
    for (at, text) in TEXTS.iter().enumerate() {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            assert_eq!(found.is_null(at), text.is_none());
            assert!(cell("代码", at).is_null(0));
            assert_eq!(cell("出错原因", at).is_null(0), text.is_none());
            continue;
        };
        let record = Record::new(&CLASSIFIER, None, text, &CLASSIFIER.classify(text).unwrap(), 1);
        let first = record.candidates.first();
        assert_eq!(cell("代码", at).as_string_opt::<i32>().map(|cells| cells.is_null(0)), Some(first.is_none()));
        if let Some(first) = first {
            assert_eq!(cell("代码", at).as_string::<i32>().value(0), first.code);
            assert_eq!(cell("置信度", at).as_primitive::<Float64Type>().value(0), first.confidence);
        }
        assert_eq!(cell("结论", at).as_string::<i32>().value(0), record.outcome.name());
    }
}

#[test]
fn a_column_is_decided_text_by_text() {
    let texts = || TEXTS.iter().copied();
    let longer = std::iter::once(Some("之前的一行")).chain(texts());
    let dictionary: DictionaryArray<arrow_array::types::Int32Type> = texts().collect();
    let arrays: [ArrayRef; 5] = [
        Arc::new(texts().collect::<StringArray>()),
        Arc::new(texts().collect::<LargeStringArray>()),
        Arc::new(texts().collect::<StringViewArray>()),
        Arc::new(dictionary),
        Arc::new(longer.collect::<StringArray>().slice(1, TEXTS.len())),
    ];
    arrays.iter().for_each(|array| check(array));
    assert_eq!(classify_column(&CLASSIFIER, &StringArray::new_null(0), 1).unwrap().len(), 0);
    let column: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let list = arrow_array::StructArray::from(vec![(
        Arc::new(arrow_schema::Field::new("a", arrow_schema::DataType::Int32, true)),
        column,
    )]);
    assert!(classify_column(&CLASSIFIER, &list, 1).unwrap_err().to_string().contains("不是文字"));
}

/// But for the last bits: what a part or a duplicate does to the batches does not show in the output.
#[test]
fn a_text_is_answered_alike_alone_and_beside_any_other() {
    let pack = CLASSIFIER.pack();
    let long = pack.exemplars.iter().take(12).map(|exemplar| exemplar.text.as_str()).collect::<Vec<_>>().join("。");
    let mut texts: Vec<&str> = pack.exemplars.iter().step_by(9).map(|exemplar| exemplar.text.as_str()).collect();
    texts.extend(["客服", &long, "Offshore development of a claims system"]);
    let together = CLASSIFIER.classify_batch(&texts).unwrap();
    for (text, beside) in texts.iter().zip(&together) {
        let alone = CLASSIFIER.classify(text).unwrap();
        assert_eq!((alone.outcome, alone.candidates.len()), (beside.outcome, beside.candidates.len()), "{text}");
        for (one, other) in alone.candidates.iter().zip(&beside.candidates) {
            assert!((one.confidence.get() - other.confidence.get()).abs() < 2e-6, "{text}");
        }
        assert_eq!(alone.top().map(|first| first.label), beside.top().map(|first| first.label), "{text}");
    }
}
