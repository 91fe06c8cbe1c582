//! The store from outside: what is put in comes back, whatever happens in between.

#![forbid(unsafe_code)]
#![cfg(test)]

mod crash;
mod events;
mod history;
mod jobs;
mod opening;
mod paths;
mod recording;
mod scratch;
