//! `waibao model prepare`: everything that is computed once for a model, written beside it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use waibao::eval::{read_labelled, shipped_labels};
use waibao::load;

use super::Done;

pub(super) fn prepare(dir: &Path, labels: &[PathBuf], pack: Option<&Path>, out: &mut dyn Write) -> Done {
    let mut labelled = shipped_labels()?;
    for path in labels {
        labelled.extend(read_labelled(path)?.into_iter().map(|row| row.labelled));
    }
    let classifier = load::prepare(dir, pack, &labelled)?;
    let calibrator = classifier.calibrator();
    writeln!(out, "已写入 {} 的 prototypes.bin 和 calibration.json", dir.display())?;
    writeln!(
        out,
        "  校准用 {} 条；温度 {:.4}，字词权重 {:.2}，OUT 偏移 {:.4}；目标正确率 {:.0}%：采纳线 {:.3}，不属于线 {:.3}",
        calibrator.texts,
        calibrator.temperature,
        calibrator.lexical_weight,
        calibrator.out_offset,
        calibrator.target_precision * 100.0,
        calibrator.assign_from,
        calibrator.out_from,
    )?;
    Ok(ExitCode::SUCCESS)
}
