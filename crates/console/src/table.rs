//! Tables of entities: what a column shows, and how, follows from the schema.

use std::time::SystemTime;

use maud::{Markup, html};
use runstate_odata::edm::{Property, StructuredType};
use serde_json::Value;

use crate::{
    api::{List, Members as _, query},
    show,
    visit::{Visit, options},
};

/// A column: a property of the entity, or of one that a navigation property leads to.
#[derive(Clone)]
pub(crate) struct Column {
    /// As `$orderby` names it: `runState`, `managedDevice/deviceName`.
    pub(crate) path: &'static str,
    property: &'static Property,
    /// The property that is shown where this says nothing.
    otherwise: Option<&'static str>,
    /// Whether it takes the room that the others leave.
    long: bool,
    label: Option<&'static str>,
}

/// The columns of those paths; a name of its own stands behind `=`, as in `deviceName=Device`. Behind a
/// `|` stands what is shown where the first says nothing; such a column is a long one.
///
/// A path that the schema does not know is left out; a test holds that there is none.
pub(crate) fn columns(ty: &StructuredType, paths: &[&'static str]) -> Vec<Column> {
    let column = |text: &&'static str| {
        let (path, label) = match text.split_once('=') {
            Some((path, label)) => (path, Some(label)),
            None => (*text, None),
        };
        let (path, otherwise) = match path.split_once('|') {
            Some((path, otherwise)) => (path, Some(ty.property(otherwise)?.name)),
            None => (path, None),
        };
        let property = match path.split_once('/') {
            Some((navigation, name)) => ty.navigation(navigation)?.target.property(name)?,
            None => ty.property(path)?,
        };
        Some(Column {
            path,
            property,
            otherwise,
            long: otherwise.is_some(),
            label,
        })
    };
    paths.iter().filter_map(column).collect()
}

impl Column {
    fn label(&self) -> String {
        self.label
            .map_or_else(|| show::words(self.property.name), str::to_owned)
    }

    /// The column's value in a row.
    fn value<'a>(&self, row: &'a Value) -> &'a Value {
        match self.path.split_once('/') {
            Some((navigation, name)) => row.at(navigation).at(name),
            None => match (row.at(self.path), self.otherwise) {
                (Value::Null, Some(otherwise)) => row.at(otherwise),
                (value, _) => value,
            },
        }
    }

    fn class(&self) -> Option<&'static str> {
        let numbers = show::is_number(self.property).then_some("number");
        numbers.or(self.long.then_some("long"))
    }
}

/// What a page's URL asks of its table, in the API's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    path: String,
    pub(crate) filter: Option<String>,
    pub(crate) orderby: Option<String>,
    pub(crate) search: Option<String>,
    skiptoken: Option<String>,
}

impl Asked {
    /// Reads the URL of the visit.
    pub(crate) fn of(visit: &Visit) -> Self {
        let mut asked = Self {
            path: visit.uri.path().to_owned(),
            ..Self::default()
        };
        for (name, value) in options(&visit.uri) {
            if value.trim().is_empty() {
                continue;
            }
            match &*name {
                "$filter" => asked.filter = Some(value),
                "$orderby" => asked.orderby = Some(value),
                "$search" => asked.search = Some(value),
                "$skiptoken" => asked.skiptoken = Some(value),
                _ => {}
            }
        }
        asked
    }

