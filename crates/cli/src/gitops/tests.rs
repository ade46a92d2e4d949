//! Scripts kept in files.
