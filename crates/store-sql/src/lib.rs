//! What every backend does in SQL, over a [`Database`] that each of them brings. Names no driver.

mod database;

pub use database::{BindRef, Cells, Database};
