//! Tests of the whole crate: cases as data, properties on random trees, limits.

mod checked;
mod csdl;
mod data;
mod edm;
mod grammar;
mod limits;
mod model;
mod round_trip;
