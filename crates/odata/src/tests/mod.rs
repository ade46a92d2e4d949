//! Tests of the whole crate: cases as data, properties on random trees, limits.

mod checked;
mod data;
mod grammar;
mod limits;
mod model;
mod round_trip;
