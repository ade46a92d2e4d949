//! The three kinds of script, as the console's paths name them.

use runstate_graph::entity;
use runstate_odata::edm::StructuredType;

use crate::api::path;

/// A kind of script.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Its name in the console's paths.
    pub(crate) segment: &'static str,
    /// What people call one.
    pub(crate) label: &'static str,
    /// Its collection in the API.
    pub(crate) collection: &'static str,
    /// The entity type.
    pub(crate) ty: &'static StructuredType,
    /// Whether its content is PowerShell.
    pub(crate) powershell: bool,
}

/// All of them.
pub(crate) static KINDS: [Kind; 3] = [
    Kind {
        segment: "shell",
        label: "Shell script",
        collection: "deviceShellScripts",
        ty: &entity::DEVICE_SHELL_SCRIPT,
        powershell: false,
    },
    Kind {
        segment: "powershell",
        label: "PowerShell script",
        collection: "deviceManagementScripts",
        ty: &entity::DEVICE_MANAGEMENT_SCRIPT,
        powershell: true,
    },
    Kind {
        segment: "attribute",
        label: "Custom attribute",
        collection: "deviceCustomAttributeShellScripts",
        ty: &entity::DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT,
        powershell: false,
    },
];

impl Kind {
    /// The kind that a path names.
    pub(crate) fn of(segment: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.segment == segment)
    }

    /// The collection's path in the API.
    pub(crate) fn api(&self) -> String {
        path(&["deviceManagement", self.collection])
    }

    /// The path in the API of something below a script.
    pub(crate) fn script(&self, id: &str, below: &[&str]) -> String {
        let segments = [&["deviceManagement", self.collection, id], below].concat();
        path(&segments)
    }

    /// The path in the console of something below a script's page.
    pub(crate) fn page(&self, id: &str, below: &[&str]) -> String {
        let segments = [&["scripts", self.segment, id], below].concat();
        path(&segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_are_the_schemas() {
        for kind in &KINDS {
            let collection = entity::DEVICE_MANAGEMENT.navigation(kind.collection);
            assert_eq!(
                collection.map(|collection| collection.target),
                Some(kind.ty)
            );
        }
    }
}
