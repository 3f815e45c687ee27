//! The server as its users meet it: the real program, asked over loopback.

mod api;
mod figures;
mod harness;
mod jobs;
mod pages;
mod review;
mod security;
mod users;
