//! The first page: how the fleet is.

use maud::html;

use crate::{
    layout::{Page, Section},
    trouble::Trouble,
    visit::Visit,
};

/// `GET /`
pub(crate) async fn page(visit: Visit) -> Result<Page, Trouble> {
    let content = html! { h1 { "Overview" } };
    Ok(Page::new(&visit, Section::Overview, "Overview", &content))
}
