//! What people decide: the queue, decisions, undoing, second readings, adjudication.
