//! What the figures of the page are counted from.
