//! Tables: uploaded, watched, interrupted, downloaded.
