//! What the words mean: the entities of the Graph device-management API, who may do what, and
//! how a refusal is written. No I/O.

pub mod clock;
pub mod entity;
pub mod error;
pub mod json;
pub mod permit;
pub mod row;
