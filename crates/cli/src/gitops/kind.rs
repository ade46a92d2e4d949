//! The kinds of script, by the descriptions of their entities.

use std::cmp::Ordering;

use runstate_graph::entity::{
    DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT, DEVICE_MANAGEMENT, DEVICE_MANAGEMENT_SCRIPT, SCRIPT_TYPES,
};
use runstate_odata::edm::{Access, Property, StructuredType};

/// The property that holds a script's text. It stands in a file of its own.
pub(super) const CONTENT: &str = "scriptContent";
/// The property that scripts are known by.
pub(super) const NAME: &str = "displayName";

/// A kind of script: an entity type with a collection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(&'static StructuredType);

impl Kind {
    /// All kinds, in the order of the schema.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        SCRIPT_TYPES.into_iter().map(Self)
    }

    /// The kind of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.name() == name)
    }

    /// The entity type.
    pub(super) fn ty(self) -> &'static StructuredType {
        self.0
    }

    /// The name in files: that of the entity type.
    pub(super) fn name(self) -> &'static str {
        self.0.name
    }

    /// Where the API has the scripts of this kind.
    pub(super) fn path(self) -> String {
        let all = DEVICE_MANAGEMENT.navigation.iter();
        let collection = all
            .filter(|navigation| navigation.target == self.0)
            .map(|navigation| navigation.name)
            .next();
        format!("deviceManagement/{}", collection.unwrap_or_default())
    }

    /// What people call it.
    pub(super) fn said(self) -> &'static str {
        match self.0 {
            ty if ty == &DEVICE_MANAGEMENT_SCRIPT => "PowerShell script",
            ty if ty == &DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT => "custom attribute",
            _ => "shell script",
        }
    }

    /// The folder that an export makes for it.
    pub(super) fn folder(self) -> &'static str {
        match self.0 {
            ty if ty == &DEVICE_MANAGEMENT_SCRIPT => "powershell",
            ty if ty == &DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT => "custom-attributes",
            _ => "shell",
        }
    }

    /// The ending of the files that hold the texts of its scripts.
    pub(super) fn extension(self) -> &'static str {
        match self.0 {
            ty if ty == &DEVICE_MANAGEMENT_SCRIPT => "ps1",
            _ => "sh",
        }
    }

    /// The properties that a client may set, with their positions, in the order in which files list
    /// them: what all kinds have comes first. The text is not among them.
    pub(super) fn settings(self) -> impl Iterator<Item = (usize, &'static Property)> {
        let own = |property: &Property| !Self::all().all(|kind| kind.has(property.name));
        let all = self.0.properties.iter().copied().enumerate();
        let mut all: Vec<_> = all
            .filter(|(_, property)| property.access != Access::Computed && property.name != CONTENT)
            .collect();
        all.sort_by_key(|(_, property)| own(property));
        all.into_iter()
    }

    fn has(self, name: &str) -> bool {
        self.0.position(name).is_some()
    }

    fn position(self) -> Option<usize> {
        SCRIPT_TYPES.iter().position(|ty| *ty == self.0)
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> Ordering {
        self.position().cmp(&other.position())
    }
}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_collection_and_its_settings() {
        let told = |kind: Kind| {
            let settings: Vec<_> = kind.settings().map(|(_, property)| property.name).collect();
            (kind.path(), settings.join(" "))
        };
        let common = "displayName description runAsAccount fileName roleScopeTagIds";
        let expected = [
            (
                "deviceManagementScripts",
                "enforceSignatureCheck runAs32Bit",
            ),
            (
                "deviceShellScripts",
                "executionFrequency retryCount blockExecutionNotifications",
            ),
            (
                "deviceCustomAttributeShellScripts",
                "customAttributeName customAttributeType",
            ),
        ];
        let expected = expected.map(|(collection, own)| {
            (
                format!("deviceManagement/{collection}"),
                format!("{common} {own}"),
            )
        });
        assert_eq!(Kind::all().map(told).collect::<Vec<_>>(), expected);
    }
}
