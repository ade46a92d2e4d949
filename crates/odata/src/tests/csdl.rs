//! The schema as XML.

use super::model::MODEL;
use crate::{
    csdl,
    edm::{EnumType, Model},
};

#[test]
fn the_small_schema_is_written_whole() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/test_data/metadata.xml");
    let actual = csdl::xml(&MODEL);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &actual).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), actual);
}

#[test]
fn names_are_escaped() {
    let model = Model {
        namespace: "a&b<\"c\">",
        enums: &[&EnumType {
            name: "x",
            members: &[],
            flags: false,
        }],
        types: &[],
        container: &[],
        container_name: "c",
        extension: None,
    };
    let xml = csdl::xml(&model);
    assert!(
        xml.contains("Namespace=\"a&amp;b&lt;&quot;c&quot;&gt;\""),
        "{xml}"
    );
}

#[test]
fn the_service_document_lists_the_roots() {
    let items = csdl::service_document(&MODEL);
    let shown = items.iter().map(|i| (i.name, i.kind, i.url));
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            ("management", "Singleton", "management"),
            ("devices", "EntitySet", "devices"),
            ("users", "EntitySet", "users"),
        ]
    );
}