    /// The options for the API.
    pub(crate) fn options<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = [
            ("$filter", &self.filter),
            ("$orderby", &self.orderby),
            ("$search", &self.search),
            ("$skiptoken", &self.skiptoken),
        ];
        let own = own
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)));
        own.chain(more.iter().copied()).collect()
    }

    /// Whether it is the first page.
    pub(crate) fn is_first(&self) -> bool {
        self.skiptoken.is_none()
    }

    /// The page's URL with a filter.
    pub(crate) fn with_filter(&self, filter: Option<&str>) -> String {
        let asked = Self {
            filter: filter.map(str::to_owned),
            skiptoken: None,
            ..self.clone()
        };
        asked.url()
    }

    fn with_order(&self, orderby: String) -> String {
        let asked = Self {
            orderby: Some(orderby),
            skiptoken: None,
            ..self.clone()
        };
        asked.url()
    }

    fn at(&self, skiptoken: Option<&str>) -> String {
        let asked = Self {
            skiptoken: skiptoken.map(str::to_owned),
            ..self.clone()
        };
        asked.url()
    }

    fn url(&self) -> String {
        let options = self.options(&[]);
        match options.is_empty() {
            true => self.path.clone(),
            false => format!("{}?{}", self.path, query(&options)),
        }
    }

    /// Which way the table is sorted by a column.
    fn direction(&self, column: &Column) -> Option<bool> {
        let orderby = self.orderby.as_deref()?.split(',').next()?.trim();
        let mut parts = orderby.split_whitespace();
        let descending = |word: &str| word.eq_ignore_ascii_case("desc");
        (parts.next()? == column.path).then(|| parts.next().is_some_and(descending))
    }

    /// The links to the first page and the next.
    pub(crate) fn pages(&self, list: &List) -> Markup {
        html! {
            @if !self.is_first() || list.next.is_some() {
                nav.pages aria-label="Pages" {
                    @if !self.is_first() { a.button href=(self.at(None)) { "First page" } }
                    @if let Some(next) = &list.next {
                        a.button href=(self.at(Some(next))) rel="next" { "Next page" }
                    }
                }
            }
        }
    }
}

/// A table.
pub(crate) struct Table<'a> {
    /// What it shows, for those who do not see it.
    pub(crate) caption: &'a str,
    pub(crate) columns: &'a [Column],
    pub(crate) rows: &'a [Value],
    pub(crate) now: SystemTime,
    /// Where each row leads.
    pub(crate) link: &'a dyn Fn(&Value) -> Option<String>,
    /// Sorted by its heads where the page's URL says how.
    pub(crate) asked: Option<&'a Asked>,
    /// What stands where there are no rows.
    pub(crate) empty: &'a str,
}

impl Table<'_> {
    pub(crate) fn show(&self) -> Markup {
        if self.rows.is_empty() {
            return html! { p.empty { (self.empty) } };
        }
        html! {
            div.table tabindex="0" role="region" aria-label={ (self.caption) ", table" } {
                table {
                    caption.hidden { (self.caption) }
                    thead { tr {
                        @for (at, column) in self.columns.iter().enumerate() { (self.head(at, column)) }
                    } }
                    tbody { @for row in self.rows { tr { (self.cells(row)) } } }
                }
            }
        }
    }

    fn head(&self, at: usize, column: &Column) -> Markup {
        let label = column.label();
        // What a row is called stands at the left, even where it is a number.
        let class = column.class().filter(|_| at > 0);
        let Some(asked) = self.asked else {
            return html! { th scope="col" class=[class] { (label) } };
        };
        let direction = asked.direction(column);
        let (sorted, mark, next) = match direction {
            None => (None, "", column.path.to_owned()),
            Some(false) => (Some("ascending"), " ↑", format!("{} desc", column.path)),
            Some(true) => (Some("descending"), " ↓", column.path.to_owned()),
        };
        html! {
            th scope="col" class=[class] aria-sort=[sorted] {
                a href=(asked.with_order(next)) { (label) span aria-hidden="true" { (mark) } }
            }
        }
    }

    fn cells(&self, row: &Value) -> Markup {
        let link = (self.link)(row);
        html! {
            @for (at, column) in self.columns.iter().enumerate() {
                @let shown = show::value(column.property, column.value(row), self.now);
                @match (&link, at) {
                    (Some(link), 0) => th scope="row" { a href=(link) { (shown) } },
                    (None, 0) => th scope="row" { (shown) },
                    _ => td class=[column.class()] { (shown) },
                }
            }
        }
    }
}
