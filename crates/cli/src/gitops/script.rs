//! A script as a folder wants it, whichever form the folder has.

use super::{assignment::Assignment, kind::Kind, settings::Settings};

/// A script that a folder describes.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The file that describes it, for messages.
    pub(super) at: String,
    pub(super) kind: Kind,
    /// The id, where the folder tells one.
    pub(super) id: Option<String>,
    pub(super) settings: Settings,
    /// The script's text.
    pub(super) content: Option<Vec<u8>>,
    /// The file that holds the text, as it is written beside.
    pub(super) content_at: Option<String>,
    /// Whom it is for; none where that is left as it is.
    pub(super) assignments: Option<Vec<Assignment>>,
}

impl Wanted {
    /// The script's name.
    pub(super) fn name(&self) -> &str {
        self.settings.name(self.kind)
    }

    /// What people call it.
    pub(super) fn said(&self) -> String {
        said(self.kind, self.name())
    }
}

/// What people call a script.
pub(super) fn said(kind: Kind, name: &str) -> String {
    format!("{} {name:?}", kind.said())
}

/// Whether a text is the same; none is the same as an empty one.
pub(super) fn same_content(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    a.unwrap_or_default() == b.unwrap_or_default()
}
