//! The page between a button and what it does.

use maud::{Markup, html};

use crate::{layout::token, visit::Visit};

/// A question, and the form that answers it with yes.
pub(crate) struct Confirm<'a> {
    /// What it is about.
    pub(crate) content: Markup,
    /// Where the form is sent.
    pub(crate) action: &'a str,
    /// What else it sends.
    pub(crate) fields: &'a [(&'a str, &'a str)],
    /// What the button says.
    pub(crate) button: &'a str,
    /// Whether it takes something away.
    pub(crate) danger: bool,
    /// Where one goes who does not want it.
    pub(crate) back: &'a str,
}

impl Confirm<'_> {
    pub(crate) fn show(&self, visit: &Visit) -> Markup {
        let class = if self.danger { "danger" } else { "primary" };
        html! {
            section.notice.bad[self.danger] {
                (self.content)
                form.actions method="post" action=(self.action) {
                    (token(visit))
                    @for (name, value) in self.fields {
                        input type="hidden" name=(name) value=(value);
                    }
                    button class=(class) { (self.button) }
                    a.button href=(self.back) { "Back" }
                }
            }
        }
    }
}
