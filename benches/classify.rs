//! How long loading, one text, and a batch take. Run on one core with `RAYON_NUM_THREADS=1`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Sixty characters, as a line in a reporting system.
const TEXT: &str = "为某股份制银行信用卡中心提供24小时客服热线座席及人员培训服务，含话务质检、排班与月度分析报告，服务期三年，按通话量结算";

fn benches(criterion: &mut Criterion) {
    criterion.bench_function("load", |bencher| bencher.iter(|| waibao::load::embedded().unwrap()));
    let classifier = waibao::load::embedded().unwrap();
    criterion.bench_function("one text of 60 characters", |bencher| {
        bencher.iter(|| classifier.classify(black_box(TEXT)).unwrap());
    });
    let encoder = classifier.encoder();
    criterion.bench_function("of which the encoder", |bencher| {
        bencher.iter(|| encoder.encode(&[black_box(TEXT)]).unwrap());
    });
    let texts = [TEXT; 64];
    let mut group = criterion.benchmark_group("batch");
    group.throughput(Throughput::Elements(texts.len() as u64)).sample_size(10);
    group.bench_function("64 texts of 60 characters", |bencher| {
        bencher.iter(|| classifier.classify_batch(black_box(&texts)).unwrap());
    });
}

criterion_group!(all, benches);
criterion_main!(all);
