//! `$metadata`: a schema written as CSDL XML.
