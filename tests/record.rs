//! The record's schema is committed: clients rely on it, so a change is seen.

use std::path::Path;

use waibao::Record;

/// Run with `UPDATE_SCHEMA=1` to accept a change.
#[test]
fn the_committed_schema_is_the_record_s() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/record.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Record)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &schema).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), schema);
}
